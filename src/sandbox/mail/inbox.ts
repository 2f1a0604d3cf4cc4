import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { foreignness, listenOnLoopback, refuse } from '../loopback.ts';
import type { Person } from '../provider/people.ts';
import { show } from '../provider/show.ts';
import { inboxPage, type Mail } from './page.ts';
import { readMail } from './read-mail.ts';

export interface InboxOptions {
  /** Of the page; 0 for a free one. */
  readonly port: number;
  /** Whose addresses are known by name: `ben@…` is the person `ben`. */
  readonly people: readonly Person[];
  /** Links to it can be followed; others are text. */
  readonly broker: string;
}

/** A mail server for everybody in the sandbox, and a page with what came. */
export interface Inbox {
  /** The page. */
  readonly url: string;
  /** How mail is handed in: in clear, on this machine. */
  readonly server: { readonly port: number; readonly user: string; readonly password: string };
  close(): Promise<void>;
}

const mostKept = 100;

/** A real mail server (SMTP) on loopback. What it takes is kept in memory, shown on a page, and goes no further. */
export async function startInbox({ port, people, broker }: InboxOptions): Promise<Inbox> {
  const mails: Mail[] = [];
  const [user, password] = ['daypass', randomBytes(24).toString('base64url')];
  const server = new SMTPServer({
    // On this machine, where nobody is between.
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    onAuth({ username, password: given }, _session, done) {
      if (username === user && given === password) done(null, { user });
      else done(new Error('This is the sandbox’s own mail server.'));
    },
    onData(stream, { envelope }, done) {
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => {
        const { headers, text } = readMail(Buffer.concat(parts).toString());
        const to = envelope.rcptTo.map(({ address }) => address);
        mails.unshift({ to, subject: headers.get('subject') ?? '', text, at: new Date() });
        mails.splice(mostKept);
        done();
      });
    },
  });
  server.on('error', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  const page = await listenOnLoopback((request, response) => {
    const reason = foreignness(request, [`localhost:${page.port}`, `127.0.0.1:${page.port}`]);
    if (reason !== undefined) refuse(response, 403, reason);
    else if (request.url !== '/') refuse(response, 404, 'Nothing is here.');
    else show(response, 200, inboxPage(mails, people, broker));
  }, port);
  return {
    url: `http://127.0.0.1:${page.port}`,
    server: { port: (server.server.address() as AddressInfo).port, user, password },
    async close() {
      await page.close();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
