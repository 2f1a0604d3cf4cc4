import type { Transporter } from 'nodemailer';
import type { EmailConfig } from '../config/channels.ts';
import {
  abandoned,
  headline,
  isOpen,
  isTrial,
  noAddress,
  standing,
  trialWords,
  type Channel,
  type Facts,
  type Sent,
  type Trial,
} from './message.ts';
import { codeOf } from './post.ts';
import { escapedHtml, harmless, inHeader } from './texts.ts';

/** A message by SMTP, plain text beside a little HTML; what follows it stays in its thread. */
export function emailChannel(config: EmailConfig): Channel {
  let opened: Promise<Transporter> | undefined;
  const host = config.from.slice(config.from.lastIndexOf('@') + 1);
  /** RFC 5322, section 3.6.4. The same whenever it is sent: who gets it twice is shown it once. */
  const named = (id: string) => `<${id}@${host}>`;
  return {
    name: config.name,
    kind: 'email',
    async send({ id, at, facts, to, follows }, stop) {
      const addresses = to ? [to.email ?? []].flat() : [...config.to];
      if (addresses.length === 0)
        return noAddress(to ? 'no e-mail address of theirs is known' : 'it has no address');
      const before = follows && named(follows.id);
      opened ??= open(config);
      const transport = await opened;
      const mail = {
        from: { name: 'Daypass', address: config.from },
        to: addresses,
        date: at,
        messageId: named(id),
        ...(before === undefined ? {} : { inReplyTo: before, references: [before] }),
        ...content(facts, before !== undefined),
        // RFC 3834: nobody's absence note is to answer it.
        headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
        disableFileAccess: true,
        disableUrlAccess: true,
        // Closes the connection: what is abandoned must not come through beside the next attempt.
        signal: stop,
      };
      return transport
        .sendMail(mail)
        .then(sent, (error: unknown) =>
          stop.aborted ? { is: 'failed', why: abandoned(stop), again: true } : failed(error),
        );
    },
    close() {
      void opened?.then((transport) => transport.close()).catch(() => undefined);
    },
  };
}

async function open({ server }: EmailConfig): Promise<Transporter> {
  // Only where mail is sent: a broker without it does not read the library.
  const { createTransport } = await import('nodemailer');
  const { host, port, tls, login, certificateAuthority: ca } = server;
  return createTransport({
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'off',
    tls: { ...(ca === undefined ? {} : { ca }), minVersion: 'TLSv1.2' },
    ...(login ? { auth: { user: login.user, pass: login.password.reveal() } } : {}),
    logger: false,
  });
}

const sent = (): Sent => ({ is: 'sent' });

/** What a mail server writes stays out of the log: it repeats what it was told. */
function failed(error: unknown): Sent {
  const { code, responseCode } = error as { code?: unknown; responseCode?: unknown };
  const status = typeof responseCode === 'number' ? responseCode : undefined;
  // RFC 5321, section 4.2.1: 5yz stays as it is, 4yz passes.
  const again = status === undefined ? code !== 'EENVELOPE' && code !== 'EMESSAGE' : status < 500;
  const what =
    code === 'EAUTH'
      ? 'the mail server refuses the login'
      : code === 'ETLS'
        ? 'the connection to the mail server cannot be encrypted'
        : status === undefined
          ? 'the mail server cannot be reached'
          : 'the mail server refuses the message';
  return {
    is: 'failed',
    why: `${what}${status === undefined ? codeOf(error) : ` (${status})`}`,
    again: again && code !== 'EAUTH',
  };
}

function content(facts: Facts | Trial, isReply: boolean) {
  if (isTrial(facts)) return { subject: 'Daypass can reach you', text: `${trialWords(facts)}\n` };
  const subject = inHeader(headline(facts, inHeader));
  return { subject: `${isReply ? 'Re: ' : ''}${subject}`, text: text(facts), html: html(facts) };
}

function text(facts: Facts): string {
  const { allows, reason, ticket, stand, url } = facts;
  return [
    `${headline(facts, harmless)}.`,
    standing(stand, harmless),
    '',
    `Why: “${harmless(reason)}”`,
    ...(ticket === undefined ? [] : [`Ticket: ${harmless(ticket)}`]),
    '',
    'It allows to:',
    ...allows.map((line) => `- ${harmless(line)}`),
    '',
    isOpen(stand) ? 'Look at it and decide:' : 'Look at it:',
    url,
    '',
  ].join('\n');
}

function html(facts: Facts): string {
  const { allows, reason, ticket, stand, url } = facts;
  const words = (written: string) => `<bdi>${escapedHtml(harmless(written))}</bdi>`;
  const title = headline(
    {
      ...facts,
      template: { ...facts.template, title: escapedHtml(facts.template.title) },
      target: escapedHtml(facts.target),
    },
    words,
  );
  const label = isOpen(stand) ? 'Look at it and decide' : 'Look at it';
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="format-detection" content="telephone=no,date=no,address=no,email=no,url=no"></head><body>',
    `<p><strong>${title}.</strong><br>${standing(stand, words)}</p>`,
    `<p>Why: “${words(reason)}”${ticket === undefined ? '' : `<br>Ticket: ${words(ticket)}`}</p>`,
    `<p>It allows to:</p><ul>${allows.map((line) => `<li>${words(line)}</li>`).join('')}</ul>`,
    `<p><a href="${escapedHtml(url)}">${label}</a></p>`,
    '</body></html>',
  ].join('\n');
}
