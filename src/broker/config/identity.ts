import * as z from 'zod';
import { AudienceParameter } from '../../contract/discovery.ts';
import { signatureAlgorithms } from './config.ts';
import { durationBetween, SecretSource, SecureUrl } from './pieces.ts';

/** `identity` in `daypass.yaml` as it is written. */

const ClaimName = z.string().min(1).max(255);

export const IdentitySettings = z
  .strictObject({
    issuer: SecureUrl.meta({
      description: 'The identity provider, exactly as its tokens name it (iss).',
      examples: ['https://login.shop.example'],
    }),
    audience: z
      .string()
      .min(1)
      .max(2000)
      .optional()
      .meta({
        description: 'What access tokens for Daypass name as their audience (aud); absent: public_url.',
        examples: ['https://access.shop.example'],
      }),
    clients: z
      .array(z.string().min(1).max(255))
      .min(1)
      .meta({
        description: 'Client ids whose tokens are accepted. The first one is the editor’s.',
        examples: [['daypass-vscode']],
      }),
    device_client: z
      .string()
      .min(1)
      .max(255)
      .optional()
      .meta({
        description:
          'Client id for signing in by a code on another device. Its tokens cannot decide or revoke.',
        examples: ['daypass-device'],
      }),
    pages_client: z
      .strictObject({
        id: z
          .string()
          .min(1)
          .max(255)
          .meta({
            description: 'Its client id. Its redirect URI is public_url with /signed-in.',
            examples: ['daypass-pages'],
          }),
        secret: SecretSource.optional().meta({
          description: 'Its client secret, unless it is a public client.',
        }),
      })
      .optional()
      .meta({
        description:
          'Client for signing in to the broker’s own pages, where requests are decided on a phone; absent: there are no pages.',
        examples: [{ id: 'daypass-pages', secret: { file: '/run/secrets/daypass-pages' } }],
      }),
    groups_claim: z
      .union([ClaimName, z.tuple([ClaimName], ClaimName)])
      .default('groups')
      .meta({
        description:
          'Claim of the access token that lists somebody’s groups: its name, or the names that lead to it.',
        examples: ['groups', ['realm_access', 'roles']],
      }),
    groups_separator: z
      .string()
      .length(1)
      .optional()
      .meta({
        description:
          'What stands between the groups where the provider sends them as one text; absent: as a list. No group may have it in its name.',
        examples: [','],
      }),
    name_claim: z.string().min(1).max(255).default('name').meta({
      description: 'Claim of the access token that others see as somebody’s name.',
    }),
    person_claim: z
      .string()
      .min(1)
      .max(255)
      .optional()
      .meta({
        description:
          'Claim that is the same for all accounts of one person; sub where nobody has two, and unless said. Never an e-mail address.',
        examples: ['employee_id'],
      }),
    acr_claim: z
      .union([ClaimName, z.tuple([ClaimName], ClaimName)])
      .optional()
      .meta({
        description:
          'Claim of the access token that says what a sign-in amounts to, as a text or a list of texts; what "acr" of a ' +
          'template is held against. acr unless said.',
        examples: ['acr', 'https://shop.example/acr'],
      }),
    scopes: z
      .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'should be a scope, a word without spaces.'))
      .default(['openid', 'profile', 'offline_access'])
      .meta({ description: 'Scopes that the editor asks for at sign-in.' }),
    audience_parameter: AudienceParameter.default('resource').meta({
      description:
        'How the editor says at sign-in that the token is for Daypass. resource: as the standard has it. audience: as ' +
        'Auth0 wants it, the name in "audience". none: the scopes say it, as Microsoft Entra ID wants it.',
    }),
    loopback_ports: z
      .array(z.int().min(1024).max(65535))
      .min(1)
      .max(10)
      .optional()
      .meta({
        description:
          'Ports of http://127.0.0.1:port/callback that are registered at a provider which accepts no other; absent: any.',
        examples: [[47601, 47602, 47603]],
      }),
    session: z
      .union([z.enum(['unlimited']), durationBetween('PT5M', 'PT168H')])
      .default('PT12H')
      .meta({
        description:
          'How long ago somebody signed in at most, by auth_time, to request, approve and open terminals; PT12H unless ' +
          'said. "unlimited" where the identity provider’s access tokens carry no auth_time.',
        examples: ['PT12H'],
      }),
    algorithms: z
      .array(z.enum(signatureAlgorithms))
      .min(1)
      .default(['RS256', 'ES256', 'PS256', 'EdDSA'])
      .meta({ description: 'Algorithms that access tokens may be signed with.' }),
  })
  .meta({ description: 'Who people are: the identity provider and its access tokens.' });
