import { carriageAttacks } from './tokens/carriage.ts';
import { claimAttacks } from './tokens/claims.ts';
import { proofAttacks } from './tokens/proofs.ts';
import { signatureAttacks } from './tokens/signatures.ts';

export type { Forge, Sent, TokenAttack } from './tokens/forge.ts';

/** What is tried with tokens, after what RFC 8725, RFC 9700, RFC 9068, RFC 6750 and RFC 9449 ask of a resource server. */
export const tokenAttacks = [...signatureAttacks, ...claimAttacks, ...carriageAttacks, ...proofAttacks];
