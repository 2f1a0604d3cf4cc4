/** Why no answer came, in words that follow the host's name; `undefined` where nothing better than the code is known. */
const words: Readonly<Record<string, (host: string) => string>> = {
  ENOTFOUND: (host) => `${host} cannot be found. Check the spelling, and whether you need the VPN for it.`,
  EAI_AGAIN: (host) => `${host} cannot be found at the moment. Check your network.`,
  ECONNREFUSED: (host) => `Nothing answers at ${host}. Check the port, or whether it is running.`,
  ECONNRESET: (host) => `${host} broke the connection off.`,
  EPIPE: (host) => `${host} broke the connection off.`,
  ETIMEDOUT: (host) => `${host} did not answer in time. Check your network, or whether you need the VPN.`,
  ECONNABORTED: (host) => `${host} did not answer in time. Check your network, or whether you need the VPN.`,
  EHOSTUNREACH: (host) => `There is no way to ${host} from here. Check your network, or the VPN.`,
  ENETUNREACH: (host) => `There is no way to ${host} from here. Check your network, or the VPN.`,
  CERT_HAS_EXPIRED: (host) => `The TLS certificate of ${host} has expired. Tell whoever runs it.`,
  CERT_NOT_YET_VALID: (host) =>
    `The TLS certificate of ${host} is not valid yet. Check this machine's clock.`,
  ERR_TLS_CERT_ALTNAME_INVALID: (host) =>
    `The TLS certificate that ${host} shows belongs to another host. Check the address.`,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  EPROTO: (host) => `${host} does not speak HTTPS there. Check the port.`,
  ERR_SSL_WRONG_VERSION_NUMBER: (host) => `${host} does not speak HTTPS there. Check the port.`,
};

function untrusted(host: string): string {
  return `This machine does not trust the TLS certificate of ${host}. If your organisation has its own certificate authority, install it here.`;
}

/** What to tell a person when a call to `host` failed without an answer. Whatever else the error carries stays out. */
export function whyUnreachable(error: unknown, host: string): string {
  const code = codeOf(error);
  return words[code]?.(host) ?? `Cannot reach ${host} (${code}).`;
}

/** Codes of a connection that never came to be, so that nothing went over it. */
const neverOpened: readonly string[] = [
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_GET_ISSUER_CERT',
  'ERR_SSL_WRONG_VERSION_NUMBER',
];

/** Whether a call failed before anything of it can have arrived. */
export function nothingWasSent(error: unknown): boolean {
  return neverOpened.includes(codeOf(error));
}

/** The innermost known code of an error: libraries wrap the system's. `unknown` where there is none. */
export function codeOf(error: unknown): string {
  let found = 'unknown';
  const seen = new Set<unknown>();
  const look = (at: unknown): void => {
    if (typeof at !== 'object' || at === null || seen.has(at)) return;
    seen.add(at);
    const { code, cause, errors } = at as { code?: unknown; cause?: unknown; errors?: unknown };
    if (typeof code === 'string' && (found === 'unknown' || code in words)) found = code;
    look(cause);
    if (Array.isArray(errors)) errors.forEach(look);
  };
  look(error);
  return found;
}

/** An error's code and message without the request that an HTTP library hangs on it: the request holds the token. */
export function bare(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  const code = codeOf(error);
  if (code === 'unknown') return new Error(error.message);
  const message = error.message.includes(code) ? error.message : `${code}: ${error.message}`;
  return Object.assign(new Error(message), { code });
}
