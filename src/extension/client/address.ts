/** Hosts on which plain HTTP is allowed: what is sent to them does not leave the machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

export type Address = { readonly url: string } | { readonly problem: string };

/**
 * What somebody typed as the broker's address, as the one form that is stored and compared: an https URL without a
 * slash at its end. A bare host becomes https, a bare loopback host http.
 */
export function brokerAddress(typed: string): Address {
  const text = typed.trim();
  if (!text) return { problem: 'Type the address of your organisation’s broker, like access.example.com.' };
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme && scheme !== 'https' && scheme !== 'http')
    return { problem: `A broker’s address starts with https://, not ${scheme}://.` };
  const full = scheme ? text : withScheme(text);
  const url = parseUrl(full);
  if (!url?.hostname) return { problem: 'That is not an address. It looks like access.example.com.' };
  if (url.username || url.password)
    return { problem: 'A broker’s address holds no user name and no password.' };
  if (url.search || url.hash) return { problem: 'A broker’s address ends before any “?” or “#”.' };
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    return { problem: `Use https://${url.host}: what is sent over http can be read and changed on the way.` };
  return { url: `${url.origin}${url.pathname.replace(/\/+$/, '')}` };
}

function withScheme(text: string): string {
  const host = /^(\[[^\]]*\]|[^/:?#]*)/.exec(text)?.[1] ?? '';
  return `${isLoopback(host.toLowerCase()) ? 'http' : 'https'}://${text}`;
}

/** The host as people know it: with its port only if that is not the usual one. */
export function hostOf(url: string): string {
  return new URL(url).host;
}

/** A URL, or undefined if the text is none. */
export function parseUrl(text: string, base?: string): URL | undefined {
  return URL.canParse(text, base) ? new URL(text, base) : undefined;
}
