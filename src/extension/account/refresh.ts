import type { Secret } from '../../contract/secret.ts';
import type { Clock } from '../state/clock.ts';
import type { Audience, IdentityProvider, Tokens } from './provider.ts';

/** The provider's metadata is read again after this. */
const metadataGoodForMs = 10 * 60_000;

/** Exchanges refresh tokens; the provider is looked up once for many of them. @throws ProviderFailure */
export function refresher(clock: Clock): (audience: Audience, refreshToken: Secret) => Promise<Tokens> {
  let known: { readonly of: string; readonly until: number; readonly provider: IdentityProvider } | undefined;
  return async (audience, refreshToken) => {
    const of = `${audience.issuer} ${audience.clientId} ${audience.resource}`;
    if (known?.of !== of || known.until < clock.mark())
      known = {
        of,
        until: clock.mark() + metadataGoodForMs,
        provider: await find(audience, clock),
      };
    return known.provider.refresh(refreshToken);
  };
}

async function find(audience: Audience, clock: Clock): Promise<IdentityProvider> {
  const { IdentityProvider } = await import('./provider.ts');
  return IdentityProvider.find(audience, clock);
}
