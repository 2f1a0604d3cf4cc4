import { isLoopback } from '../client/address.ts';

/** What decides how somebody can sign in here. */
export interface Environment {
  /** Whether this code runs in Node, so that it can listen; a web worker cannot. */
  readonly node: boolean;
  /** Where VS Code's window is. */
  readonly ui: 'desktop' | 'web';
  /** Whether this code runs on the machine of the window (desktop), as VS Code knows it. */
  readonly remote: boolean;
  /** Where we listen: `http://127.0.0.1:PORT/callback`. */
  readonly listening: URL | undefined;
  /** What VS Code says a browser must open to reach that. */
  readonly reachedAt: URL | undefined;
  /** The only ports that the provider sends a browser back to, where it does not take any (RFC 8252, section 7.3). */
  readonly ports?: readonly number[] | undefined;
  /** Whether the broker names a client for device codes. */
  readonly deviceCodes: boolean;
  /** Whether a code does not count for what the sign-in is needed for; not unless said. */
  readonly inBrowser?: boolean;
}

export type Way =
  /** The browser comes back to `redirectUri`; if it does not, a device code may be offered. */
  | { readonly by: 'browser'; readonly redirectUri: string; readonly otherwise: 'device' | undefined }
  | { readonly by: 'device' }
  | { readonly by: 'none'; readonly why: string };

/**
 * How to sign in: through the browser wherever its way back can reach us, with a device code only where it cannot
 * (device codes can be phished past MFA). The redirect names 127.0.0.1 and never `localhost` (RFC 8252, section 8.3).
 */
export function chooseWay(here: Environment): Way {
  const port = here.node ? reachablePort(here) : undefined;
  if (port !== undefined && isAccepted(port, here))
    return {
      by: 'browser',
      redirectUri: `http://127.0.0.1:${port}/callback`,
      otherwise: codesCount(here) ? 'device' : undefined,
    };
  if (codesCount(here)) return { by: 'device' };
  return { by: 'none', why: whyNot(here) };
}

function codesCount({ deviceCodes, inBrowser = false }: Environment): boolean {
  return deviceCodes && !inBrowser;
}

function whyNot(here: Environment): string {
  if (!here.node) return 'Daypass cannot run in this kind of window. Use VS Code on your own machine.';
  if (here.ports && !here.listening)
    return `Another program has the only ports that your identity provider sends the browser back to (${here.ports.join(', ')}). Close it, then try again.`;
  if (here.inBrowser)
    return 'This needs a sign-in whose browser comes back to VS Code by itself: a code could be passed on, so none counts here. The browser cannot come back to this window. Use VS Code on your own machine.';
  return 'A browser cannot come back to this window, and your organisation has not allowed signing in with a code. Use VS Code on your own machine, or ask whoever runs Daypass.';
}

function isAccepted(port: string, { ports }: Environment): boolean {
  return ports === undefined || ports.includes(Number(port));
}

/** The port on the machine of the browser that leads to where we listen, if there is one. */
function reachablePort({ ui, remote, listening, reachedAt }: Environment): string | undefined {
  if (!listening) return undefined;
  // The window, the browser that it opens and we are on one machine.
  if (ui === 'desktop' && !remote) return listening.port;
  if (!reachedAt || reachedAt.protocol !== 'http:' || !isLoopback(reachedAt.hostname)) return undefined;
  // A port that VS Code forwards; an address with another path is a page of the server, which the provider would not
  // accept as a redirect. That server being on loopback, the browser is most likely beside us.
  return reachedAt.pathname === listening.pathname ? reachedAt.port || '80' : listening.port;
}
