import type { IncomingHttpHeaders } from 'node:http';

/**
 * The cookies of the pages, for this broker's address. With the prefix `__Host-` a browser takes a cookie only from
 * this very host over TLS, so that no neighbour sets one (RFC 6265bis, section 4.1.3.2). On loopback without TLS, where
 * browsers refuse it, the port keeps brokers apart.
 */
export class Cookies {
  readonly #encrypted: boolean;
  readonly #prefix: string;

  constructor(publicUrl: string) {
    const { protocol, port } = new URL(publicUrl);
    this.#encrypted = protocol === 'https:';
    this.#prefix = this.#encrypted ? '__Host-daypass-' : `daypass-${port}-`;
  }

  /** Undefined also where it came twice: then somebody else set one of them. */
  read(headers: IncomingHttpHeaders, name: CookieName): string | undefined {
    const wanted = `${this.#prefix}${name}=`;
    const found = (headers.cookie ?? '')
      .split(';')
      .map((pair) => pair.trim())
      .filter((pair) => pair.startsWith(wanted));
    return found.length === 1 ? found[0]?.slice(wanted.length) : undefined;
  }

  /** The value of a `Set-Cookie` header. */
  set(name: CookieName, value: string, seconds: number): string {
    const secure = this.#encrypted ? '; Secure' : '';
    return `${this.#prefix}${name}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure}`;
  }

  clear(name: CookieName): string {
    return this.set(name, '', 0);
  }
}

/** Of somebody who is signed in; of somebody who is on the way; of what they had typed before. */
export type CookieName = 'session' | 'sign-in' | 'typed';
