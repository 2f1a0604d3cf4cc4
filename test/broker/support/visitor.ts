/** What came back: where the browser ended up, and what it was shown. */
export interface Page {
  readonly url: URL;
  readonly status: number;
  readonly headers: Headers;
  /** Its HTML without the style sheet. */
  readonly text: string;
}

export interface Form {
  readonly action: string;
  readonly fields: Readonly<Record<string, string>>;
}

const mostHops = 12;

/** As much of a browser without scripts as the pages need: cookies for each host, redirects, forms. */
export class Visitor {
  readonly #jars = new Map<string, Map<string, string>>();
  /** Every address that it was led through, in order. */
  readonly trail: URL[] = [];

  /** The address of the pages. */
  readonly broker: string;

  constructor(broker: string) {
    this.broker = broker;
  }

  /** The cookies for the broker, by name. */
  get cookies(): Map<string, string> {
    return this.#jar(new URL(this.broker));
  }

  open(address: string, { headers = {}, method = 'GET', follow = true } = {}): Promise<Page> {
    return this.#go(new URL(address, this.broker), { method, headers }, follow);
  }

  /** Sends a form as a page of the broker's own does. */
  send({ action, fields }: Form, headers: Record<string, string> = {}, follow = true): Promise<Page> {
    const own = { origin: this.broker, 'sec-fetch-site': 'same-origin', ...headers };
    const said = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== ''));
    return this.#go(
      new URL(action, this.broker),
      { method: 'POST', headers: said, body: new URLSearchParams(fields) },
      follow,
    );
  }

  /** Presses the button of one form of a page. */
  press(page: Page, name: string, more: Readonly<Record<string, string>> = {}): Promise<Page> {
    const form = formOf(page, name);
    return this.send({ ...form, fields: { ...form.fields, ...more } });
  }

  /** Goes from a page through "Sign in" and the provider, up to where the provider sends the browser back to. */
  async toTheProviderAndBack(person: string, to: string): Promise<URL> {
    const out = await this.open(`/sign-in?to=${encodeURIComponent(to)}`, { follow: false });
    return this.through(new URL(out.headers.get('location') ?? ''), person);
  }

  /** Signs in on the provider's pages, up to where the provider sends the browser back to. */
  async through(page: URL, person: string): Promise<URL> {
    let url = page;
    let body: URLSearchParams | undefined;
    for (let hops = 0; hops < mostHops; hops++) {
      const shown = await this.#go(url, body ? { method: 'POST', body } : {}, false);
      const location = shown.headers.get('location');
      body = undefined;
      const [, one, two] = /<output>(\d{3}) (\d{3})<\/output>/.exec(shown.text) ?? [];
      if (one !== undefined) body = new URLSearchParams({ person, code: `${one}${two}` });
      else if (location === null) body = new URLSearchParams({ person });
      else url = new URL(location, url);
      if (url.origin === this.broker) return url;
    }
    throw new Error('The provider does not send the browser back.');
  }

  async signIn(person: string, to = '/requests'): Promise<Page> {
    return this.open((await this.toTheProviderAndBack(person, to)).href);
  }

  async #go(from: URL, init: RequestInit, follow: boolean): Promise<Page> {
    let url = from;
    let how = init;
    for (let hops = 0; hops < mostHops; hops++) {
      this.trail.push(url);
      const cookie = [...this.#jar(url)].map(([name, value]) => `${name}=${value}`).join('; ');
      const response = await fetch(url, {
        ...how,
        redirect: 'manual',
        headers: { ...(cookie === '' ? {} : { cookie }), ...(how.headers as Record<string, string>) },
      });
      for (const line of response.headers.getSetCookie()) this.#keep(url, line);
      const location = response.headers.get('location');
      const text = (await response.text()).replace(/<style>.*?<\/style>/s, '');
      if (!follow || location === null)
        return { url, status: response.status, headers: response.headers, text };
      url = new URL(location, url);
      how = {};
    }
    throw new Error('The pages lead in circles.');
  }

  #jar(url: URL): Map<string, string> {
    const jar = this.#jars.get(url.host) ?? new Map<string, string>();
    this.#jars.set(url.host, jar);
    return jar;
  }

  #keep(url: URL, line: string): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (value === '' || /; Max-Age=0\b/i.test(line)) this.#jar(url).delete(name);
    else this.#jar(url).set(name, value);
  }
}

const unescaped = (text: string) =>
  text.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));

/** The form of a page whose address ends in this. */
export function formOf({ text }: Page, name: string): Form {
  for (const [, action = '', inside = ''] of text.matchAll(
    /<form [^>]*action="([^"]*)"[^>]*>(.*?)<\/form>/gs,
  )) {
    if (!action.endsWith(`/${name}`)) continue;
    const fields = inside.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g);
    return {
      action,
      fields: Object.fromEntries([...fields].map(([, field = '', value = '']) => [field, unescaped(value)])),
    };
  }
  throw new Error(`The page has no form "${name}".`);
}

export const offers = (page: Page, name: string): boolean => page.text.includes(`/${name}"`);
