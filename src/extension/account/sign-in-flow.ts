import type { ResourceMetadata } from '../../contract/discovery.ts';
import type { Secret } from '../../contract/secret.ts';
import { newProofKey, proofAlgorithm } from '../client/proof.ts';
import type { Clock } from '../state/clock.ts';
import { missing } from '../views/words.ts';
import type { Editor } from './editor.ts';
import { ProviderFailure } from './failures.ts';
import { Loopback } from './loopback.ts';
import { IdentityProvider, type Audience, type Tokens, type Wishes } from './provider.ts';
import { chooseWay } from './way.ts';

export interface Flow {
  readonly metadata: ResourceMetadata;
  readonly editor: Editor;
  readonly clock: Clock;
  readonly wishes?: Wishes;
  /** How long a browser may take to come back; 5 min unless said. */
  readonly patienceMs?: number;
}

export interface Outcome {
  readonly tokens: Tokens;
  readonly audience: Audience;
  readonly way: 'browser' | 'device';
}

/** There is no way to sign in from this window. */
export class NoWay extends Error {
  override readonly name = 'NoWay';
}

/** The browser did not come back. */
export class TookTooLong extends Error {
  override readonly name = 'TookTooLong';
}

/**
 * Signs somebody in at the identity provider that the broker named.
 * @returns undefined when the person cancelled
 * @throws ProviderFailure, NoWay, TookTooLong
 */
export async function signInAtProvider(flow: Flow): Promise<Outcome | undefined> {
  const { metadata, editor } = flow;
  const ports = metadata.daypass_loopback_ports;
  const loopback = editor.window.node ? await Loopback.listen(ports) : undefined;
  try {
    const way = chooseWay({
      ...editor.window,
      listening: loopback?.address,
      reachedAt: loopback && (await editor.reach(loopback.address)),
      ports,
      deviceCodes: metadata.daypass_device_client_id !== undefined,
      inBrowser: flow.wishes?.challenge?.inBrowser === true,
    });
    if (way.by === 'none') throw new NoWay(way.why);
    if (way.by === 'browser' && loopback) {
      const outcome = await throughBrowser(flow, loopback, way.redirectUri, way.otherwise !== undefined);
      if (outcome !== 'other') return outcome === 'cancelled' ? undefined : outcome;
    }
  } finally {
    loopback?.dispose();
  }
  return withCode(flow);
}

async function throughBrowser(
  { metadata, editor, clock, wishes, patienceMs = 5 * 60_000 }: Flow,
  loopback: Loopback,
  redirectUri: string,
  canUseCode: boolean,
): Promise<Outcome | 'cancelled' | 'other'> {
  const audience = audienceOf(metadata, metadata.daypass_client_id);
  const work = async (signal: AbortSignal): Promise<Outcome | 'cancelled'> => {
    const provider = await IdentityProvider.find(audience, clock);
    const attempt = await provider.attempt(redirectUri, wishes, await keyFor(provider, metadata));
    const returned = loopback.returned(attempt.state);
    if (signal.aborted || !(await editor.open(attempt.page))) return 'cancelled';
    const back = await inTime(returned, patienceMs, signal);
    if (back === 'aborted') return 'cancelled';
    try {
      const tokens = await attempt.redeem(new URL(`${redirectUri}${back.query}`));
      back.succeeded();
      return { tokens, audience, way: 'browser' };
    } catch (error) {
      back.failed(error instanceof ProviderFailure ? error.message : '');
      // "Cancel" on the provider's page is a cancel like any other.
      if (error instanceof ProviderFailure && error.trouble === 'declined') return 'cancelled';
      throw error;
    }
  };
  const host = new URL(audience.issuer).host;
  return editor.wait(
    wishes?.challenge
      ? `Sign in again at ${host}, in the browser: this needs ${missing(wishes.challenge.acrValues)}`
      : `Sign in at ${host}, in the browser`,
    work,
    canUseCode ? 'Use a code instead' : undefined,
  );
}

async function withCode({ metadata, editor, clock, wishes }: Flow): Promise<Outcome | undefined> {
  const audience = audienceOf(metadata, metadata.daypass_device_client_id ?? '');
  const { host } = new URL(audience.issuer);
  const code = await editor.wait(`Asking ${host} for a code`, async () => {
    const provider = await IdentityProvider.find(audience, clock);
    if (provider.givesDeviceCodes) return provider.deviceCode(wishes, await keyFor(provider, metadata));
    throw new ProviderFailure(
      'misconfigured',
      `${host} gives no codes to sign in with. Tell whoever runs Daypass.`,
    );
  });
  if (typeof code === 'string' || !(await editor.showCode(code.userCode, code.page))) return undefined;
  await editor.open(code.pageWithCode);
  const outcome = await editor.wait(
    `Enter ${code.userCode} at ${code.page.host}${code.page.pathname}`,
    async (signal) => {
      try {
        return await code.redeem(signal);
      } catch (error) {
        if (signal.aborted) return 'cancelled';
        if (error instanceof ProviderFailure && error.trouble === 'declined') return 'cancelled';
        if (error instanceof ProviderFailure && error.trouble === 'ended')
          throw new TookTooLong('The code was not entered in time.');
        throw error;
      }
    },
  );
  return typeof outcome === 'string' ? undefined : { tokens: outcome, audience, way: 'device' };
}

/** A key for the sign-in to be bound to, where both the provider and the broker know what that is. */
async function keyFor(
  provider: IdentityProvider,
  { dpop_signing_alg_values_supported: taken = [] }: ResourceMetadata,
): Promise<Secret | undefined> {
  return provider.bindsTokens && taken.includes(proofAlgorithm) ? newProofKey() : undefined;
}

function audienceOf(metadata: ResourceMetadata, clientId: string): Audience {
  return {
    issuer: metadata.authorization_servers[0] ?? '',
    clientId,
    resource: metadata.resource,
    scopes: metadata.daypass_scopes,
    ...(metadata.daypass_audience ? { audience: metadata.daypass_audience } : {}),
  };
}

async function inTime<T>(
  waiting: Promise<T>,
  patienceMs: number,
  signal: AbortSignal,
): Promise<T | 'aborted'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new TookTooLong('The browser did not come back from signing in.')),
      patienceMs,
    );
  });
  const aborted = new Promise<'aborted'>((resolve) => {
    signal.addEventListener('abort', () => resolve('aborted'), { once: true });
    if (signal.aborted) resolve('aborted');
  });
  try {
    return await Promise.race([waiting, late, aborted]);
  } finally {
    clearTimeout(timer);
  }
}
