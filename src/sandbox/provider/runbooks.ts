import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { refuse } from '../loopback.ts';
import { document } from './pages.ts';
import { show } from './show.ts';

/** `GET /runbooks/…` */
export async function answerRunbook(
  folder: string | undefined,
  path: string,
  response: ServerResponse,
): Promise<void> {
  const page = folder === undefined ? undefined : await runbook(folder, path);
  if (page === undefined) refuse(response, 404, 'Nothing is here.');
  else show(response, 200, page);
}

/**
 * A runbook as a page, or undefined where there is none. The sandbox's organisation has its documentation at the same
 * address as its sign-in, so that the links in templates lead somewhere.
 * @param path for instance `/runbooks/refunds`, which is `refunds.md` in the folder
 */
async function runbook(folder: string, path: string): Promise<string | undefined> {
  const name = /^\/runbooks\/([a-z-]+)$/.exec(path)?.[1];
  if (name === undefined) return undefined;
  const text = await readFile(join(folder, `${name}.md`), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : asPage(text);
}

/** As much of Markdown as the runbooks use: a heading, paragraphs, code. */
function asPage(text: string): string {
  const title = /^# (.+)$/m.exec(text)?.[1] ?? 'Runbook';
  // Every second part is code.
  const blocks = text.split(/^```\w*\n([\s\S]*?)^```$/m).flatMap((part, index) => {
    if (index % 2 === 1) return [`<pre tabindex="0">${escaped(part.trimEnd())}</pre>`];
    const paragraphs = part.split(/\n{2,}/).map((paragraph) => paragraph.trim());
    return paragraphs.filter(Boolean).map(asBlock);
  });
  return document(title, blocks.join(''), 'wide');
}

const asBlock = (paragraph: string) =>
  paragraph.startsWith('# ') ? `<h1>${inline(paragraph.slice(2))}</h1>` : `<p>${inline(paragraph)}</p>`;

const escaped = (text: string) => text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);

const inline = (text: string) =>
  escaped(text)
    .replace(/`([^`]+)`/g, '<kbd>$1</kbd>')
    .replace(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>');
