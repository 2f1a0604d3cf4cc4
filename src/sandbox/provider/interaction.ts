import type { IncomingMessage, ServerResponse } from 'node:http';
import type { InteractionResults, Provider } from 'oidc-provider';
import type { Person } from './people.ts';
import * as pages from './pages.ts';
import type { CodeVerdict, SecondFactor } from './second-factor.ts';
import { show } from './show.ts';

/** Longest form that anybody has reason to send, in bytes. */
const longestForm = 4096;

/** The reason for which the provider's policy asks for a second factor. */
export const secondFactorWanted = 'second_factor';

export interface InteractionParts {
  readonly provider: Provider;
  readonly people: readonly Person[];
  readonly secondFactor: SecondFactor;
  readonly now: () => Date;
}

/**
 * `GET` shows who one can be; `POST person=<id>` signs that person in, with `code=<code>` too where a second factor is
 * wanted; `POST cancel` goes back without.
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
      const answer = factorsOf(person, form, prompt.reasons, parts.secondFactor);
      if ('ask' in answer) {
        const { ask, optional } = answer;
        const shown = parts.secondFactor.shown(person.id);
        show(response, 200, pages.secondFactor({ action, person, shown, optional, wrong: ask }));
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

type Factors = { readonly acr: string; readonly amr: string[] };
type Ask = { readonly ask: Exclude<CodeVerdict, 'right'> | undefined; readonly optional: boolean };

/** What somebody has proven, or what is to be asked next. A client that only wishes for more may be given less. */
function factorsOf(
  person: Person,
  form: URLSearchParams,
  reasons: readonly string[],
  secondFactor: SecondFactor,
): Factors | Ask {
  const essential = reasons.some((reason) => reason.startsWith('essential_acr'));
  const one = { acr: 'pwd', amr: ['pwd'] };
  if (!essential && (!reasons.includes(secondFactorWanted) || form.has('without'))) return one;
  const code = form.get('code');
  const verdict = code === null ? undefined : secondFactor.check(person.id, code);
  return verdict === 'right'
    ? { acr: 'mfa', amr: ['pwd', 'otp', 'mfa'] }
    : { ask: verdict, optional: !essential };
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
