import type { TemplateList } from '../../contract/templates.ts';
import type { World } from '../state/world.ts';
import { either } from '../views/words.ts';
import { commandIds, viewIds } from './names.ts';

/** What a notification offers to whoever cannot go on. One without a button is cut to its first line by VS Code. */
export const helps = {
  templates: { label: 'Show templates', command: `${viewIds.templates}.focus` },
  requests: { label: 'Show requests', command: `${viewIds.requests}.focus` },
  session: { label: 'Show session', command: commandIds.showSession },
  request: { label: 'Request access', command: commandIds.requestAccess },
} as const;
export type Help = keyof typeof helps;

/** Said to whoever finds nothing; nobody is sent to request what they cannot. */
export function nothingThere(
  { templates }: Pick<World, 'templates'>,
  none: string,
  help: Help,
): { readonly text: string; readonly help: Help } {
  return help === 'request' && templates?.templates.length === 0
    ? { text: `${none} ${nothingToRequest(templates)}`, help: 'templates' }
    : { text: none, help };
}

/** Said to whoever may request nothing: whom to ask comes first, since it is what helps. */
export function nothingToRequest({ empty = { forGroups: [], yourGroups: [] } }: TemplateList): string {
  const { forGroups, yourGroups, ask } = empty;
  return [
    'You may request nothing yet.',
    ...(ask === undefined ? [] : [`Ask ${ask}${forGroups.length ? ';' : '.'}`]),
    forGroups.length
      ? `${ask === undefined ? 'Templates' : 'templates'} appear for members of ${either(forGroups)}; you are in ${yourGroups.length ? either(yourGroups, 'and') : 'no group'}.`
      : 'Your organisation has no templates yet.',
  ].join(' ');
}
