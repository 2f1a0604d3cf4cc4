import { Cancelled, ProblemError, SignedOut, Unreachable } from '../../client/call.ts';
import type { AccessRequest, Grant, Template } from '../../state/world.ts';
import { whyNothingOpened } from '../../views/endings.ts';
import type { Complete } from './body.ts';
import { answered, back, begin, changedMeanwhile, type Draft, type Position } from './flow.ts';

/** What came of the flow: a request, or an access that is there already and is to get a terminal. */
export type Outcome = { readonly request: AccessRequest } | { readonly open: Grant };

/** An answer to a step. */
export type StepAnswer =
  | { readonly is: 'value'; readonly value: Draft | { readonly open: Grant } }
  | { readonly is: 'back' }
  | { readonly is: 'cancelled' };

/** What the flow needs of the world around it. */
export interface Surroundings {
  /** Shows a step and waits for its answer. */
  ask(position: Position): Promise<StepAnswer>;
  /** Asks the broker. @throws as `Api.call`; the very same words are always the very same call */
  send(draft: Complete): Promise<AccessRequest>;
  /** What is known to be in the way of using a template's access from here, as one word; see `flow.ts`. */
  trouble(template: Template | undefined): string | undefined;
  /** The template as it is now; `unknown` while the list has not been read. */
  now(id: string): Template | 'unknown' | undefined;
  refresh(): Promise<void>;
  signIn(): Promise<boolean>;
  /** Tells what ends the flow. */
  tell(message: string): void;
  warn(message: string, cause: unknown): void;
}

/**
 * Asks step after step and sends. What was chosen and typed is kept until the flow ends, whatever happens; what went
 * wrong is said at the step where it can be mended.
 * @param given a template that was clicked
 * @returns undefined when the person turned away, or nothing could come of it and that was said
 */
export async function drive(around: Surroundings, given?: Template): Promise<Outcome | undefined> {
  for (let position = begin(given); ;) {
    around.trouble(position.draft.template);
    if (position.step === 'send') {
      const sent = await send(around, position);
      if (!sent || 'request' in sent) return sent;
      position = sent.position;
      continue;
    }
    const answer = await around.ask(position);
    if (answer.is === 'cancelled') return undefined;
    if (answer.is === 'back') position = back(position) ?? position;
    else if ('open' in answer.value) return answer.value;
    else {
      const template = answer.value.template ?? position.draft.template;
      position = answered(position, answer.value, around.trouble(template));
    }
  }
}

type Sent = { readonly request: AccessRequest } | { readonly position: Position } | undefined;

async function send(around: Surroundings, position: Position): Promise<Sent> {
  const draft = position.draft as Complete;
  const now = around.now(draft.template.id);
  if (now !== 'unknown' && now?.digest !== draft.template.digest)
    return { position: changedMeanwhile(position, now) };
  try {
    const request = await around.send(draft);
    if (request.state !== 'refused') return { request };
    around.tell(whyNothingOpened(request) ?? '');
    return undefined;
  } catch (error) {
    return afterFailure(around, error, position);
  }
}

async function afterFailure(around: Surroundings, error: unknown, position: Position): Promise<Sent> {
  const at = (step: Position['step'], notice: string): Sent => ({ position: { ...position, step, notice } });
  if (error instanceof Cancelled) return undefined;
  if (error instanceof SignedOut) return (await around.signIn()) ? { position } : undefined;
  if (error instanceof Unreachable) {
    around.warn('A request could not be sent.', error);
    return at('reason', `${error.message} What you typed is kept: press Enter to try again.`);
  }
  if (!(error instanceof ProblemError)) throw error;
  switch (error.kind) {
    case 'changed-meanwhile':
    case 'template-gone':
    case 'too-long': {
      await around.refresh();
      const now = around.now((position.draft as Complete).template.id);
      return { position: changedMeanwhile(position, now === 'unknown' ? undefined : now) };
    }
    case 'ticket-needed':
      return at('ticket', error.message);
    case 'too-many-pending':
    case 'step-up-needed':
      return at('reason', `${error.message} What you typed is kept: press Enter to try again.`);
    case 'refused-by-policy':
      return at('reason', error.message);
    case 'not-allowed':
      around.tell(error.message);
      return undefined;
    default:
      around.warn('A request was refused.', error);
      return at('reason', error.message);
  }
}
