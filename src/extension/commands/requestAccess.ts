import * as vscode from 'vscode';
import { Cancelled, ProblemError, SignedOut, Unreachable } from '../client/call.ts';
import type { Services } from '../services.ts';
import type { AccessRequest, Grant, Template } from '../state/world.ts';
import { whyEmpty } from '../views/templateNodes.ts';
import { answered, back, begin, changedMeanwhile, type Position } from './request/flow.ts';
import { LastUsed } from './request/lastUsed.ts';
import { Keys, type Complete } from './request/body.ts';
import { send } from './request/send.ts';
import {
  durationStep,
  reasonStep,
  templateStep,
  ticketStep,
  troubleStep,
  type Stage,
} from './request/steps.ts';
import { Scout } from './request/trouble.ts';

/** What came of the flow: a request, or an access that is there already and is to get a terminal. */
export type Outcome = { readonly request: AccessRequest } | { readonly open: Grant };

/**
 * Leads from "I need production" to a request that was sent. Signs in on the way. What was chosen and typed is kept
 * until the flow ends, whatever happens; what went wrong is said at the step where it can be mended.
 * @param given the id of a template that was clicked
 * @returns undefined when the person turned away: nothing is left then, and nothing more is to be said
 */
export async function requestAccess(
  services: Services,
  given?: string,
  token?: vscode.CancellationToken,
): Promise<Outcome | undefined> {
  if (!(await services.account.ensureSignedIn())) return undefined;
  if (!services.store.world.templates) await services.sync.refresh();
  if (services.store.world.templates?.templates.length === 0) {
    void vscode.window.showInformationMessage(whyEmpty(services.store.world.templates) ?? '');
    return undefined;
  }
  const flow = new Flow(services, token);
  try {
    return await flow.run(given === undefined ? undefined : templateWith(services, given));
  } finally {
    flow.dispose();
  }
}

function templateWith({ store }: Services, id: string): Template | undefined {
  return store.world.templates?.templates.find((template) => template.id === id);
}

class Flow {
  readonly #services: Services;
  readonly #token: vscode.CancellationToken | undefined;
  readonly #keys = new Keys();
  readonly #lastUsed: LastUsed;
  #scout: { readonly template: Template; readonly looks: Scout } | undefined;

  constructor(services: Services, token: vscode.CancellationToken | undefined) {
    this.#services = services;
    this.#token = token;
    this.#lastUsed = new LastUsed(services.places.storage);
  }

  async run(given: Template | undefined): Promise<Outcome | undefined> {
    const lastUsed = await this.#lastUsed.read();
    let position: Position = begin(given);
    for (;;) {
      const scout = this.#scoutFor(position.draft.template);
      if (position.step === 'send') {
        const sent = await this.#send(position);
        if (sent === undefined) return undefined;
        if ('request' in sent) return sent;
        position = sent.position;
        continue;
      }
      const stage = { services: this.#services, position, token: this.#token, lastUsed, scout };
      const answer = await this.#ask(stage);
      if (answer.is === 'cancelled') return undefined;
      if (answer.is === 'back') position = back(position) ?? position;
      else if ('open' in answer.value) return answer.value;
      else position = answered(position, answer.value, this.#scoutFor(answer.value.template)?.key);
    }
  }

  dispose(): void {
    this.#scout?.looks.dispose();
  }

  #ask(stage: Stage) {
    const { step, draft } = stage.position;
    const { template } = draft;
    if (step === 'template' || !template) return templateStep(stage);
    switch (step) {
      case 'duration':
        return durationStep(stage, template);
      case 'ticket':
        return ticketStep(stage, template);
      case 'trouble':
        return troubleStep(stage, template);
      case 'reason':
      case 'send':
        return reasonStep(stage, template);
    }
  }

  /** What can be known beforehand is found out while the person chooses. */
  #scoutFor(template: Template | undefined): Scout | undefined {
    if (template && this.#scout?.template !== template) {
      this.#scout?.looks.dispose();
      this.#scout = { template, looks: new Scout(template) };
    }
    return this.#scout?.looks;
  }

  /** @returns the request; or where to go on; or undefined when the person turned away */
  async #send(position: Position): Promise<{ request: AccessRequest } | { position: Position } | undefined> {
    const draft = position.draft as Complete;
    const { services, id } = { services: this.#services, id: draft.template.id };
    const now = services.store.world.templates && templateWith(services, id);
    if (services.store.world.templates && now?.digest !== draft.template.digest)
      return { position: changedMeanwhile(position, now) };
    try {
      const request = await send(services, draft, this.#keys);
      void this.#lastUsed.add(id);
      return { request };
    } catch (error) {
      return this.#afterFailure(error, position);
    }
  }

  async #afterFailure(error: unknown, position: Position): Promise<{ position: Position } | undefined> {
    const services = this.#services;
    const at = (step: Position['step'], notice: string) => ({ position: { ...position, step, notice } });
    if (error instanceof Cancelled) return undefined;
    if (error instanceof SignedOut)
      return (await services.account.ensureSignedIn()) ? { position } : undefined;
    if (error instanceof Unreachable) {
      services.log.warn('A request could not be sent.', error);
      return at('reason', `${error.message} What you typed is kept: press Enter to try again.`);
    }
    if (!(error instanceof ProblemError)) throw error;
    switch (error.kind) {
      case 'changed-meanwhile':
      case 'template-gone':
      case 'too-long': {
        await services.sync.refresh();
        const now = templateWith(services, (position.draft as Complete).template.id);
        return { position: changedMeanwhile(position, now) };
      }
      case 'ticket-needed':
        return at('ticket', error.message);
      case 'too-many-pending':
      case 'not-allowed':
        void vscode.window.showWarningMessage(error.message);
        return undefined;
      default:
        services.log.warn('A request was refused.', error);
        return at('reason', error.message);
    }
  }
}
