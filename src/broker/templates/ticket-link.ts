import { misleads } from '../../contract/plain-text.ts';

const place = '{ticket}';

/** Why a ticket cannot be linked like this, or undefined. Where a link leads to is the template's to say, never the ticket's. */
export function linkProblem(link: string): string | undefined {
  if (misleads(link)) return 'holds control or invisible characters, or half ones.';
  const [before, after, ...more] = link.split(place);
  if (before === undefined || after === undefined || more.length > 0)
    return `should hold ${place} once: there the ticket goes.`;
  const url = URL.canParse(ticketLink(link, 'INC-1')) ? new URL(ticketLink(link, 'INC-1')) : undefined;
  if (!url || !/^https:\/\//.test(link) || url.username !== '' || url.password !== '')
    return 'should be a complete address that begins with https://.';
  if (!before.startsWith(`https://${url.host}/`))
    return `should name the server before ${place}, as in https://issues.shop.example/${place}.`;
  return undefined;
}

/** The address of a ticket; whatever is in the ticket is one piece of it. */
export function ticketLink(link: string, ticket: string): string {
  return link.replace(place, () => encodeURIComponent(ticket));
}
