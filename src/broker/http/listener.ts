import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createSecureContext } from 'node:tls';
import type { Logger } from 'pino';
import type { CertificateFiles } from '../config/config.ts';

const limits: ServerOptions = {
  // Room for one token of the longest that is looked at.
  maxHeaderSize: 24 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 20_000,
  connectionsCheckingInterval: 2_000,
  keepAliveTimeout: 65_000,
};

/** What else is bounded begins when both sides have agreed on keys. */
const handshakeMs = 10_000;

const lookEveryMs = 5_000;

/** A server of HTTP, or of HTTPS with certificate files, which are read again whenever one of them changes. */
export function createListener(
  listener: RequestListener,
  tls: CertificateFiles | undefined,
  log: Logger,
  handshakeTimeout = handshakeMs,
): Server {
  if (!tls) return createServer(limits, listener);
  const read = () => ({ cert: readFileSync(tls.certificate), key: readFileSync(tls.key) });
  const server = createTlsServer({ ...limits, ...read(), minVersion: 'TLSv1.2', handshakeTimeout }, listener);
  // No answer can be sent there, and one that waits to be sent would keep the connection open.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  const reload = () => {
    try {
      const files = read();
      // Checked first: a certificate whose key has not been written yet must not take the place of a good pair.
      createSecureContext(files);
      server.setSecureContext({ ...files, minVersion: 'TLSv1.2' });
      log.info({ certificate: tls.certificate }, 'The certificate was read again.');
    } catch (error) {
      log.warn({ err: error }, 'The new certificate cannot be used; the one before stays in use.');
    }
  };
  // By looking, not by the system's notices: certificates are often replaced through links and renames.
  for (const file of [tls.certificate, tls.key])
    watchFile(file, { interval: lookEveryMs, persistent: false }, reload);
  server.on('close', () => {
    for (const file of [tls.certificate, tls.key]) unwatchFile(file, reload);
  });
  return server;
}
