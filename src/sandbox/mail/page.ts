import { document, escaped } from '../provider/pages.ts';
import type { Person } from '../provider/people.ts';

export interface Mail {
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  /** When it came. */
  readonly at: Date;
}

/** What came, the newest first. @param broker links to it can be followed */
export function inboxPage(mails: readonly Mail[], people: readonly Person[], broker: string): string {
  return document(
    'Mail',
    '<h1>Mail</h1>' +
      '<p>What the broker sent, as it came to a mail server on this machine. It goes no further. <a href="/">Look again</a></p>' +
      (mails.length === 0
        ? '<p>Nothing came yet. Whoever is on call is told when Ana asks for something that needs approval.</p>'
        : mails.map((mail) => shown(mail, people, broker)).join('')),
    'wide',
  );
}

function shown({ to, subject, text, at }: Mail, people: readonly Person[], broker: string): string {
  const person = people.find(({ id }) => to[0]?.startsWith(`${id}@`));
  const time = `<time datetime="${at.toISOString()}">${at.toLocaleTimeString('en-GB')}</time>`;
  return (
    `<article class="mail ${escaped(person?.id ?? '')}"><h2>${escaped(subject)}</h2>` +
    `<p>To <strong>${escaped(person?.name ?? to.join(', '))}</strong>${person ? ` (${escaped(to.join(', '))})` : ''} · ${time}</p>` +
    `<div class="text">${lines(text, broker)}</div></article>`
  );
}

/** The one link in a mail of the broker's stands on a line of its own. */
function lines(text: string, broker: string): string {
  return text
    .trim()
    .split(/\r?\n/)
    .map((line) =>
      line.startsWith(`${broker}/`) ? `<a href="${escaped(line)}">${escaped(line)}</a>` : escaped(line),
    )
    .join('\n');
}
