import type { Secret } from '../../contract/secret.ts';
import type { Clock } from '../state/clock.ts';
import type { Audience, IdentityProvider, Tokens } from './provider.ts';

/** The provider's metadata is read again after this. */
const metadataGoodForMs = 10 * 60_000;

/** As much of a sign-in as it takes to renew it. */
export interface Renewable extends Audience {
  readonly broker: string;
  readonly proofKey?: Secret | undefined;
}

/** Exchanges refresh tokens; the provider is looked up once for many of them. @throws ProviderFailure */
export function refresher(clock: Clock): (signIn: Renewable, refreshToken: Secret) => Promise<Tokens> {
  let known: { readonly of: string; readonly until: number; readonly provider: IdentityProvider } | undefined;
  return async (signIn, refreshToken) => {
    const of = `${signIn.issuer} ${signIn.clientId} ${signIn.resource}`;
    if (known?.of !== of || known.until < clock.mark())
      known = {
        of,
        until: clock.mark() + metadataGoodForMs,
        provider: await find(signIn, clock),
      };
    return known.provider.refresh(refreshToken, signIn.proofKey);
  };
}

async function find(signIn: Renewable, clock: Clock): Promise<IdentityProvider> {
  if (signIn.proofKey && !clock.isMeasured) await measure(signIn.broker, clock);
  const { IdentityProvider } = await import('./provider.ts');
  return IdentityProvider.find(signIn, clock);
}

/** A proof says when it was made, and this machine's clock may be wrong: a provider would take none of it. */
async function measure(broker: string, clock: Clock): Promise<void> {
  const { discover } = await import('../client/discover.ts');
  try {
    await discover(broker, clock);
  } catch {
    // The renewal may still succeed; what is wrong with the broker, the next call to it says.
  }
}
