import { secondsOf, spokenDuration } from '../../../contract/durations.ts';
import { needsOf, needWords } from '../../../contract/needs.ts';
import type { Template } from '../../state/world.ts';

export type Step = 'template' | 'duration' | 'reason' | 'ticket' | 'trouble' | 'send';

/** What was chosen and typed so far; kept whatever happens, until the flow ends. */
export interface Draft {
  readonly template?: Template;
  readonly duration?: string;
  readonly reason?: string;
  readonly ticket?: string;
  /** What was said to be in the way, and accepted. */
  readonly accepted?: string;
}

/** Where the flow stands. `notice` is said at the step, once. */
export interface Position {
  readonly step: Step;
  readonly draft: Draft;
  readonly notice?: string;
  /** The template was given by a click: there is no step before the duration. */
  readonly given: boolean;
}

/** @param template given by a click on it */
export function begin(template?: Template): Position {
  return template
    ? { step: 'duration', draft: { template }, given: true }
    : { step: 'template', draft: {}, given: false };
}

/** The steps of a draft, in order. The ticket is asked for apart only where the reason does not name it. */
export function stepsOf({ draft, given }: Pick<Position, 'draft' | 'given'>, trouble?: string): Step[] {
  return [
    ...(given ? [] : (['template'] as const)),
    'duration',
    'reason',
    ...(asksForTicket(draft) ? (['ticket'] as const) : []),
    ...(trouble !== undefined && trouble !== draft.accepted ? (['trouble'] as const) : []),
    'send',
  ];
}

function asksForTicket({ template, reason, ticket }: Draft): boolean {
  if (!template?.ticket?.required) return false;
  const found = ticketIn(reason ?? '', template);
  return found === undefined || (ticket !== undefined && ticket !== found);
}

/** The position after an answer. @param trouble what is known to be in the way of using the access */
export function answered(position: Position, answer: Draft, trouble?: string): Position {
  const draft = fitting({ ...position.draft, ...answer });
  return {
    step: following(stepsOf({ ...position, draft }, trouble), position.step),
    draft,
    given: position.given,
  };
}

function following(steps: readonly Step[], step: Step): Step {
  if (step === 'trouble') return 'send';
  return steps[steps.indexOf(step) + 1] ?? 'send';
}

/** The position before; undefined at the first step. */
export function back(position: Position): Position | undefined {
  const steps = stepsOf(position);
  const at =
    position.step === 'trouble' || position.step === 'send' ? steps.length - 1 : steps.indexOf(position.step);
  const step = steps[at - 1];
  return step === undefined ? undefined : { step, draft: position.draft, given: position.given };
}

/** Another template may not allow what was chosen for the one before. */
function fitting(draft: Draft): Draft {
  const { template, duration, ...rest } = draft;
  if (!template) return draft;
  const fits = duration !== undefined && secondsOf(duration) <= secondsOf(template.duration.longest);
  return { ...rest, template, ...(fits ? { duration } : {}) };
}

/**
 * Where to go on when the template changed or went while it was being requested.
 * @param now the template as it is now; undefined: it is gone
 */
export function changedMeanwhile(position: Position, now: Template | undefined): Position {
  const { template: before, ...rest } = position.draft;
  if (!now)
    return {
      step: 'template',
      draft: rest,
      notice: `“${before?.title ?? 'This template'}” is no longer there. Choose another; what you typed is kept.`,
      given: false,
    };
  const draft = fitting({ ...rest, template: now });
  const notice = `This template changed while you chose: ${before ? whatChanged(before, now) : 'look at it'}. Look again.`;
  const step =
    draft.duration === undefined ? 'duration' : asksForTicket(draft) && !draft.ticket ? 'ticket' : 'reason';
  return { step, draft, notice, given: position.given };
}

/** In the middle of a sentence. */
export function whatChanged(before: Template, now: Template): string {
  const changes: string[] = [];
  const [longestBefore, longest] = [before.duration.longest, now.duration.longest].map(spokenDuration);
  if (longest !== longestBefore) changes.push(`longest is now ${longest ?? ''} (was ${longestBefore ?? ''})`);
  if (before.allows.join('\n') !== now.allows.join('\n'))
    changes.push(`it now allows: ${now.allows.join('; ')}`);
  const [approversBefore, approvers] = [before, now].map((one) => needWords(needsOf(one)));
  if (approvers !== approversBefore)
    changes.push(approvers ? `it now needs approval by ${approvers}` : 'it no longer needs approval');
  if ((before.ticket?.required ?? false) !== (now.ticket?.required ?? false))
    changes.push(now.ticket?.required ? 'it now needs a ticket' : 'it no longer needs a ticket');
  if (before.target.id !== now.target.id) changes.push(`it is now for ${now.target.title}`);
  return changes.length ? changes.join(', ') : 'its wording is new';
}

/** Whether a ticket is what the template demands: the whole of it matches. */
export function isTicket(text: string, { ticket }: Pick<Template, 'ticket'>): boolean {
  if (!ticket) return true;
  try {
    return new RegExp(`^(?:${ticket.pattern})$`, 'u').test(text);
  } catch {
    // The broker decides.
    return true;
  }
}

/** The ticket that a reason names, if it names exactly one. */
export function ticketIn(reason: string, template: Pick<Template, 'ticket'>): string | undefined {
  if (!template.ticket) return undefined;
  const words = reason
    .split(/[\s,;:()[\]"'“”]+/)
    .map((word) => word.replace(/[.!?]+$/, ''))
    .filter((word) => word.length > 0 && word.length <= 64 && isTicket(word, template));
  const different = new Set(words);
  return different.size === 1 ? words[0] : undefined;
}
