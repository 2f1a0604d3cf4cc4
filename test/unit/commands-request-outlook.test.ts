import assert from 'node:assert/strict';
import { outlookInWords } from '../../src/extension/commands/request/outlook.ts';
import type { Outlook } from '../../src/contract/requests.ts';

describe('what a person reads before asking', () => {
  const leads = { number: 1, by: ['payments-leads'] };
  const asked = (more: Partial<Extract<Outlook, { is: 'asked' }>>): Outlook => ({
    is: 'asked',
    needs: [leads],
    people: [],
    notAutomatic: [],
    ...more,
  });
  const table: [Outlook, string][] = [
    [{ is: 'approved', why: 'no approval needed' }, 'Nobody needs to approve; it stands in the audit log.'],
    [
      { is: 'approved', why: 'on call (payments)' },
      'Nobody needs to approve: on call (payments). It stands in the audit log.',
    ],
    [
      { is: 'refused', why: 'Frozen until 2027-01-02 07:00 UTC: “Christmas”.' },
      'This would be refused. Frozen until 2027-01-02 07:00 UTC: “Christmas”.',
    ],
    [asked({}), 'One of payments-leads will read this.'],
    [asked({ people: ['Ben Roth'], usually: 'PT3M10S' }), 'Ben Roth will read this; usually 3 min.'],
    [
      asked({ people: ['Ben', 'Eva'], usually: 'PT20S' }),
      'One of Ben, Eva will read this; usually under 1 min.',
    ],
    [asked({ people: ['A', 'B', 'C', 'D'] }), 'One of payments-leads will read this.'],
    [
      asked({ needs: [{ ...leads, number: 2 }], people: ['Ben', 'Eva', 'Kim'] }),
      '2 of Ben, Eva, Kim will read this.',
    ],
    [asked({ needs: [{ ...leads, number: 2 }], people: ['Ben'] }), '2 of payments-leads will read this.'],
    [
      asked({ needs: [leads, { number: 1, by: ['security'] }], people: ['Ben', 'Sue'] }),
      'One of payments-leads and one of security will read this.',
    ],
    [
      asked({ people: ['Ben'], notAutomatic: ['longer than 15 min'], usually: 'PT1H2M' }),
      'Ben will read this; usually 1 h 2 min. Not automatic: longer than 15 min.',
    ],
    [
      asked({ missing: [leads] }),
      'Nobody who could approve this has signed in here yet. Ask one of payments-leads to do so.',
    ],
    [
      asked({
        needs: [{ ...leads, number: 3 }],
        people: ['Ben'],
        missing: [{ ...leads, number: 2 }],
        usually: 'PT3M',
        notAutomatic: ['not on call (payments)'],
      }),
      'Too few who could approve this have signed in here yet. Ask 2 of payments-leads to do so. Not automatic: not on call (payments).',
    ],
  ];
  for (const [outlook, words] of table) it(words, () => assert.equal(outlookInWords(outlook), words));
});
