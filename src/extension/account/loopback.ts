import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isLoopback, parseUrl } from '../client/address.ts';
import type { Disposable } from '../state/event.ts';
import { isCode } from './private-files.ts';
import { failed, headers, notOurs, render, signedIn, type Page } from './pages.ts';

/** The browser is back with an answer to our question. It waits on its page until it is told how things went. */
export interface Return {
  /** Path and query as the browser asked for them. */
  readonly query: string;
  succeeded(): void;
  failed(why: string): void;
}

/** Waits on a loopback port for the browser to come back (RFC 8252, section 7.3). Used once. */
export class Loopback implements Disposable {
  readonly #server = createServer((request, response) => this.#answer(request, response));
  #expected: { readonly state: string; readonly arrived: (back: Return) => void } | undefined;

  /**
   * Listens on a free port of 127.0.0.1.
   * @param ports the only ones that the provider sends a browser back to
   * @returns undefined if none of them is free
   */
  static async listen(ports: readonly number[] = [0]): Promise<Loopback | undefined> {
    for (const port of ports) {
      const loopback = new Loopback();
      if (await loopback.#listens(port)) return loopback;
    }
    return undefined;
  }

  #listens(port: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error) =>
        isCode(error, 'EADDRINUSE', 'EACCES') ? resolve(false) : reject(error),
      );
      this.#server.listen({ host: '127.0.0.1', port, exclusive: true }, () => resolve(true));
    });
  }

  private constructor() {
    this.#server.maxConnections = 20;
    this.#server.requestTimeout = 10_000;
  }

  get address(): URL {
    return new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/callback`);
  }

  /** The first request that carries `state`; what others bring is answered with a page and changes nothing. */
  returned(state: string): Promise<Return> {
    return new Promise((arrived) => {
      this.#expected = { state, arrived };
    });
  }

  /** Lets pages that are being sent arrive. */
  dispose(): void {
    this.#expected = undefined;
    this.#server.close();
    this.#server.closeIdleConnections();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const send = (status: number, page: Page) => {
      response.writeHead(status, headers);
      response.end(render(page));
    };
    const url = parseUrl(request.url ?? '', this.address.origin);
    const host = parseUrl(`http://${request.headers.host ?? ''}`)?.hostname ?? '';
    // Another name for this machine means that a page somewhere made it one (DNS rebinding).
    if (!url || !isLoopback(host) || request.method !== 'GET' || url.pathname !== '/callback') {
      send(404, notOurs);
      return;
    }
    const expected = this.#expected;
    if (!expected || url.searchParams.get('state') !== expected.state) {
      send(400, notOurs);
      return;
    }
    this.#expected = undefined;
    expected.arrived({
      query: url.search,
      succeeded: () => send(200, signedIn),
      failed: (why) => send(400, failed(why)),
    });
  }
}
