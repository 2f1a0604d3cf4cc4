import type { ConnectionList, Grant } from '../../contract/grants.ts';
import type { LiveConnection } from '../../contract/leases.ts';
import type { Me } from '../../contract/people.ts';
import type { AccessRequest } from '../../contract/requests.ts';
import type { Template, TemplateList } from '../../contract/templates.ts';

/** Where this window stands with the broker. */
export type Account =
  /** Not yet looked: nothing is shown that could turn out wrong a moment later. */
  | { readonly is: 'starting' }
  | { readonly is: 'no broker' }
  | { readonly is: 'signed out'; readonly broker: string; readonly organisation?: string }
  | { readonly is: 'signed in'; readonly broker: string; readonly me: Me };

export type Stream =
  | { readonly is: 'connected' }
  | { readonly is: 'disconnected'; readonly since: number; readonly why: string };

/** What this window knows. Everything on screen is a function of it and of the clock. */
export type LiveConnections = Pick<ConnectionList, 'connections' | 'unknownAt'>;

export interface World {
  readonly account: Account;
  readonly stream: Stream;
  readonly templates: TemplateList | undefined;
  /** Whether the lists below were read: until then, that nothing is in them says nothing. */
  readonly isRead: boolean;
  readonly requests: ReadonlyMap<string, AccessRequest>;
  readonly grants: ReadonlyMap<string, Grant>;
  /** By grant id; present only while somebody looks. */
  readonly connections: ReadonlyMap<string, LiveConnections>;
}

export const emptyWorld: World = {
  account: { is: 'starting' },
  stream: { is: 'connected' },
  templates: undefined,
  isRead: false,
  requests: new Map(),
  grants: new Map(),
  connections: new Map(),
};

export type { AccessRequest, Grant, LiveConnection, Me, Template };
