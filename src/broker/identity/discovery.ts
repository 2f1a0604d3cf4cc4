import type { JSONWebKeySet, JWK } from 'jose';
import * as z from 'zod';
import { fetchJson, NoAnswer } from './fetch-json.ts';

const Metadata = z.object({ issuer: z.string(), jwks_uri: z.url({ protocol: /^https?$/ }) });

const KeySet = z.object({ keys: z.array(z.unknown()).max(200) });

/**
 * The issuer's public signing keys: discovery (OpenID Connect Discovery 1.0 section 4, else RFC 8414 section 3), then
 * the key set (RFC 7517). What is no public key for signatures is left out.
 * @throws NoAnswer
 */
export async function fetchKeys(issuer: string, fetch: typeof globalThis.fetch): Promise<JSONWebKeySet> {
  const { issuer: said, jwks_uri: address } = await metadata(issuer, fetch);
  if (said !== issuer)
    throw new NoAnswer(`The identity provider calls itself another issuer than the configured ${issuer}.`);
  if (!address.startsWith('https:') && !issuer.startsWith('http:'))
    throw new NoAnswer('The identity provider names an address for its keys that is not https.');
  const set = KeySet.safeParse(await fetchJson(address, fetch));
  if (!set.success) throw new NoAnswer(`${address} does not hold a key set.`);
  const keys = set.data.keys.filter(isSigningKey);
  if (keys.length === 0) throw new NoAnswer(`${address} holds no key for signatures.`);
  return { keys };
}

const SigningKey = z
  .looseObject({
    kty: z.enum(['RSA', 'EC', 'OKP']),
    kid: z.string().optional(),
    use: z.literal('sig').optional(),
  })
  .refine((key) => !('d' in key));

function isSigningKey(key: unknown): key is JWK {
  return SigningKey.safeParse(key).success;
}

async function metadata(issuer: string, fetch: typeof globalThis.fetch): Promise<z.infer<typeof Metadata>> {
  const url = new URL(issuer);
  const path = url.pathname.replace(/\/$/, '');
  const openid = `${url.origin}${path}/.well-known/openid-configuration`;
  const oauth = `${url.origin}/.well-known/oauth-authorization-server${path}`;
  const read = async (address: string) => {
    const parsed = Metadata.safeParse(await fetchJson(address, fetch));
    if (!parsed.success) throw new NoAnswer(`${address} does not describe an identity provider.`);
    return parsed.data;
  };
  try {
    return await read(openid);
  } catch (error) {
    if (!(error instanceof NoAnswer) || error.status !== 404) throw error;
    return read(oauth);
  }
}
