import * as z from 'zod';
import { Receipt } from './receipts.ts';
import { Id, Instant } from './values.ts';

/**
 * A SCRAM-SHA-256 verifier as PostgreSQL stores it (RFC 5803 in PostgreSQL's notation):
 * 16 bytes of salt, StoredKey and ServerKey of 32 bytes, exactly 4,096 iterations: more would stall the server.
 */
export const ScramVerifier = z
  .string()
  .regex(
    /^SCRAM-SHA-256\$4096:[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/,
    'A SCRAM-SHA-256 verifier with 4096 iterations, 16 bytes of salt and two keys of 32 bytes.',
  )
  .meta({ id: 'ScramVerifier' });

export const NewLease = z
  .object({ kind: z.literal('postgresql'), verifier: ScramVerifier })
  .strict()
  .meta({ id: 'NewLease' });
export type NewLease = z.infer<typeof NewLease>;

/** What a person's machine needs to reach the target; nothing secret. */
export const ConnectionDetails = z
  .object({
    kind: z.literal('postgresql'),
    host: z.string(),
    hostaddr: z.string().optional(),
    port: z.int().min(1).max(65535),
    database: z.string(),
    user: z.string(),
    tls: z.enum(['verify-full', 'verify-ca', 'require', 'off']),
    certificateAuthority: z.string().optional().meta({ description: 'PEM' }),
  })
  .meta({ id: 'ConnectionDetails' });
export type ConnectionDetails = z.infer<typeof ConnectionDetails>;

export const LeaseState = z.enum(['issuing', 'issued', 'closing', 'closed', 'failed']);
export type LeaseState = z.infer<typeof LeaseState>;

export const CloseReason = z.enum(['ended', 'expired', 'revoked', 'terminal closed', 'issue not confirmed']);
export type CloseReason = z.infer<typeof CloseReason>;

export const Lease = z
  .object({
    id: Id,
    grantId: Id,
    state: LeaseState,
    role: z.string(),
    createdAt: Instant,
    expiresAt: Instant,
    closeReason: CloseReason.optional(),
    closedAt: Instant.optional().meta({ description: 'When its end was confirmed at the target.' }),
    unconfirmed: z
      .object({
        since: Instant,
        obstacle: z.string(),
        obstacleSince: Instant.optional().meta({
          description:
            'When what stands in the way began, by the target’s clock: the first of the calls that the target cannot interrupt. Present where these alone are left: the login is closed.',
        }),
      })
      .optional()
      .meta({ description: 'Present while the end is due and the target has not confirmed it.' }),
    receipt: Receipt.optional(),
    absent: z.string().optional().meta({
      description: 'Why there is no receipt: nothing of the lease was found, and nothing could be proven.',
    }),
  })
  .meta({ id: 'Lease' });
export type Lease = z.infer<typeof Lease>;

/** The answer to a new lease: the only place where the way to the target is handed out. */
export const IssuedLease = z
  .object({ lease: Lease, connection: ConnectionDetails })
  .meta({ id: 'IssuedLease' });
export type IssuedLease = z.infer<typeof IssuedLease>;

export const LiveConnection = z
  .object({
    leaseId: Id,
    address: z.string(),
    program: z.string(),
    since: Instant,
    replica: z.string().optional().meta({ description: 'Where it is, if not at the target itself.' }),
  })
  .meta({ id: 'LiveConnection' });
export type LiveConnection = z.infer<typeof LiveConnection>;
