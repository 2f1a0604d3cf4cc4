import type { Outlook } from '../../../contract/requests.ts';
import { spokenDuration } from '../../../contract/durations.ts';
import { needWords } from '../../../contract/needs.ts';
import type { ApprovalNeed, GlassRule } from '../../../contract/templates.ts';

type Asked = Extract<Outlook, { is: 'asked' }>;

/** Who reads the reason and what comes of it, before anybody is asked: `One of Ben, Eva will read this; usually 3 min.` */
export function outlookInWords(outlook: Outlook): string {
  switch (outlook.is) {
    case 'refused':
      return `This would be refused. ${outlook.why}`;
    case 'approved':
      return outlook.why === 'no approval needed'
        ? 'Nobody needs to approve; it stands in the audit log.'
        : `Nobody needs to approve: ${outlook.why}. It stands in the audit log.`;
    case 'asked': {
      const notAutomatic = outlook.notAutomatic.map((why) => ` Not automatic: ${why}.`).join('');
      const glass = outlook.breakGlass ? ` ${glassInWords(outlook.breakGlass)}` : '';
      if (outlook.missing) return `${whoIsMissing(outlook, outlook.missing)}${notAutomatic}${glass}`;
      const usually = outlook.usually === undefined ? '' : `; usually ${roughly(outlook.usually)}`;
      return `${upperFirst(approvers(outlook))} will read this${usually}.${notAutomatic}${glass}`;
    }
  }
}

function glassInWords({ after }: GlassRule): string {
  return after === undefined
    ? 'In an emergency you can break the glass.'
    : `If nobody answers for ${spokenDuration(after)}, you can break the glass.`;
}

/** Whoever has never signed in is not known, so that more is not promised than can be seen. */
function whoIsMissing({ people }: Asked, missing: readonly ApprovalNeed[]): string {
  const who =
    people.length === 0 ? 'Nobody who could approve this has' : 'Too few who could approve this have';
  return `${who} signed in here yet. Ask ${needWords(missing)} to do so.`;
}

function approvers({ needs, people }: Asked): string {
  const wanted = needs.reduce((sum, { number }) => sum + number, 0);
  const [only] = people;
  if (people.length > 3 || only === undefined || people.length < wanted || needs.length > 1)
    return needWords(needs);
  if (people.length === 1) return only;
  return `${wanted === 1 ? 'one' : String(wanted)} of ${people.join(', ')}`;
}

/** To the minute, since nobody waits by the second. */
function roughly(duration: string): string {
  const [, hours = '0', minutes = '0', seconds = '0'] =
    /^PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?$/.exec(duration) ?? [];
  const total = Number(hours) * 60 + Number(minutes) + Number(seconds) / 60;
  return total < 1 ? 'under 1 min' : spokenDuration(`PT${Math.round(total)}M`);
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
