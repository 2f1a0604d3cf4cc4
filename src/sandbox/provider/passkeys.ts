import type { WebAuthnCredential } from '@simplewebauthn/server';
import * as z from 'zod';
import type { Person } from './people.ts';

/**
 * What using a passkey proves (RFC 8176 section 2): a key in hardware, or one that may be copied to other devices and is
 * in software somewhere. Without attestation the flag for that is all that is known.
 */
export type KeyMethod = 'hwk' | 'swk';

interface Asked {
  readonly what: 'add' | 'use';
  readonly personId: string;
  readonly challenge: string;
  readonly until: number;
}

/** ES256 and RS256: what every authenticator has one of, and what Node checks. */
const algorithms = [-7, -257];
/** As long as the interaction that it belongs to. */
const answerMs = 30 * 60_000;

const answerOf = <T extends z.ZodType>(response: T) =>
  z.object({
    id: z.string(),
    rawId: z.string(),
    type: z.literal('public-key'),
    response,
    clientExtensionResults: z.object({}),
  });
const Added = answerOf(z.object({ clientDataJSON: z.string(), attestationObject: z.string() }));
const Used = answerOf(
  z.object({ clientDataJSON: z.string(), authenticatorData: z.string(), signature: z.string() }),
);

/**
 * Everybody's passkeys (Web Authentication, level 3) as a second factor, until the sandbox stops. Each question belongs to
 * one interaction and is answered once.
 */
export class Passkeys {
  readonly #origin: string;
  readonly #of = new Map<string, WebAuthnCredential[]>();
  readonly #asked = new Map<string, Asked>();

  /** @param issuer at `localhost`: a bare IP address owns no passkeys */
  constructor(issuer: string) {
    this.#origin = issuer;
  }

  has(personId: string): boolean {
    return this.#of.has(personId);
  }

  /** What the browser is to be asked for a new one (section 5.4), as JSON. */
  async askToAdd(uid: string, { id, name }: Person): Promise<string> {
    const { generateRegistrationOptions } = await import('@simplewebauthn/server');
    const options = await generateRegistrationOptions({
      rpID: this.#domain,
      rpName: 'Daypass sandbox',
      userID: new TextEncoder().encode(`daypass-sandbox ${id}`),
      userName: id,
      userDisplayName: name,
      excludeCredentials: this.#known(id),
      supportedAlgorithmIDs: algorithms,
    });
    this.#ask(uid, { what: 'add', personId: id, challenge: options.challenge });
    return JSON.stringify({ create: options });
  }

  /** What the browser is to be asked for one that is there (section 5.5), as JSON; undefined where there is none. */
  async askToUse(uid: string, personId: string): Promise<string | undefined> {
    if (!this.has(personId)) return undefined;
    const { generateAuthenticationOptions } = await import('@simplewebauthn/server');
    const options = await generateAuthenticationOptions({
      rpID: this.#domain,
      allowCredentials: this.#known(personId),
    });
    this.#ask(uid, { what: 'use', personId, challenge: options.challenge });
    return JSON.stringify({ get: options });
  }

  /** Whether this person was asked in this interaction to add one. */
  isAdding(uid: string, personId: string): boolean {
    const asked = this.#asked.get(uid);
    return asked?.what === 'add' && asked.personId === personId;
  }

  /** @param answer the browser's, as JSON. @returns whether it is kept now (section 7.1) */
  async add(uid: string, personId: string, answer: string): Promise<boolean> {
    const challenge = this.#answered(uid, 'add', personId);
    const response = read(Added, answer);
    if (challenge === undefined || !response) return false;
    const { verifyRegistrationResponse } = await import('@simplewebauthn/server');
    const { registrationInfo } = await verifyRegistrationResponse({
      ...this.#expected(challenge),
      response,
      supportedAlgorithmIDs: algorithms,
    }).catch(() => ({ registrationInfo: undefined }));
    if (!registrationInfo) return false;
    this.#of.set(personId, [...this.#known(personId), registrationInfo.credential]);
    return true;
  }

  /** @param answer the browser's, as JSON. @returns what it proves (section 7.2); undefined: nothing */
  async check(uid: string, personId: string, answer: string): Promise<KeyMethod | undefined> {
    const challenge = this.#answered(uid, 'use', personId);
    const response = read(Used, answer);
    const credential = this.#known(personId).find(({ id }) => id === response?.id);
    if (challenge === undefined || !response || !credential) return undefined;
    const { verifyAuthenticationResponse } = await import('@simplewebauthn/server');
    const proven = await verifyAuthenticationResponse({
      ...this.#expected(challenge),
      response,
      credential,
    }).catch(() => undefined);
    if (!proven?.verified) return undefined;
    credential.counter = proven.authenticationInfo.newCounter;
    return proven.authenticationInfo.credentialDeviceType === 'singleDevice' ? 'hwk' : 'swk';
  }

  get #domain(): string {
    return new URL(this.#origin).hostname;
  }

  #expected(challenge: string) {
    return {
      expectedChallenge: challenge,
      expectedOrigin: this.#origin,
      expectedRPID: this.#domain,
      // It is the second of two: whoever holds it need not prove to it who they are.
      requireUserVerification: false,
    };
  }

  #known(personId: string): WebAuthnCredential[] {
    return this.#of.get(personId) ?? [];
  }

  #ask(uid: string, asked: Omit<Asked, 'until'>): void {
    const now = Date.now();
    for (const [old, { until }] of this.#asked) if (until <= now) this.#asked.delete(old);
    this.#asked.set(uid, { ...asked, until: now + answerMs });
  }

  #answered(uid: string, what: Asked['what'], personId: string): string | undefined {
    const asked = this.#asked.get(uid);
    this.#asked.delete(uid);
    return asked?.what === what && asked.personId === personId ? asked.challenge : undefined;
  }
}

function read<T extends z.ZodType>(schema: T, text: string): z.infer<T> | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
