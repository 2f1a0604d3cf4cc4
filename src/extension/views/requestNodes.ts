import { spokenDuration } from '../../contract/durations.ts';
import { toldInWords } from '../../contract/telling-words.ts';
import type { AccessRequest, Grant } from '../state/world.ts';
import { inSentences, proofOf, whatIsLate, type Late, type ToLocal } from './endings.ts';
import { endOf, unconfirmedOf, type Standing } from './standing.ts';
import { canBreak } from './glass.ts';
import { inSidebar, reviewLines, type Line } from './review.ts';
import { lookingAt, lookingInWords, saidInWords, unanswered } from './talk.ts';
import { approvedBy, askedOf, lowerFirst, quoted, task, timeOfDay, why } from './words.ts';

/** An item of the view "Requests"; `id` is stable. */
export type RequestNode =
  | {
      readonly is: 'section';
      readonly id: string;
      readonly label: string;
      readonly children: readonly RequestNode[];
    }
  | {
      readonly is: 'waiting for me' | 'waiting for others' | 'mine' | 'mine breakable';
      readonly id: string;
      readonly requestId: string;
      readonly label: string;
      readonly description: string;
      readonly tooltip: string;
      readonly children: readonly RequestNode[];
    }
  | {
      readonly is: 'revocable' | 'readable' | 'ready' | 'running' | 'unproven' | 'to sign off' | 'owed';
      readonly id: string;
      readonly grantId: string;
      readonly label: string;
      readonly description: string;
      readonly tooltip: string;
      readonly children: readonly RequestNode[];
    }
  | {
      readonly is: 'line';
      readonly id: string;
      readonly icon: string;
      readonly label: string;
      readonly tooltip: string;
    };

type GrantNode = Extract<RequestNode, { readonly grantId: string }>;

/** Who looks at the view, and when. */
export interface Looking {
  /** Id of the person here. */
  readonly me: string;
  /** The broker's time, ms. */
  readonly now: number;
  readonly toLocal: ToLocal;
  /** The broker cannot be reached, so that a confirmation may have come that is not known here. */
  readonly cutOff?: boolean;
}

/** As many as a window reads at its start; more come in while it is open, and nobody reads so many. */
const mostInSection = 250;

/** So much of an exchange stands in the sidebar; the review has all of it. */
const lastWords = 2;

/**
 * What waits for the person's word, what they asked for themselves, and what they may see of others. What is over stays
 * until its target has confirmed it: access that may still be there is not let disappear.
 */
export function requestNodes(
  standing: Standing,
  { me, now, toLocal, cutOff = false }: Looking,
): RequestNode[] {
  const talkLines = (request: AccessRequest): Line[] => {
    const claim = lookingAt(request, now);
    const { templateNow, messages } = request;
    return [
      ...(templateNow
        ? inSidebar(
            'warning',
            templateNow.is === 'gone'
              ? 'The template was removed since'
              : 'The template changed since: look again',
          )
        : []),
      ...(claim ? inSidebar('eye', lookingInWords(claim, me, toLocal)) : []),
      ...messages
        .slice(-lastWords)
        .flatMap((one) => inSidebar('comment-discussion', saidInWords(one, request, me))),
    ];
  };
  const lookingShort = (request: AccessRequest): string[] => {
    const claim = lookingAt(request, now);
    return claim ? [claim.by.id === me ? 'you are looking' : `${claim.by.name} is looking`] : [];
  };
  /** What a request waits for: an answer of the person here, whoever looks at it, whoever could. */
  const standOf = (request: AccessRequest): string => {
    const asked = unanswered(request, me);
    if (asked) return `${asked.by.name} asks you`;
    return lookingShort(request)[0] ?? `waiting for ${askedOf(request)}`;
  };
  const unproven = (grant: Grant) => {
    const over = `over since ${timeOfDay(toLocal(endOf(grant)))}`;
    return grantNode('unproven', grant, `${standOfProof(grant, toLocal, cutOff)} · ${over}`, toLocal);
  };
  const signedOff = (is: 'to sign off' | 'owed', grant: Grant) =>
    grantNode(is, grant, `glass broken, over since ${timeOfDay(toLocal(endOf(grant)))}`, toLocal);
  const sections: RequestNode[] = [
    section(
      'To sign off',
      standing.toSignOff.map((grant) => () => othersNode(signedOff('to sign off', grant), grant)),
    ),
    section(
      'Waiting for you',
      standing.waitingForMe.map(
        (request) => () =>
          askedNode(
            'waiting for me',
            request,
            [spokenDuration(request.duration), ...lookingShort(request)],
            talkLines(request),
          ),
      ),
    ),
    section('Yours', [
      ...standing.pending.map((request) => (): RequestNode => ({
        is: canBreak(request, now) ? 'mine breakable' : 'mine',
        id: `mine ${request.id}`,
        requestId: request.id,
        label: request.template.title,
        description: standOf(request),
        tooltip: `${request.template.title} on ${request.template.target.title}, ${standOf(request)}`,
        children: [
          ...talkLines(request),
          ...glassLines(request, now, toLocal),
          ...toldInWords(request.told, now).flatMap((piece) => inSidebar('megaphone', piece)),
          { icon: 'comment', label: why(request) },
          {
            icon: 'clock',
            label: `${spokenDuration(request.duration)}, asked at ${timeOfDay(toLocal(Date.parse(request.createdAt)))}`,
          },
        ].map(asLine(`mine ${request.id}`)),
      })),
      ...standing.ready.map((grant) => () => grantNode('ready', grant, 'approved, not opened yet', toLocal)),
      ...standing.running.map(
        ({ grant, expiresAtMs }) =>
          () =>
            grantNode('running', grant, `until ${timeOfDay(toLocal(expiresAtMs))}`, toLocal),
      ),
      ...standing.over.filter(({ settled }) => !settled).map((grant) => () => unproven(grant)),
      ...standing.owed.filter(({ settled }) => settled).map((grant) => () => signedOff('owed', grant)),
    ]),
    section(
      'Requests of others',
      standing.readable.requests.map(
        (request) => () => askedNode('waiting for others', request, [standOf(request)], talkLines(request)),
      ),
    ),
    section('Open access of others', [
      ...standing.unproven.map((grant) => () => othersNode(unproven(grant), grant)),
      ...standing.revocable.map(
        (grant) => () => othersNode(grantNode('revocable', grant, untilWhen(grant, toLocal), toLocal), grant),
      ),
      ...standing.readable.grants.map(
        (grant) => () => othersNode(grantNode('readable', grant, untilWhen(grant, toLocal), toLocal), grant),
      ),
    ]),
  ];
  return sections.filter((node) => node.is === 'section' && node.children.length > 0);
}

function glassLines(request: AccessRequest, now: number, toLocal: ToLocal): Line[] {
  const { breakableFrom } = request;
  if (breakableFrom === undefined) return [];
  return inSidebar(
    'flame',
    canBreak(request, now)
      ? 'In an emergency, break the glass'
      : `The glass can be broken at ${timeOfDay(toLocal(Date.parse(breakableFrom)))}`,
  );
}

/** Only what is shown is made. */
function section(label: string, makers: readonly (() => RequestNode)[]): RequestNode {
  const children = makers.slice(0, mostInSection).map((make) => make());
  return { is: 'section', id: label, label, children: [...children, ...moreLine(label, makers.length)] };
}

function moreLine(section: string, all: number): RequestNode[] {
  if (all <= mostInSection) return [];
  const label = `${(all - mostInSection).toLocaleString('en')} more`;
  const tooltip = `${mostInSection} are shown here. The others come up as these are settled.`;
  return [{ is: 'line', id: `${section} more`, icon: 'ellipsis', label, tooltip }];
}

function askedNode(
  is: 'waiting for me' | 'waiting for others',
  request: AccessRequest,
  more: readonly string[],
  talk: readonly Line[],
): RequestNode {
  return {
    is,
    id: `asked ${request.id}`,
    requestId: request.id,
    label: request.requester.name,
    description: [lowerFirst(request.template.title), request.template.target.title, ...more].join(' · '),
    tooltip: `${request.requester.name} asks to ${task(request.template)}: ${why(request)}`,
    children: [...talk, ...reviewLines(request)].map(asLine(request.id)),
  };
}

function untilWhen({ expiresAt, brokenGlass }: Grant, toLocal: ToLocal): string {
  const until =
    expiresAt === undefined ? 'not opened yet' : `until ${timeOfDay(toLocal(Date.parse(expiresAt)))}`;
  return brokenGlass ? `glass broken, ${until}` : until;
}

/** Told by who has it, with what it is about behind that. */
function othersNode(node: GrantNode, { holder, template }: Grant): RequestNode {
  return {
    ...node,
    label: holder.name,
    description: `${node.description} · ${lowerFirst(template.title)} · ${template.target.title}`,
  };
}

function standOfProof(grant: Grant, toLocal: ToLocal, cutOff: boolean): string {
  const late = unconfirmedOf(grant);
  if (late) return `not confirmed since ${timeOfDay(toLocal(Date.parse(late.since)))}`;
  return cutOff ? 'not known whether confirmed' : `waiting for ${grant.template.target.title} to confirm`;
}

function grantNode(is: GrantNode['is'], grant: Grant, description: string, toLocal: ToLocal): GrantNode {
  // VS Code keeps an item as a person left it, open or closed: what has to be read now is another one.
  const id = `${is === 'unproven' || is === 'to sign off' ? is : 'grant'} ${grant.id}`;
  // Also while the access itself goes on: a terminal that was closed has a login of its own.
  const late = whatIsLate(grant, toLocal);
  const about = `${grant.holder.name}, ${task(grant.template)}: ${why(grant)}`;
  return {
    is,
    id,
    grantId: grant.id,
    label: grant.template.title,
    description,
    tooltip: [about, ...(late ? inSentences(late) : [])].join('\n'),
    children: [
      ...(late ? lateLines(late, is) : []),
      { icon: 'comment', label: why(grant) },
      ...brokenLines(grant),
      { icon: 'person', label: approvedBy(grant) },
      ...grant.template.allows.map((label) => ({ icon: 'check', label })),
    ].map(asLine(id)),
  };
}

/** Why somebody did not wait, what they did is proven to be over, and who looked at it. */
function brokenLines(grant: Grant): Line[] {
  const { brokenGlass, leases } = grant;
  if (!brokenGlass) return [];
  const proof = proofOf(leases);
  return [
    ...inSidebar('flame', `Did not wait: ${quoted(brokenGlass.reason)}`),
    { icon: 'clock', label: spokenDuration(grant.duration) },
    ...(proof ? inSidebar(proof.sure ? 'pass' : 'warning', proof.text) : []),
  ];
}

/** What stands in the way comes first; that it is not confirmed, and since when, an unproven end says itself. */
function lateLines(late: Late, is: GrantNode['is']): Line[] {
  const { since, obstacle, possible } = late;
  return [
    ...(is === 'unproven' ? [] : [since]),
    obstacle,
    ...(possible === undefined ? [] : [possible]),
  ].flatMap((text) => inSidebar('warning', text));
}

function asLine(parent: string): (line: Line, at?: number) => RequestNode {
  return ({ icon, label, whole = label }, at = 0) => ({
    is: 'line',
    id: `${parent} ${icon} ${at}`,
    icon,
    label,
    tooltip: whole,
  });
}
