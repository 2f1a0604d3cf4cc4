import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Provider } from 'oidc-provider';
import type { Person } from './people.ts';
import * as pages from './pages.ts';
import { show } from './show.ts';

/** Longest form that anybody has reason to send, in bytes. */
const longestForm = 4096;

/** `GET` shows who one can be; `POST person=<id>` signs that person in; `POST cancel` goes back without. */
export async function answerInteraction(
  provider: Provider,
  people: readonly Person[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const { uid, params } = await provider.interactionDetails(request, response);
    const secondStep = typeof params.acr_values === 'string' && params.acr_values.split(' ').includes('mfa');
    if (request.method === 'POST') {
      const form = await readForm(request);
      if (form.has('cancel')) {
        const result = { error: 'access_denied', error_description: 'The sign-in was cancelled.' };
        await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
        return;
      }
      const person = people.find(({ id }) => id === form.get('person'));
      if (person) {
        const login = {
          accountId: person.id,
          remember: false,
          acr: secondStep ? 'mfa' : 'pwd',
          amr: secondStep ? ['pwd', 'otp', 'mfa'] : ['pwd'],
        };
        await provider.interactionFinished(
          request,
          response,
          { login, consent: {} },
          { mergeWithLastSubmission: false },
        );
        return;
      }
    }
    const client = await provider.Client.find(typeof params.client_id === 'string' ? params.client_id : '');
    show(
      response,
      200,
      pages.signIn({ action: `/interaction/${uid}`, client: client?.clientName ?? '', people, secondStep }),
    );
  } catch {
    // Too old, already used, or opened in another browser.
    if (!response.headersSent)
      show(response, 400, pages.failure('This sign-in is over, or it was begun in another browser.'));
  }
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
