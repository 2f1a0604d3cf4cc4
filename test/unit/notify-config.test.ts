import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '../../src/broker/config/load.ts';
import { spokenProblem } from '../../src/broker/config/problem.ts';
import { deliverySteps } from '../../src/broker/templates/notify.ts';
import { parseTemplates } from '../../src/broker/templates/parse.ts';
import { present } from '../../src/broker/templates/present.ts';
import type { ChannelConfig } from '../../src/broker/config/channels.ts';
import type { TargetConfig } from '../../src/broker/config/config.ts';
import { Secret } from '../../src/contract/secret.ts';

const environment = {
  SHOP: 'shop-hush',
  HOOK: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
  SHORT: `whsec_${Buffer.alloc(16, 7).toString('base64')}`,
  SLACK: 'xoxb-hush',
  MAIL: 'mail-hush',
};
const configuration = (channels: string) => `
listen: 127.0.0.1:8443
public_url: https://access.shop.example/
organisation: { name: Shop }
groups: [engineering, payments-leads]
identity: { issuer: https://login.shop.example, clients: [daypass-vscode] }
database: { embedded: ./data }
targets:
  shop: { title: Shop, kind: postgresql, host: shop, database: shop, login: { user: broker, password: { env: SHOP } } }
channels:
${channels
  .trim()
  .split('\n')
  .map((line) => `  ${line}`)
  .join('\n')}
`;

describe('channels in daypass.yaml', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'daypass-channels-'));
  });
  after(() => rm(folder, { recursive: true }));
  const read = async (channels: string) => {
    const file = join(folder, 'daypass.yaml');
    await writeFile(file, configuration(channels));
    return readConfig(file, environment);
  };
  const said = async (channels: string) => {
    const { problems, missing } = await read(channels);
    return [...problems, ...missing].map((one) => spokenProblem(one, folder));
  };

  it('are read whole, with their secrets in wrappers', async () => {
    const { config, problems } = await read(`
hook: { kind: webhook, url: https://hooks.shop.example/x, secrets: [{ env: HOOK }] }
payments-slack: { kind: slack, title: Ben Roth, channel: C0123456789, token: { env: SLACK }, reaches: [payments-leads] }
leads-mail:
  kind: email
  to: [leads@shop.example]
  from: daypass@shop.example
  server: { host: smtp.shop.example, login: { user: daypass, password: { env: MAIL } } }
`);
    assert.deepEqual(problems, []);
    const [hook, slack, mail] = [...config!.channels.values()];
    assert.deepEqual([hook?.kind, hook?.title, hook?.reaches], ['webhook', 'hook', []]);
    assert.deepEqual(
      [slack?.kind, slack?.title, slack?.kind === 'slack' && slack.api],
      ['slack', 'Ben Roth', 'https://slack.com/api'],
    );
    assert.ok(mail?.kind === 'email');
    assert.deepEqual([mail.server.port, mail.server.tls], [587, 'starttls']);
    for (const hush of Object.values(environment))
      assert.ok(!JSON.stringify([...config!.channels.values()]).includes(hush));
  });

  const wrong: Record<string, [channels: string, says: RegExp]> = {
    'a kind that there is not': [
      'hook: { kind: webhok }',
      /kind: "webhok" is not possible here\. Did you mean "webhook"\?/,
    ],
    'a key that there is not': [
      'hook: { kind: webhook, url: https://x.example, secret: { env: HOOK }, secrets: [{ env: HOOK }] }',
      /channels\.hook\.secret: there is no such key/,
    ],
    'an address in clear': [
      'hook: { kind: webhook, url: http://hooks.shop.example, secrets: [{ env: HOOK }] }',
      /channels\.hook\.url: should begin with https:/,
    ],
    'a secret that is none': [
      'hook: { kind: webhook, url: https://x.example, secrets: [{ env: SHORT }] }',
      /channels\.hook\.secrets: is no webhook secret: .*openssl rand/,
    ],
    'a secret that is missing': [
      'hook: { kind: webhook, url: https://x.example, secrets: [{ env: NOWHERE }] }',
      /the environment variable NOWHERE is not set/,
    ],
    'a name instead of an id': [
      'talk: { kind: slack, channel: "#payments", token: { env: SLACK } }',
      /channels\.talk\.channel: should be the id of a channel/,
    ],
    'an address of mail that would break out of a header': [
      'mail: { kind: email, to: ["a@b.example\\nBcc: x@evil.example"], from: a@b.example, server: { host: localhost } }',
      /channels\.mail\.to: should be an e-mail address/,
    ],
    'mail in clear': [
      'mail: { kind: email, to: [a@b.example], from: a@b.example, server: { host: smtp.example, tls: off } }',
      /channels\.mail\.server\.tls: would send requests and a password in clear/,
    ],
    'a group that nobody is in': [
      'mail: { kind: email, to: [a@b.example], from: a@b.example, server: { host: x }, reaches: [payments-lead] }',
      /channels\.mail\.reaches: nobody is in "payments-lead"\. Did you mean "payments-leads"\?/,
    ],
    'a group that it reaches without an address': [
      'talk: { kind: slack, token: { env: SLACK }, reaches: [payments-leads] }',
      /channels\.talk\.reaches: says whom it reaches\. Say where, too: "channel" is missing/,
    ],
    'the name of a group': [
      'payments-leads: { kind: slack, channel: C01, token: { env: SLACK } }',
      /channels\.payments-leads: is the name of a group too/,
    ],
  };
  for (const [what, [channels, says]] of Object.entries(wrong))
    it(`say what is wrong with ${what}`, async () => {
      const problems = await said(channels);
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(problems[0]!, says);
      for (const hush of Object.values(environment)) assert.ok(!problems.join().includes(hush));
    });
});

const ben = { subject: '9b1c', called: 'ben', email: 'ben@shop.example', slack: 'U01' };
const eva = { subject: '7f3a', called: 'eva', email: 'eva@shop.example' };
const slack = (title: string, reaches: string[], channel?: string): ChannelConfig => ({
  ...{ kind: 'slack', name: title, title, reaches, token: new Secret('hush'), api: '' },
  ...(channel === undefined ? {} : { channel }),
});
const mail = (reaches: string[], to: string[]): ChannelConfig => ({
  ...{ kind: 'email', name: 'mail', title: 'leads-mail', reaches, to, from: 'daypass@shop.example' },
  server: { host: 'smtp.shop.example', port: 587, tls: 'starttls' },
});

describe('notify in a template', () => {
  const references = {
    groups: ['engineering', 'payments-leads', 'security', 'sre'],
    targets: new Map([
      [
        'shop',
        {
          id: 'shop',
          title: 'Shop',
          kind: 'postgresql',
          advertised: { host: 'shop', port: 5432 },
          tls: { mode: 'verify-full' },
        } as TargetConfig,
      ],
    ]),
    channels: new Map<string, ChannelConfig>([
      ['payments-oncall', slack('Ben Roth', [], 'C01')],
      ['leads-mail', mail(['payments-leads', 'sre'], ['leads@shop.example'])],
      ['sre-slack', slack('sre-slack', ['sre'], 'C02')],
      ['direct', slack('direct', [])],
      ['mail', mail([], [])],
      ['pager', { kind: 'webhook', name: 'pager', title: 'pager', reaches: [], url: '', secrets: [] }],
    ]),
    schedules: new Map([['payments', { contacts: new Map([ben, eva].map((one) => [one.subject, one])) }]]),
  };
  const text = (notify: string, approve = '{ by: [payments-leads] }') => `
template: a
title: Fix it
summary: It is fixed.
target: shop
scope: { privileges: [select on sales.orders] }
duration: { default: PT30M, longest: PT1H }
request: { by: [engineering] }
approve: ${approve}
revoke: { by: [security] }
notify: ${notify}
`;
  const parse = (written: string) =>
    parseTemplates([{ file: '/repo/templates/a.yaml', text: written }], references);
  const said = (written: string) => parse(written).problems.map((one) => spokenProblem(one, '/repo'));

  it('names channels and groups, one after the other, and is shown as such', () => {
    const { templates, problems } = parse(
      text(
        '[{ tell: payments-oncall }, { after: PT3M, tell: payments-leads }, { after: PT8M, call: "+49 30 1234" }]',
      ),
    );
    assert.deepEqual(problems, []);
    const template = templates.get('a')!;
    assert.deepEqual(template.notify, [
      { afterSeconds: 0, channel: 'payments-oncall', title: 'Ben Roth' },
      { afterSeconds: 180, channel: 'leads-mail', title: 'payments-leads' },
      { afterSeconds: 480, call: '+49 30 1234' },
    ]);
    assert.deepEqual(present(template, references).notify, [
      { afterSeconds: 0, tell: 'Ben Roth' },
      { afterSeconds: 180, tell: 'payments-leads' },
      { afterSeconds: 480, call: '+49 30 1234' },
    ]);
  });

  it('names whoever is on call and the channel that reaches them, and says whom it cannot reach', () => {
    const through = (channel: string) =>
      parse(text(`[{ tell: { on_call: payments, through: ${channel} } }]`));
    const { templates, problems, warnings } = through('mail');
    assert.deepEqual([problems, warnings], [[], []]);
    const template = templates.get('a')!;
    const title = 'whoever is on call (payments)';
    assert.deepEqual(template.notify, [{ afterSeconds: 0, channel: 'mail', onCall: 'payments', title }]);
    assert.deepEqual(deliverySteps(template.notify), [
      { step: 0, afterSeconds: 0, channel: 'mail', onCall: 'payments' },
    ]);
    assert.deepEqual(present(template, references).notify, [{ afterSeconds: 0, tell: title }]);
    assert.deepEqual(through('pager').warnings, []);
    assert.match(
      through('direct')
        .warnings.map((one) => spokenProblem(one, '/repo'))
        .join(),
      /notify\[0\]\.tell: "direct" cannot reach eva\. .*under the "people" of "payments": \{ subject: …, slack: … \}/,
    );
  });

  const wrong: Record<string, [written: string, says: RegExp]> = {
    'a schedule that there is not': [
      text('[{ tell: { on_call: payment, through: mail } }]'),
      /notify\[0\]\.tell\.on_call: there is no schedule "payment"\. Did you mean "payments"\?/,
    ],
    'a channel that there is not, for whoever is on call': [
      text('[{ tell: { on_call: payments, through: pagers } }]'),
      /notify\[0\]\.tell\.through: there is no channel "pagers"\. Did you mean "pager"\?/,
    ],
    'whoever is on call without a channel': [
      text('[{ tell: { on_call: payments } }]'),
      /notify\[0\]\.tell\.through: is missing\. The channel/,
    ],
    'a channel without an address': [
      text('[{ tell: direct }]'),
      /notify\[0\]\.tell: "direct" has no address of its own\. Say whom it is to reach/,
    ],
    'a channel that there is not': [
      text('[{ tell: payment-oncall }]'),
      /a\.yaml:\d+:\d+ {2}notify\[0\]\.tell: there is no channel "payment-oncall"\. Did you mean "payments-oncall"\?/,
    ],
    'a group that no channel reaches': [
      text('[{ tell: security }]'),
      /notify\[0\]\.tell: no channel reaches "security"\. Add the group to "reaches"/,
    ],
    'a group that several reach': [
      text('[{ tell: sre }]'),
      /notify\[0\]\.tell: "sre" is reached by several channels: leads-mail, sre-slack\. Name one/,
    ],
    'steps that are not in order': [
      text('[{ after: PT5M, tell: payments-oncall }, { after: PT3M, tell: payments-leads }]'),
      /notify\[1\]\.after: is earlier than the step before it/,
    ],
    'a template that nobody approves': [
      text('[{ tell: payments-oncall }]', 'nobody'),
      /notify: tells people of requests that wait, and with "nobody" to approve none does/,
    ],
    'a step of something else': [
      text('[{ tell: payments-oncall, pages: ben }]'),
      /notify\[0\]\.pages: there is no such key/,
    ],
  };
  for (const [what, [written, says]] of Object.entries(wrong))
    it(`says what is wrong with ${what}`, () => {
      const problems = said(written);
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(problems[0]!, says);
    });
});
