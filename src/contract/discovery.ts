import * as z from 'zod';

/** The major version of this contract. A client meets a broker of the same major version only. */
export const contractVersion = 1;

/** Broker time on every response, RFC 3339 with milliseconds: what the client measures its clock against. */
export const timeHeader = 'daypass-time';

/**
 * How a client says whom a token is for: `resource` (RFC 8707); `audience`, as it was before that; or not at all, where
 * the scopes say it.
 */
export const AudienceParameter = z.enum(['resource', 'audience', 'none']);
export type AudienceParameter = z.infer<typeof AudienceParameter>;

/** What a client asks with, so that the token is for `resource`: at the authorization endpoints, and for each token. */
export function askingFor(
  resource: string,
  audience?: { readonly parameter: AudienceParameter; readonly value: string },
): { readonly atFirst: Record<string, string>; readonly eachTime: Record<string, string> } {
  switch (audience?.parameter ?? 'resource') {
    case 'resource':
      return { atFirst: { resource }, eachTime: { resource } };
    case 'audience':
      return { atFirst: { audience: audience?.value ?? resource }, eachTime: {} };
    case 'none':
      return { atFirst: {}, eachTime: {} };
  }
}

/** OAuth 2.0 protected resource metadata (RFC 9728), with members of our own for what the RFC has none. */
export const ResourceMetadata = z
  .object({
    resource: z.url(),
    resource_name: z.string().optional(),
    authorization_servers: z.array(z.url()).min(1),
    bearer_methods_supported: z.array(z.literal('header')),
    scopes_supported: z.array(z.string()).optional(),
    dpop_signing_alg_values_supported: z.array(z.string()).optional().meta({
      description: 'What proofs may be signed with (RFC 9449); absent: bound tokens are not taken.',
    }),
    daypass_contract: z.int().meta({ description: 'Major version of the contract.' }),
    daypass_version: z.string(),
    daypass_organisation: z.string(),
    daypass_client_id: z
      .string()
      .meta({ description: 'Client id of the editor at the authorization server.' }),
    daypass_device_client_id: z
      .string()
      .optional()
      .meta({ description: 'Client id for the device flow; its tokens cannot decide or revoke.' }),
    daypass_scopes: z.array(z.string()).meta({ description: 'Scopes to ask for at sign-in.' }),
    daypass_audience: z
      .object({ parameter: AudienceParameter, value: z.string() })
      .optional()
      .meta({ description: 'How to say whom the token is for; absent: by resource (RFC 8707).' }),
    daypass_loopback_ports: z
      .array(z.int())
      .optional()
      .meta({ description: 'The only ports on loopback that the provider sends a browser back to.' }),
  })
  .meta({ id: 'ResourceMetadata' });
export type ResourceMetadata = z.infer<typeof ResourceMetadata>;

export const Health = z.object({ status: z.literal('ok') }).meta({ id: 'Health' });
export const Readiness = z
  .object({
    ready: z.boolean(),
    warnings: z.array(z.string()).meta({ description: 'What works with less protection than it should.' }),
    waitingFor: z.array(z.string()),
  })
  .meta({ id: 'Readiness' });
