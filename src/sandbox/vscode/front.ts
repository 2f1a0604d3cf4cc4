import { timingSafeEqual } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Secret } from '../../contract/secret.ts';
import { foreignness, listenOnLoopback, refuse } from '../loopback.ts';
import { forward, forwardUpgrade, type Upstream } from './forward.ts';

export interface FrontOptions {
  /** 0 for a free one. Browsers keep what they store by address, so the same person should get the same port again. */
  readonly port: number;
  /** For instance `/ana`. Cookies do not tell ports apart, only paths do. */
  readonly basePath: string;
  readonly upstream: Upstream;
  /** Pictures that the workbench asks for beside its server. */
  readonly media: string;
  readonly token: Secret;
  /** 32 bytes, the same at every start: the server's half of the key of the browser's secret storage. */
  readonly mintKey: Buffer;
  /** The identity provider's port: the one that `/proxy/PORT/…` leads to. */
  readonly issuerPort: number;
  /** The folder that opens. */
  readonly folder: string;
}

export interface Front {
  readonly port: number;
  /** Opens straight into the workbench; holds the token. */
  readonly url: string;
  close(): Promise<void>;
}

const cookieName = 'vscode-tkn';
const notLetIn =
  'This VS Code belongs to somebody else, or its address is an old one. Open the address that the sandbox printed.';
const types: Readonly<Record<string, string>> = {
  '.ico': 'image/x-icon',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
};

/**
 * The door of one person's VS Code in the browser. Lets in who knows the token, from this machine's own pages; mints
 * the key of the secret storage; and sends a sign-in, which VS Code would tunnel to nowhere, to the identity provider.
 */
export async function startFront(options: FrontOptions): Promise<Front> {
  const { basePath, token, upstream } = options;
  const root = `${basePath}/`;
  const live = new Set<Duplex>();
  let host = '';

  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const foreign = foreignness(request, [host]);
    if (foreign !== undefined) {
      refuse(response, 403, foreign);
      return;
    }
    const url = new URL(request.url ?? '/', `http://${host}`);
    const get = request.method === 'GET';
    if (get && answerBeside(url, response, options)) return;
    if (get && url.pathname === basePath) redirect(response, `${root}${url.search}`);
    else if (!url.pathname.startsWith(root)) refuse(response, 404, 'Nothing is here.');
    else if (get && url.pathname === root && url.searchParams.has('tkn')) letIn(url, response);
    else if (!knowsToken(request, token)) refuse(response, 403, notLetIn);
    else if (request.method === 'POST' && url.pathname === `${root}mint-key`) mint(response);
    else if (get && url.pathname === root && !opensSomething(url))
      redirect(response, withFolder(url, options.folder));
    else forward(request, response, upstream);
  };

  const letIn = (url: URL, response: ServerResponse): void => {
    if (!same(url.searchParams.get('tkn') ?? '', token.reveal())) {
      refuse(response, 403, notLetIn);
      return;
    }
    url.searchParams.delete('tkn');
    // The workbench itself reads this cookie, to authenticate its connections.
    const cookie = `${cookieName}=${token.reveal()}; Path=${basePath}; SameSite=Lax; Max-Age=604800`;
    response.setHeader('set-cookie', cookie);
    redirect(response, withFolder(url, options.folder));
  };

  const mint = (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'cache-control': 'no-store' });
    response.end(options.mintKey);
  };

  const server = await listenOnLoopback(answer, options.port);
  host = `127.0.0.1:${server.port}`;
  for (const one of server.servers)
    one.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      const { pathname } = new URL(request.url ?? '/', `http://${host}`);
      // A page always says where it comes from when it opens a WebSocket.
      const ours = request.headers.origin !== undefined && foreignness(request, [host]) === undefined;
      if (!ours || !`${pathname}/`.startsWith(root) || !knowsToken(request, token)) {
        socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n');
        return;
      }
      live.add(socket);
      socket.once('close', () => live.delete(socket));
      forwardUpgrade(request, socket, head, upstream);
    });

  return {
    port: server.port,
    url: `http://${host}${root}?tkn=${token.reveal()}`,
    close: async () => {
      for (const socket of live) socket.destroy();
      await server.close();
    },
  };
}

/** What the workbench asks for outside its base path, for which its cookie is not sent. Nothing in it is private. */
function answerBeside(url: URL, response: ServerResponse, { issuerPort, media }: FrontOptions): boolean {
  const proxied = /^(?:\/[^/]+)?\/proxy\/(\d+)(\/.*)?$/.exec(url.pathname);
  if (proxied) {
    const [, port, path = '/'] = proxied;
    if (Number(port) === issuerPort) redirect(response, `http://localhost:${issuerPort}${path}${url.search}`);
    else refuse(response, 404, 'Only the sign-in is reached through here.');
    return true;
  }
  if (url.pathname === '/_static/out/browser/serviceWorker.js') {
    // The workbench registers one so that browsers offer to install it; it has nothing to do.
    response.writeHead(200, { 'content-type': 'text/javascript', 'service-worker-allowed': '/' });
    response.end();
    return true;
  }
  const picture = /^\/_static\/src\/browser\/media\/([\w-]+\.(?:ico|png|svg))$/.exec(url.pathname)?.[1];
  if (picture === undefined) return false;
  const file = createReadStream(join(media, picture));
  file.once('open', () => {
    response.writeHead(200, { 'content-type': types[extname(picture)] });
    file.pipe(response);
  });
  file.once('error', () => refuse(response, 404, 'Nothing is here.'));
  return true;
}

const opensSomething = (url: URL) => ['folder', 'workspace', 'ew'].some((name) => url.searchParams.has(name));

function withFolder(url: URL, folder: string): string {
  if (!opensSomething(url)) url.searchParams.set('folder', folder);
  return `${url.pathname}${url.search}`;
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(302, { location, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
  response.end();
}

function knowsToken(request: IncomingMessage, token: Secret): boolean {
  const cookies = request.headers.cookie?.split(';').map((cookie) => cookie.trim()) ?? [];
  const prefix = `${cookieName}=`;
  return cookies.some(
    (cookie) => cookie.startsWith(prefix) && same(cookie.slice(prefix.length), token.reveal()),
  );
}

function same(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
