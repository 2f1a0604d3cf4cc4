import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { selfMadeCertificates } from './certificates.ts';

/** What somebody was sent over HTTP. */
export interface Call {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly json: Record<string, unknown>;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** A service of the organisation's on loopback that is called; it answers as the test says. */
export interface Receiver {
  readonly url: string;
  readonly calls: Call[];
  /** Asked for each call; may take its time. */
  answer: (call: Call) => HttpAnswer | Promise<HttpAnswer>;
  close(): Promise<void>;
}

export async function startReceiver(): Promise<Receiver> {
  const calls: Call[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts).toString();
      const call = {
        path: request.url ?? '',
        headers: request.headers,
        body,
        json: (body === '' ? {} : JSON.parse(body)) as Record<string, unknown>,
      };
      calls.push(call);
      void Promise.resolve(receiver.answer(call)).then(({ status, headers, body: said }) =>
        response.writeHead(status, headers).end(said === undefined ? '' : JSON.stringify(said)),
      );
    });
  });
  const port = await listening(server);
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}`,
    calls,
    answer: () => ({ status: 204 }),
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return receiver;
}

/**
 * A stub of two methods of Slack's Web API, as its documentation describes them: there is no Slack to be had here.
 * `https://docs.slack.dev/reference/methods/chat.postMessage` and `chat.update`.
 */
export async function startSlackStub(
  token: string,
): Promise<Receiver & { readonly messages: Map<string, unknown> }> {
  const messages = new Map<string, unknown>();
  const receiver = await startReceiver();
  let number = 0;
  receiver.answer = ({ path, headers, json }) => {
    const said = (body: unknown): HttpAnswer => ({ status: 200, body });
    if (headers.authorization !== `Bearer ${token}`) return said({ ok: false, error: 'invalid_auth' });
    if (path === '/api/chat.postMessage') {
      const ts = `1700000000.${String((number += 1)).padStart(6, '0')}`;
      messages.set(ts, json);
      return said({ ok: true, channel: json['channel'], ts, message: {} });
    }
    if (path === '/api/chat.update') {
      if (!messages.has(String(json['ts']))) return said({ ok: false, error: 'message_not_found' });
      messages.set(String(json['ts']), json);
      return said({ ok: true, channel: json['channel'], ts: json['ts'], text: json['text'] });
    }
    return said({ ok: false, error: 'unknown_method' });
  };
  return Object.assign(receiver, { messages });
}

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  /** As it came over the wire. */
  readonly raw: string;
}

/** A real mail server on loopback that takes mail over STARTTLS from whoever has the password. */
export interface MailServer {
  readonly port: number;
  readonly certificateAuthority: string;
  readonly mails: Mail[];
  /** An SMTP status with which it refuses the next messages; undefined: it takes them. */
  refuses: number | undefined;
  /** How long it takes for each answer, in milliseconds. */
  slowMs: number;
  close(): Promise<void>;
}

export async function startMailServer(login: { user: string; password: string }): Promise<MailServer> {
  const mails: Mail[] = [];
  const { certificate, key, certificateAuthority } = selfMadeCertificates(['localhost'], ['127.0.0.1']);
  const server = new SMTPServer({
    key,
    cert: certificate,
    onConnect: (_session, done) => void setTimeout(done, mail.slowMs),
    onMailFrom: (_address, _session, done) => void setTimeout(done, mail.slowMs),
    onRcptTo: (_address, _session, done) => void setTimeout(done, mail.slowMs),
    onAuth({ username, password }, _session, done) {
      if (username === login.user && password === login.password) done(null, { user: username });
      else done(Object.assign(new Error('No'), { responseCode: 535 }));
    },
    onData(stream, { envelope }, done) {
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => {
        if (mail.refuses !== undefined) {
          done(Object.assign(new Error('Refused'), { responseCode: mail.refuses }));
          return;
        }
        mails.push({
          from: envelope.mailFrom ? envelope.mailFrom.address : '',
          to: envelope.rcptTo.map(({ address }) => address),
          raw: Buffer.concat(parts).toString(),
        });
        setTimeout(done, mail.slowMs);
      });
    },
  });
  server.on('error', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  const mail: MailServer = {
    port: (server.server.address() as AddressInfo).port,
    certificateAuthority,
    mails,
    refuses: undefined,
    slowMs: 0,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return mail;
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
