import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { tmpdir } from 'node:os';
import { Secret } from '../../src/contract/secret.ts';
import { startFront, type Front } from '../../src/sandbox/vscode/front.ts';

const token = 'f'.repeat(48);
const mintKey = Buffer.alloc(32, 7);

describe('the front of a VS Code in the browser', () => {
  let upstream: Server;
  let front: Front;
  const seen: (string | undefined)[] = [];

  before(async () => {
    upstream = createServer((asked, response) => {
      seen.push(asked.url);
      response.setHeader('set-cookie', 'vscode-tkn=of-the-server');
      response.end('workbench');
    });
    upstream.on('upgrade', (_asked, socket: Duplex) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
      socket.pipe(socket);
    });
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    front = await startFront({
      port: 0,
      basePath: '/ana',
      upstream: { host: '127.0.0.1', port: (upstream.address() as AddressInfo).port },
      media: tmpdir(),
      token: new Secret(token),
      mintKey,
      issuerPort: 7423,
      folder: '/home/ana/shop',
    });
  });
  after(async () => {
    await front.close();
    upstream.closeAllConnections();
    upstream.close();
  });

  const origin = () => `http://127.0.0.1:${front.port}`;
  const cookie = `vscode-tkn=${token}`;

  const ask = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    new Promise<{ response: IncomingMessage; body: Buffer }>((resolve, reject) => {
      request(`${origin()}${path}`, { method, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve({ response, body: Buffer.concat(chunks) }));
      })
        .on('error', reject)
        .end();
    });
  const statusOf = async (...asked: Parameters<typeof ask>) => (await ask(...asked)).response.statusCode;

  const upgrade = (headers: Record<string, string>) =>
    new Promise<string>((resolve, reject) => {
      const asked = request(`${origin()}/ana/?reconnectionToken=x`, {
        headers: { connection: 'Upgrade', upgrade: 'websocket', ...headers },
      });
      asked.on('upgrade', (_response, socket) => {
        socket.once('data', (chunk: Buffer) => {
          socket.destroy();
          resolve(chunk.toString());
        });
        socket.write('hello');
      });
      asked.on('response', (response) => {
        response.resume();
        resolve(String(response.statusCode));
      });
      asked.on('error', reject);
      asked.end();
    });

  it('lets in whoever brings the token, into the person’s folder, and keeps the token to its path', async () => {
    const { response } = await ask(new URL(front.url).pathname + new URL(front.url).search);
    assert.equal(response.statusCode, 302);
    assert.equal(response.headers.location, '/ana/?folder=%2Fhome%2Fana%2Fshop');
    assert.deepEqual(response.headers['set-cookie'], [`${cookie}; Path=/ana; SameSite=Lax; Max-Age=604800`]);
    const opened = await ask('/ana/?folder=%2Fhome%2Fana%2Fshop', { cookie });
    assert.equal(opened.body.toString(), 'workbench');
    assert.equal(opened.response.headers['set-cookie'], undefined);
  });

  it('shows nothing to whoever does not', async () => {
    const before = seen.length;
    assert.equal(await statusOf('/ana/'), 403);
    assert.equal(await statusOf('/ana/?tkn=guessed'), 403);
    assert.equal(await statusOf('/ana/', { cookie: 'vscode-tkn=guessed' }), 403);
    assert.equal(await statusOf('/ana/mint-key', {}, 'POST'), 403);
    assert.equal(await statusOf('/ben/', { cookie }), 404);
    assert.equal(seen.length, before);
  });

  it('refuses pages from elsewhere and names that were pointed here', async () => {
    assert.equal(await statusOf('/ana/', { cookie, origin: 'http://shop.example' }), 403);
    assert.equal(await statusOf('/ana/', { cookie, host: `shop.example:${front.port}` }), 403);
    assert.equal(await statusOf('/ana/mint-key', { cookie, origin: 'null' }, 'POST'), 403);
  });

  it('mints the same 32 bytes each time', async () => {
    const { body } = await ask('/ana/mint-key', { cookie, origin: origin() }, 'POST');
    assert.deepEqual(body, mintKey);
  });

  it('leads a sign-in to the identity provider, and nothing to any other port', async () => {
    const { response } = await ask('/proxy/7423/auth?client_id=daypass-vscode');
    assert.equal(response.headers.location, 'http://localhost:7423/auth?client_id=daypass-vscode');
    assert.equal((await ask('/ana/proxy/7423/auth')).response.headers.location, 'http://localhost:7423/auth');
    assert.equal(await statusOf('/proxy/7424/'), 404);
    assert.equal(await statusOf('/proxy/7423@shop.example/'), 404);
  });

  it('passes WebSockets of its own pages on, and no others', async () => {
    assert.equal(await upgrade({ cookie, origin: origin() }), 'hello');
    assert.equal(await upgrade({ cookie }), '403');
    assert.equal(await upgrade({ cookie, origin: 'http://shop.example' }), '403');
    assert.equal(await upgrade({ origin: origin() }), '403');
  });
});
