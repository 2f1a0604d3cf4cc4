import type { ResourceMetadata } from '../../contract/discovery.ts';
import type { Clock } from '../state/clock.ts';
import { hostOf, isLoopback, parseUrl } from './address.ts';
import { Unreachable } from './call.ts';
import { exchange } from './exchange.ts';
import { parseJson } from './http.ts';

const wellKnown = '/.well-known/oauth-protected-resource';

/** What answers is no broker that this version of Daypass can work with. The message says why, for people. */
export class NotABroker extends Error {
  override readonly name = 'NotABroker';
}

/**
 * Asks whatever answers at `broker` (an address in the form of `brokerAddress`) where to sign in (RFC 9728, section 3).
 * @throws Unreachable nobody answered
 * @throws Cancelled
 * @throws NotABroker somebody answered who is no broker, or one that this version cannot work with
 */
export async function discover(
  broker: string,
  clock: Clock,
  signal?: AbortSignal,
): Promise<ResourceMetadata> {
  const host = hostOf(broker);
  const { origin, pathname } = new URL(broker);
  // RFC 9728, section 3.1: the well-known part comes before the resource's own path.
  const url = `${origin}${wellKnown}${pathname === '/' ? '' : pathname}`;
  const answer = await exchange({ method: 'GET', url, signal }, clock);
  const { ResourceMetadata, contractVersion } = await import('../../contract/discovery.ts');

  if (answer.status >= 300 && answer.status < 400)
    throw new NotABroker(
      `${host} sends visitors elsewhere (${whereTo(answer.header('location'), broker)}). Use the broker’s own address.`,
    );
  if (answer.status === 503 || answer.status === 502 || answer.status === 504)
    throw new Unreachable(`${host} cannot work at the moment (${answer.status}). Try again in a minute.`);
  const body = answer.status === 200 ? parseJson(answer.text) : undefined;
  const version = versionIn(body);
  if (version === undefined)
    throw new NotABroker(`${host} answers, but it is not a Daypass broker. Check the address.`);
  if (version !== contractVersion)
    throw new NotABroker(
      version > contractVersion
        ? `The broker at ${host} is newer than this extension. Update Daypass in VS Code.`
        : `The broker at ${host} is older than this extension. Ask whoever runs it to update it, or install an older Daypass.`,
    );
  const metadata = ResourceMetadata.safeParse(body);
  if (!metadata.success)
    throw new NotABroker(
      `${host} answers like a Daypass broker, but says nothing that makes sense. Tell whoever runs it.`,
    );
  const { resource, authorization_servers: issuers } = metadata.data;
  // RFC 9728, section 3.3: metadata that names another resource must not be used.
  if (withoutSlash(resource) !== broker)
    throw new NotABroker(`The broker that answers at ${host} calls itself ${resource}. Use that address.`);
  const issuer = new URL(issuers[0] ?? '');
  if (issuer.protocol !== 'https:' && !isLoopback(issuer.hostname))
    throw new NotABroker(
      `The broker at ${host} wants sign-in over plain http at ${issuer.host}, which is not safe. Tell whoever runs it.`,
    );
  return metadata.data;
}

function versionIn(body: unknown): number | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const version = (body as Record<string, unknown>)['daypass_contract'];
  return typeof version === 'number' && Number.isInteger(version) ? version : undefined;
}

function whereTo(location: string | undefined, broker: string): string {
  return (location && parseUrl(location, broker)?.origin) || 'nowhere in particular';
}

const withoutSlash = (url: string) => url.replace(/\/+$/, '');
