import { spokenDuration } from '../../contract/durations.ts';
import type { AccessRequest, Grant } from '../state/world.ts';
import type { ToLocal } from './endings.ts';
import type { Standing } from './standing.ts';
import { approvedBy, askedOf, task, timeOfDay, why } from './words.ts';

/** An item of the view "Requests"; `id` is stable. */
export type RequestNode =
  | {
      readonly is: 'section';
      readonly id: string;
      readonly label: string;
      readonly children: readonly RequestNode[];
    }
  | {
      readonly is: 'waiting for me' | 'mine';
      readonly id: string;
      readonly requestId: string;
      readonly label: string;
      readonly description: string;
      readonly children: readonly RequestNode[];
    }
  | {
      readonly is: 'revocable' | 'ready' | 'running';
      readonly id: string;
      readonly grantId: string;
      readonly label: string;
      readonly description: string;
      readonly children: readonly RequestNode[];
    }
  | { readonly is: 'line'; readonly id: string; readonly icon: string; readonly label: string };

/** What waits for the person's word, what they asked for themselves, and what they may revoke. */
export function requestNodes(standing: Standing, toLocal: ToLocal): RequestNode[] {
  const sections: RequestNode[] = [
    section(
      'Waiting for you',
      standing.waitingForMe.map((request) => ({
        is: 'waiting for me',
        id: `asked ${request.id}`,
        requestId: request.id,
        label: `${request.requester.name}: ${request.template.title}`,
        description: `${request.template.target.title} · ${spokenDuration(request.duration)}`,
        children: reviewLines(request).map(asLine(request.id)),
      })),
    ),
    section('Yours', [
      ...standing.pending.map((request): RequestNode => ({
        is: 'mine',
        id: `mine ${request.id}`,
        requestId: request.id,
        label: request.template.title,
        description: `waiting for ${askedOf(request)}`,
        children: [
          asLine(`mine ${request.id}`)({
            icon: 'clock',
            label: `${spokenDuration(request.duration)}, asked at ${timeOfDay(toLocal(Date.parse(request.createdAt)))}`,
          }),
          asLine(`mine ${request.id}`)({ icon: 'comment', label: why(request) }),
        ],
      })),
      ...standing.ready.map((grant) => grantNode('ready', grant, 'approved, not opened yet')),
      ...standing.running.map(({ grant, expiresAtMs }) =>
        grantNode('running', grant, `until ${timeOfDay(toLocal(expiresAtMs))}`),
      ),
    ]),
    section(
      'Open access of others',
      standing.revocable.map((grant) => ({
        ...grantNode(
          'revocable',
          grant,
          grant.expiresAt === undefined
            ? `${grant.template.target.title} · not opened yet`
            : `${grant.template.target.title} · until ${timeOfDay(toLocal(Date.parse(grant.expiresAt)))}`,
        ),
        label: `${grant.holder.name}: ${grant.template.title}`,
      })),
    ),
  ];
  return sections.filter((node) => node.is === 'section' && node.children.length > 0);
}

function section(label: string, children: readonly RequestNode[]): RequestNode {
  return { is: 'section', id: label, label, children };
}

function grantNode(is: 'revocable' | 'ready' | 'running', grant: Grant, description: string): RequestNode {
  return {
    is,
    id: `grant ${grant.id}`,
    grantId: grant.id,
    label: grant.template.title,
    description,
    children: [
      { icon: 'comment', label: why(grant) },
      { icon: 'person', label: approvedBy(grant) },
      ...grant.template.allows.map((label) => ({ icon: 'check', label })),
    ].map(asLine(`grant ${grant.id}`)),
  };
}

interface Line {
  readonly icon: string;
  readonly label: string;
}

function asLine(parent: string): (line: Line, at?: number) => RequestNode {
  return ({ icon, label }, at = 0) => ({ is: 'line', id: `${parent} ${icon} ${at}`, icon, label });
}

/** What somebody who decides must know, in the order in which it matters: who, what exactly, why, how long, what else. */
function reviewLines(request: AccessRequest): Line[] {
  return [
    { icon: 'person', label: `${request.requester.name} asks to ${task(request.template)}` },
    ...request.template.allows.map((label) => ({ icon: 'check', label })),
    { icon: 'comment', label: `Why: ${why(request)}` },
    { icon: 'clock', label: `${spokenDuration(request.duration)} from the first terminal on` },
    { icon: 'server', label: openNow(request) },
  ];
}

/** What else is open at the target of a request, in words. */
export function openNow({ openOnTarget, template }: AccessRequest): string {
  const { title } = template.target;
  if (openOnTarget === 0) return `Nobody else is on ${title} now`;
  if (openOnTarget === 1) return `1 other person is on ${title} now`;
  return `${openOnTarget} other people are on ${title} now`;
}
