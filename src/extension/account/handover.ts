import { randomUUID } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { Event } from '../state/event.ts';
import { keyOf, newSide, seal, unseal, type Key } from './box.ts';
import { createFile, readIfThere } from './private-files.ts';

const Ask = z.object({ wants: z.string(), publicKey: z.string() });
const Answer = z.object({ publicKey: z.string(), box: z.string() });

const asks = /^ask-([0-9a-f-]{36})$/;
const either = /^(ask|answer)-[0-9a-f-]{36}$/;
const forgottenAfterMs = 60_000;

const about = (id: string, wants: string) => `daypass key handover ${id} ${wants}`;

/**
 * How a window that was open before the key was made gets it: VS Code's secret storage in the browser never tells it.
 * It leaves a public key in the private folder; a window that has the wanted key answers with it, encrypted for the
 * asker alone. The folder is closed to other users; a program of the same user could ask as well, as it could read
 * the secret storage.
 */
export async function askForKey(
  folder: string,
  wants: string,
  changed: Event<undefined>,
  signal: AbortSignal,
  patienceMs = 3000,
): Promise<Key | undefined> {
  const id = randomUUID();
  const mine = newSide();
  const answerPath = join(folder, `answer-${id}`);
  const wake: { call?: () => void } = {};
  const listening = changed(() => wake.call?.());
  const until = performance.now() + patienceMs;
  await createFile(join(folder, `ask-${id}`), JSON.stringify({ wants, publicKey: mine.publicKey }));
  try {
    while (performance.now() < until && !signal.aborted) {
      const text = await readIfThere(answerPath);
      const answer = text === undefined ? undefined : parse(Answer, text);
      if (answer) {
        const opened = unseal(mine.agree(answer.publicKey, about(id, wants)), about(id, wants), answer.box);
        const key = opened === undefined ? undefined : keyOf(Buffer.from(opened, 'base64url'));
        return key?.id === wants ? key : undefined;
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100);
        wake.call = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return undefined;
  } finally {
    listening.dispose();
    await rm(join(folder, `ask-${id}`), { force: true });
    await rm(answerPath, { force: true });
  }
}

/** Answers every window that asks for a key which is known here, and clears away what was forgotten. */
export async function answerAsks(folder: string, known: (id: string) => Key | undefined): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (either.test(name) && (await isForgotten(path))) {
      await rm(path, { force: true });
      continue;
    }
    const id = asks.exec(name)?.[1];
    const ask = id === undefined ? undefined : parse(Ask, (await readIfThere(path)) ?? '');
    const key = ask && known(ask.wants);
    if (id === undefined || !key) continue;
    const answer = answerTo(id, ask, key);
    if (answer !== undefined) await createFile(join(folder, `answer-${id}`), answer);
  }
}

function answerTo(id: string, ask: z.infer<typeof Ask>, key: Key): string | undefined {
  const mine = newSide();
  try {
    const agreed = mine.agree(ask.publicKey, about(id, ask.wants));
    const box = seal(agreed, about(id, ask.wants), key.bytes.toString('base64url'));
    return JSON.stringify({ publicKey: mine.publicKey, box });
  } catch {
    // Whatever asked gave no public key.
    return undefined;
  }
}

async function isForgotten(path: string): Promise<boolean> {
  try {
    return Math.abs(Date.now() - (await stat(path)).mtimeMs) > forgottenAfterMs;
  } catch {
    return false;
  }
}

function parse<T extends z.ZodType>(schema: T, text: string): z.output<T> | undefined {
  try {
    const parsed = schema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
