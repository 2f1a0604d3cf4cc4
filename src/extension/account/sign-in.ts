import * as z from 'zod';
import { ResourceMetadata } from '../../contract/discovery.ts';
import { Me } from '../../contract/people.ts';
import { Secret } from '../../contract/secret.ts';

const secret = z
  .string()
  .min(1)
  .transform((value) => new Secret(value));

/** A sign-in as it is kept, encrypted, and shared by the windows of one person. Times are this machine's, in ms. */
export const SignIn = z.object({
  /** 2: bound to a key. A version of Daypass from before takes it for none, where it would lose it for want of proofs. */
  version: z.literal([1, 2]),
  broker: z.string(),
  /** `resource` of RFC 8707, as the broker's metadata says it. */
  resource: z.string(),
  organisation: z.string(),
  issuer: z.string(),
  clientId: z.string(),
  scopes: z.array(z.string()),
  audience: ResourceMetadata.shape.daypass_audience,
  way: z.enum(['browser', 'device']),
  accessToken: secret,
  accessFrom: z.number(),
  accessUntil: z.number(),
  refreshToken: secret.optional(),
  /** The key that both are bound to (`client/proof.ts`), where the provider and the broker can do that. */
  proofKey: secret.optional(),
  /** Says at a sign-out which sign-in at the provider is meant; it opens nothing. */
  idToken: secret.optional(),
  /** Who the broker said this is; shown at a start without network. */
  me: Me,
});
export type SignIn = z.infer<typeof SignIn>;

/** Only for the vault, which encrypts it. */
export function writeOut(signIn: SignIn): string {
  return JSON.stringify({
    ...signIn,
    accessToken: signIn.accessToken.reveal(),
    refreshToken: signIn.refreshToken?.reveal(),
    proofKey: signIn.proofKey?.reveal(),
    idToken: signIn.idToken?.reveal(),
  });
}

export function readBack(text: string): SignIn | undefined {
  try {
    const parsed = SignIn.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
