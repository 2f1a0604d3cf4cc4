import * as vscode from 'vscode';
import { spokenDuration } from '../../contract/durations.ts';
import type { Services } from '../services.ts';
import type { AccessRequest, Grant } from '../state/world.ts';
import { shortTime } from '../views/countdown.ts';
import { standingOf, type Standing } from '../views/standing.ts';
import { askedOf, inert, why } from '../views/words.ts';
import { nothingThere, type Help } from './help.ts';
import { idIn } from './names.ts';
import { say } from './say.ts';

/** What is chosen from: each with the words for its line. */
interface Candidate<T> {
  readonly item: T;
  readonly label: string;
  readonly description: string;
  readonly detail: string;
}

interface Question {
  readonly placeholder: string;
  /** Said when there is nothing to choose from. */
  readonly none: string;
  /** And what is offered then. */
  readonly help: Help;
}

/** The grant that a command is about: named by its argument, the only one there is, or chosen. */
export async function chooseGrant(
  services: Services,
  argument: unknown,
  among: (standing: Standing) => readonly Grant[],
  question: Question,
): Promise<Grant | undefined> {
  const id = idIn(argument, 'grantId');
  if (id !== undefined) return orSay(services, services.store.world.grants.get(id), question);
  const now = services.clock.now();
  const { account } = services.store.world;
  const me = account.is === 'signed in' ? account.me.person.id : undefined;
  return choose(
    services,
    among(standingOf(services.store.world, now)).map((grant) => ({
      item: grant,
      label: grant.holder.id === me ? grant.template.title : `${grant.holder.name}: ${grant.template.title}`,
      detail: why(grant),
      description: `${grant.template.target.title} · ${
        grant.expiresAt === undefined
          ? `${spokenDuration(grant.duration)}, not opened yet`
          : `${shortTime(Date.parse(grant.expiresAt) - now)} left`
      }`,
    })),
    question,
  );
}

/** A grant as it is now, if something can still be done under it: people take their time over a question. */
export function stillOpen({ store }: Pick<Services, 'store'>, { id }: Grant): Grant | undefined {
  const grant = store.world.grants.get(id);
  return grant?.state === 'approved' || grant?.state === 'active' ? grant : undefined;
}

/** The request that a command is about. */
export async function chooseRequest(
  services: Services,
  argument: unknown,
  among: (standing: Standing) => readonly AccessRequest[],
  question: Question,
): Promise<AccessRequest | undefined> {
  const id = idIn(argument, 'requestId');
  if (id !== undefined) return orSay(services, services.store.world.requests.get(id), question);
  return choose(
    services,
    among(standingOf(services.store.world, services.clock.now())).map((request) => ({
      item: request,
      label: `${request.requester.name}: ${request.template.title}`,
      description: `${request.template.target.title} · ${spokenDuration(request.duration)} · waiting for ${askedOf(request)}`,
      detail: why(request),
    })),
    question,
  );
}

async function choose<T>(
  services: Services,
  candidates: readonly Candidate<T>[],
  question: Question,
): Promise<T | undefined> {
  if (candidates.length < 2) return orSay(services, candidates[0]?.item, question);
  const chosen = await vscode.window.showQuickPick(candidates.map(written), {
    placeHolder: question.placeholder,
  });
  return chosen?.item;
}

/** The words of each candidate, in which `$(name)` would be an icon. */
function written<T>(candidate: Candidate<T>): Candidate<T> {
  const { label, description, detail } = candidate;
  return { ...candidate, label: inert(label), description: inert(description), detail: inert(detail) };
}

function orSay<T>({ store }: Services, item: T | undefined, question: Question): T | undefined {
  if (item === undefined) {
    const { text, help } = nothingThere(store.world, question.none, question.help);
    void say(text, help);
  }
  return item;
}
