import { createHash, randomBytes } from 'node:crypto';
import * as z from 'zod';
import { deviceClient, vscodeClient } from './configuration.ts';

export interface TokenWishes {
  /** `daypass-vscode` unless said; `daypass-device` goes through the device flow. */
  readonly client?: string;
  readonly scope?: string;
  /** RFC 8707; absent: the provider's default, the broker. */
  readonly resource?: string;
  /** `mfa` asks for a second factor. */
  readonly acrValues?: string;
  /** Signs in without the second factor that was asked for. */
  readonly withoutSecondFactor?: boolean;
  /** Makes a proof of the key that the tokens are to be bound to (RFC 9449 section 5). */
  readonly prove?: Prove;
}

type Prove = (method: string, url: string) => Promise<string>;

export interface Tokens {
  readonly accessToken: string;
  readonly idToken: string;
  readonly refreshToken: string;
  readonly expiresInSeconds: number;
}

const tokenResponse = z.object({
  access_token: z.string(),
  id_token: z.string(),
  refresh_token: z.string(),
  expires_in: z.number(),
});
const deviceResponse = z.object({ device_code: z.string(), verification_uri_complete: z.string() });
const redirectUri = 'http://127.0.0.1:1/callback';

/** The authorization code grant with PKCE (RFC 7636), or the device grant (RFC 8628), with `fetch` as the browser. */
export async function exchange(issuer: string, person: string, wishes: TokenWishes = {}): Promise<Tokens> {
  const client = wishes.client ?? vscodeClient;
  const asked = {
    client_id: client,
    scope: wishes.scope ?? 'openid profile offline_access',
    ...(wishes.resource === undefined ? {} : { resource: wishes.resource }),
    ...(wishes.acrValues === undefined ? {} : { acr_values: wishes.acrValues }),
  };
  const who = { person, ...(wishes.withoutSecondFactor ? { without: 'yes' } : {}) };
  const { prove } = wishes;
  return client === deviceClient ? byDevice(issuer, who, asked, prove) : byCode(issuer, who, asked, prove);
}

/** What is sent with the form on which somebody says who they are. */
type Who = Record<string, string>;

/** Says who signs in; where a code is asked for, types what the page shows in place of a phone. */
async function signIn(browser: Browser, page: Page, who: Who): Promise<Page> {
  const next = await browser.follow(page.url, who);
  const code = /<output>([\d ]+)<\/output>/.exec(next.text)?.[1];
  return code === undefined ? next : browser.follow(next.url, { ...who, code });
}

async function byCode(
  issuer: string,
  who: Who,
  asked: Record<string, string>,
  prove?: Prove,
): Promise<Tokens> {
  const verifier = randomBytes(32).toString('base64url');
  const query = new URLSearchParams({
    ...asked,
    response_type: 'code',
    redirect_uri: redirectUri,
    state: randomBytes(8).toString('hex'),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const browser = new Browser(issuer);
  const page = await browser.follow(`${issuer}/auth?${query.toString()}`);
  if (page.leftTo !== undefined) throw refused(page.leftTo);
  const back = await signIn(browser, page, who);
  const code = back.leftTo?.searchParams.get('code');
  if (code === undefined || code === null) throw refused(back.leftTo ?? new URL(back.url), back.text);
  const grant = {
    grant_type: 'authorization_code',
    client_id: asked['client_id'] ?? '',
    code,
    code_verifier: verifier,
    redirect_uri: redirectUri,
  };
  return token(issuer, grant, prove);
}

async function byDevice(
  issuer: string,
  who: Who,
  asked: Record<string, string>,
  prove?: Prove,
): Promise<Tokens> {
  const begun = await fetch(`${issuer}/device/auth`, { method: 'POST', body: new URLSearchParams(asked) });
  if (!begun.ok) throw new Error(`The provider refused the device request: ${await begun.text()}`);
  const { device_code, verification_uri_complete } = deviceResponse.parse(await begun.json());
  const browser = new Browser(issuer);
  let page = await browser.follow(verification_uri_complete);
  page = await browser.follow(`${issuer}/device`, hiddenFields(page.text));
  page = await browser.follow(`${issuer}/device`, hiddenFields(page.text));
  await signIn(browser, page, who);
  const grant = {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    client_id: asked['client_id'] ?? '',
    device_code,
  };
  return token(issuer, grant, prove);
}

async function token(issuer: string, grant: Record<string, string>, prove?: Prove): Promise<Tokens> {
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams(grant),
    headers: prove ? { dpop: await prove('POST', `${issuer}/token`) } : {},
  });
  if (!response.ok) throw new Error(`The provider gave no token: ${await response.text()}`);
  const answer = tokenResponse.parse(await response.json());
  return {
    accessToken: answer.access_token,
    idToken: answer.id_token,
    refreshToken: answer.refresh_token,
    expiresInSeconds: answer.expires_in,
  };
}

function refused(url: URL, text = ''): Error {
  const { searchParams } = url;
  return new Error(
    `The sign-in was refused: ${searchParams.get('error_description') ?? searchParams.get('error') ?? text}`,
  );
}

function hiddenFields(html: string): Record<string, string> {
  const fields = html.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g);
  return Object.fromEntries([...fields].map(([, name = '', value = '']) => [name, value]));
}

interface Page {
  readonly url: string;
  readonly text: string;
  /** Where the provider sent the browser away to, which is not followed. */
  readonly leftTo?: URL;
}

/** As much of a browser as signing in takes: cookies with paths, and redirects within the provider. */
class Browser {
  readonly #issuer: string;
  #cookies: { name: string; value: string; path: string }[] = [];

  constructor(issuer: string) {
    this.#issuer = issuer;
  }

  async follow(address: string, form?: Record<string, string>): Promise<Page> {
    let url = new URL(address);
    let body = form && new URLSearchParams(form);
    for (let hops = 0; hops < 10; hops++) {
      const cookie = this.#cookies
        .filter(({ path }) => url.pathname.startsWith(path))
        .map(({ name, value }) => `${name}=${value}`)
        .join('; ');
      const response = await fetch(url, {
        redirect: 'manual',
        headers: { cookie },
        ...(body ? { method: 'POST', body } : {}),
      });
      for (const line of response.headers.getSetCookie()) this.#keep(line);
      const text = await response.text();
      const location = response.headers.get('location');
      if (location === null) return { url: url.href, text };
      url = new URL(location, url);
      body = undefined;
      if (url.origin !== this.#issuer) return { url: url.href, text, leftTo: url };
    }
    throw new Error('The provider redirects in circles.');
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
    const [name = '', value = ''] = pair.split(/=(.*)/s);
    const path = attributes.find((attribute) => attribute.toLowerCase().startsWith('path='))?.slice(5) ?? '/';
    this.#cookies = this.#cookies.filter((cookie) => cookie.name !== name || cookie.path !== path);
    if (value !== '') this.#cookies.push({ name, value, path });
  }
}
