import * as z from 'zod';
import { Health, Readiness, ResourceMetadata } from './discovery.ts';
import { ConnectionList, Grant, GrantList, NewReview, Revocation } from './grants.ts';
import { IssuedLease, Lease, NewLease } from './leases.ts';
import { Me } from './people.ts';
import type { ProblemKind } from './problems.ts';
import {
  AccessRequest,
  BreakingGlass,
  NewClaim,
  NewDecision,
  NewMessage,
  NewRequest,
  Outlook,
  RequestList,
} from './requests.ts';
import { DeliveryList } from './telling.ts';
import { TemplateId, TemplateList } from './templates.ts';
import { Duration, Id } from './values.ts';

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** `{name}` marks a parameter, as in OpenAPI. */
  readonly path: string;
  readonly summary: string;
  readonly open?: true;
  readonly idempotent?: true;
  /** Takes access away: not refused for being one of many. */
  readonly ends?: true;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly status: 200 | 201;
  readonly response: z.ZodType;
  readonly problems: readonly ProblemKind[];
}

const byId = z.object({ id: Id });
const byLease = z.object({ id: Id, lease: Id });
const seen = z.object({ which: z.enum(['open', 'recent']).default('open') });

/** Every call between extension and broker. The server, the client and the OpenAPI document come from this table. */
export const routes = {
  metadata: {
    method: 'GET',
    path: '/.well-known/oauth-protected-resource',
    summary: 'Where to sign in, and with what (RFC 9728)',
    open: true,
    status: 200,
    response: ResourceMetadata,
    problems: [],
  },
  health: {
    method: 'GET',
    path: '/healthz',
    summary: 'The process lives',
    open: true,
    status: 200,
    response: Health,
    problems: [],
  },
  ready: {
    method: 'GET',
    path: '/readyz',
    summary: 'The broker can work',
    open: true,
    status: 200,
    response: Readiness,
    problems: ['not-ready'],
  },
  me: { method: 'GET', path: '/v1/me', summary: 'Who is calling', status: 200, response: Me, problems: [] },
  templates: {
    method: 'GET',
    path: '/v1/templates',
    summary: 'What the caller may request',
    status: 200,
    response: TemplateList,
    problems: [],
  },
  outlook: {
    method: 'GET',
    path: '/v1/templates/{template}/outlook',
    summary: 'What would become of a request for it that is made now',
    params: z.object({ template: TemplateId }),
    query: z.object({ duration: Duration }),
    status: 200,
    response: Outlook,
    problems: ['invalid-request', 'not-found'],
  },
  requests: {
    method: 'GET',
    path: '/v1/requests',
    summary:
      'Requests that the caller has a part in; `open` are pending, `recent` adds the newest others, 250 in all',
    query: seen,
    status: 200,
    response: RequestList,
    problems: ['invalid-request'],
  },
  createRequest: {
    method: 'POST',
    path: '/v1/requests',
    summary: 'Ask for access',
    idempotent: true,
    body: NewRequest,
    status: 201,
    response: AccessRequest,
    problems: [
      'invalid-request',
      'step-up-needed',
      'not-allowed',
      'template-gone',
      'changed-meanwhile',
      'refused-by-policy',
      'too-long',
      'ticket-needed',
      'too-many-pending',
      'in-progress',
      'key-reused',
    ],
  },
  request: {
    method: 'GET',
    path: '/v1/requests/{id}',
    summary: 'One request',
    params: byId,
    status: 200,
    response: AccessRequest,
    problems: ['not-found'],
  },
  deliveries: {
    method: 'GET',
    path: '/v1/requests/{id}/deliveries',
    summary: 'For auditors: the messages about a request, with every attempt’s outcome',
    params: byId,
    status: 200,
    response: DeliveryList,
    problems: ['not-found', 'not-allowed'],
  },
  withdrawRequest: {
    method: 'POST',
    path: '/v1/requests/{id}/withdraw',
    summary: 'Take a pending request back',
    ends: true,
    params: byId,
    status: 200,
    response: AccessRequest,
    problems: ['not-found', 'not-allowed', 'too-late'],
  },
  decide: {
    method: 'POST',
    path: '/v1/requests/{id}/decisions',
    summary: 'Approve or deny exactly what was shown',
    idempotent: true,
    params: byId,
    body: NewDecision,
    status: 201,
    response: AccessRequest,
    problems: [
      'invalid-request',
      'not-found',
      'step-up-needed',
      'not-allowed',
      'refused-by-policy',
      'too-late',
      'too-long',
      'changed-meanwhile',
      'template-gone',
      'in-progress',
      'key-reused',
    ],
  },
  breakGlass: {
    method: 'POST',
    path: '/v1/requests/{id}/break-glass',
    summary: 'Do not wait for approval; everybody concerned is told, and somebody signs it off afterwards',
    idempotent: true,
    params: byId,
    body: BreakingGlass,
    status: 201,
    response: AccessRequest,
    problems: [
      'invalid-request',
      'not-found',
      'step-up-needed',
      'not-allowed',
      'refused-by-policy',
      'too-late',
      'too-many-pending',
      'changed-meanwhile',
      'template-gone',
      'in-progress',
      'key-reused',
    ],
  },
  claimRequest: {
    method: 'POST',
    path: '/v1/requests/{id}/claim',
    summary: 'Say that one looks at it, for ten minutes at most; whoever takes it over names from whom',
    params: byId,
    body: NewClaim,
    status: 200,
    response: AccessRequest,
    problems: ['invalid-request', 'not-found', 'not-allowed', 'too-late', 'changed-meanwhile'],
  },
  releaseRequest: {
    method: 'DELETE',
    path: '/v1/requests/{id}/claim',
    summary: 'Look at it no more',
    params: byId,
    status: 200,
    response: AccessRequest,
    problems: ['not-found'],
  },
  writeMessage: {
    method: 'POST',
    path: '/v1/requests/{id}/messages',
    summary: 'Ask a question back, or answer one',
    idempotent: true,
    params: byId,
    body: NewMessage,
    status: 201,
    response: AccessRequest,
    problems: [
      'invalid-request',
      'not-found',
      'not-allowed',
      'too-late',
      'too-many-messages',
      'in-progress',
      'key-reused',
    ],
  },
  grants: {
    method: 'GET',
    path: '/v1/grants',
    summary:
      'Grants that the caller has a part in; `open` are approved, active, not settled or owed a review, `recent` adds the newest others, 250 in all',
    query: seen,
    status: 200,
    response: GrantList,
    problems: ['invalid-request'],
  },
  grant: {
    method: 'GET',
    path: '/v1/grants/{id}',
    summary: 'One grant with its leases and receipts',
    params: byId,
    status: 200,
    response: Grant,
    problems: ['not-found'],
  },
  connections: {
    method: 'GET',
    path: '/v1/grants/{id}/connections',
    summary: 'Live connections under a grant, as the target sees them now',
    params: byId,
    status: 200,
    response: ConnectionList,
    problems: ['not-found', 'target-refused'],
  },
  endGrant: {
    method: 'POST',
    path: '/v1/grants/{id}/end',
    summary: 'The holder is done',
    ends: true,
    params: byId,
    status: 200,
    response: Grant,
    problems: ['not-found', 'not-allowed'],
  },
  revokeGrant: {
    method: 'POST',
    path: '/v1/grants/{id}/revoke',
    summary: 'Somebody whom the template names ends it',
    ends: true,
    params: byId,
    body: Revocation,
    status: 200,
    response: Grant,
    problems: ['invalid-request', 'not-found', 'not-allowed', 'too-late'],
  },
  reviewGrant: {
    method: 'POST',
    path: '/v1/grants/{id}/review',
    summary: 'Sign off what was given without approval, once it is over',
    params: byId,
    body: NewReview,
    status: 200,
    response: Grant,
    problems: ['invalid-request', 'not-found', 'not-allowed', 'too-late'],
  },
  createLease: {
    method: 'POST',
    path: '/v1/grants/{id}/leases',
    summary: 'One credential; the first one starts the clock',
    idempotent: true,
    params: byId,
    body: NewLease,
    status: 201,
    response: IssuedLease,
    problems: [
      'invalid-request',
      'not-found',
      'step-up-needed',
      'not-allowed',
      'too-late',
      'too-many-terminals',
      'target-refused',
      'in-progress',
      'key-reused',
    ],
  },
  endLease: {
    method: 'DELETE',
    path: '/v1/grants/{id}/leases/{lease}',
    summary: 'A terminal was closed',
    ends: true,
    params: byLease,
    status: 200,
    response: Lease,
    problems: ['not-found', 'not-allowed'],
  },
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof routes;

/** `GET /v1/events`, `text/event-stream`; see `StreamEvent`. */
export const eventsPath = '/v1/events';

/** Opaque, made by the client, one for each intention of a person. */
export const IdempotencyKey = z.string().regex(/^[A-Za-z0-9_-]{16,64}$/);
