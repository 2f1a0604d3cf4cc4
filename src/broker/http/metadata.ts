import type { FastifyInstance } from 'fastify';
import { contractVersion } from '../../contract/discovery.ts';
import { routes } from '../../contract/routes.ts';
import type { Config, IdentityConfig } from '../config/config.ts';
import { proofAlgorithms } from '../identity/proofs.ts';
import { version } from '../version.ts';
import { handle } from './server.ts';

/** Where to sign in, and with what: all that an editor needs to know beside the broker's address. */
export function metadataRoute(app: FastifyInstance, { publicUrl, organisation, identity }: Config): void {
  handle(app, routes.metadata, () =>
    Promise.resolve({
      resource: publicUrl,
      resource_name: `Daypass of ${organisation.name}`,
      authorization_servers: [identity.issuer],
      bearer_methods_supported: ['header' as const],
      scopes_supported: [...identity.scopes],
      dpop_signing_alg_values_supported: [...proofAlgorithms],
      daypass_contract: contractVersion,
      daypass_version: version,
      daypass_organisation: organisation.name,
      daypass_client_id: identity.clients[0],
      ...(identity.deviceClient === undefined ? {} : { daypass_device_client_id: identity.deviceClient }),
      daypass_scopes: [...identity.scopes],
      ...audience(identity),
      ...(identity.loopbackPorts ? { daypass_loopback_ports: [...identity.loopbackPorts] } : {}),
    }),
  );
}

/** Nothing where an editor asks as the standard has it: for the resource itself. */
function audience({ audienceParameter: parameter = 'resource', audience: value }: IdentityConfig) {
  return parameter === 'resource' ? {} : { daypass_audience: { parameter, value } };
}
