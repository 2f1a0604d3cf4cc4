import type { IncomingMessage, ServerResponse } from 'node:http';
import type { InteractionResults, Provider } from 'oidc-provider';
import type { Person } from './people.ts';
import * as pages from './pages.ts';
import type { Passkeys } from './passkeys.ts';
import type { SecondFactor } from './second-factor.ts';
import { show } from './show.ts';

/** Longest form that anybody has reason to send, in bytes. */
const longestForm = 16 * 1024;

/** The reason for which the provider's policy asks for a second factor. */
export const secondFactorWanted = 'second_factor';

export interface InteractionParts {
  readonly provider: Provider;
  readonly people: readonly Person[];
  readonly secondFactor: SecondFactor;
  readonly passkeys: Passkeys;
  readonly now: () => Date;
}

/**
 * `GET` shows who one can be; `POST person=<id>` signs that person in, with `code=<code>` or `passkey=<JSON>` too where a
 * second factor is wanted; with `add` a passkey can be added after the code; `POST cancel` goes back without.
 */
export async function answerInteraction(
  parts: InteractionParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { provider, people } = parts;
  try {
    const { uid, params, prompt } = await provider.interactionDetails(request, response);
    const action = `/interaction/${uid}`;
    const form = request.method === 'POST' ? await readForm(request) : new URLSearchParams();
    const finish = (result: InteractionResults) =>
      provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
    if (form.has('cancel')) {
      await finish({ error: 'access_denied', error_description: 'The sign-in was cancelled.' });
      return;
    }
    const person = people.find(({ id }) => id === form.get('person'));
    if (person) {
      const answer = await factorsOf(parts, { uid, person, form, reasons: prompt.reasons, action });
      if (typeof answer === 'string') {
        show(response, 200, answer, pages.policyWithPasskeys);
        return;
      }
      const ts = Math.floor(parts.now().getTime() / 1000);
      await finish({ login: { accountId: person.id, remember: false, ts, ...answer }, consent: {} });
      return;
    }
    const client = await provider.Client.find(typeof params.client_id === 'string' ? params.client_id : '');
    show(response, 200, pages.signIn({ action, client: client?.clientName ?? '', people }));
  } catch {
    // Too old, already used, or opened in another browser.
    if (!response.headersSent)
      show(response, 400, pages.failure('This sign-in is over, or it was begun in another browser.'));
  }
}

interface Said {
  readonly uid: string;
  readonly person: Person;
  readonly form: URLSearchParams;
  readonly reasons: readonly string[];
  readonly action: string;
}

/** `acr` and `amr` (RFC 8176). */
interface Factors {
  readonly acr: string;
  readonly amr: string[];
}

const oneClick: Factors = { acr: 'pwd', amr: ['pwd'] };
const withCode: Factors = { acr: 'mfa', amr: ['pwd', 'otp', 'mfa'] };

/**
 * What somebody has proven, or the page that asks what is to be proven next. A client that only wishes for more may be
 * given less.
 */
async function factorsOf(
  { secondFactor, passkeys }: InteractionParts,
  said: Said,
): Promise<Factors | string> {
  const { uid, person, form, reasons, action } = said;
  const essential = reasons.some((reason) => reason.startsWith('essential_acr'));
  if (!essential && (!reasons.includes(secondFactorWanted) || form.has('without'))) return oneClick;
  const passkey = form.get('passkey') ?? '';
  const askToAdd = async (failed: boolean) =>
    pages.addPasskey({ action, person, failed, passkey: await passkeys.askToAdd(uid, person) });

  // Only who has shown a code is asked to add one.
  if (passkeys.isAdding(uid, person.id))
    return passkey === '' || (await passkeys.add(uid, person.id, passkey)) ? withCode : askToAdd(true);

  let wrong: pages.Wrong | undefined;
  const code = form.get('code');
  if (passkey !== '') {
    const method = await passkeys.check(uid, person.id, passkey);
    if (method) return { acr: 'mfa', amr: ['pwd', method, 'user', 'mfa'] };
    wrong = 'passkey';
  } else if (code !== null) {
    const verdict = secondFactor.check(person.id, code);
    if (verdict === 'right') return form.has('add') ? askToAdd(false) : withCode;
    wrong = verdict;
  }
  return pages.secondFactor({
    action,
    person,
    shown: secondFactor.shown(person.id),
    optional: !essential,
    wrong,
    passkey: await passkeys.askToUse(uid, person.id),
  });
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > longestForm) throw new Error('The form is too long.');
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}
