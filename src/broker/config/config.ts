import type { Secret } from '../../contract/secret.ts';
import type { AudienceParameter } from '../../contract/discovery.ts';
import type { ClaimPath } from '../identity/claim-path.ts';
import type { ShiftMoment } from './shifts.ts';
import type { ChannelConfig, Reached } from './channels.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Login {
  readonly user: string;
  readonly password: Secret;
}

export type TlsMode = 'verify-full' | 'verify-ca' | 'require' | 'off';

/** How a connection to a PostgreSQL server is encrypted and what of its certificate is verified. */
export interface ServerTls {
  readonly mode: TlsMode;
  /** PEM; absent: the authorities that this machine trusts. */
  readonly certificateAuthority?: string;
}

/** Absolute paths. They are read when the broker starts and whenever they change. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/** Where the broker keeps its state. */
export type DatabaseConfig =
  /** A PostgreSQL that the broker starts itself, its data in this folder (absolute path). */
  | { readonly kind: 'embedded'; readonly folder: string }
  | {
      readonly kind: 'server';
      readonly host: string;
      readonly port: number;
      readonly database: string;
      readonly tls: ServerTls;
      /** Owns the tables and migrates them. */
      readonly owner: Login;
      /** What the broker works as. Absent: it works as the owner, and the audit log is not protected from it. */
      readonly runtime?: Login;
    };

/** The asymmetric signature algorithms that an access token may be signed with (RFC 7518, RFC 8037, RFC 9864). */
export const signatureAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;
export type SignatureAlgorithm = (typeof signatureAlgorithms)[number];

/** What signs people in to the broker's own pages; without a secret it is a public client. */
export interface PagesClient {
  readonly id: string;
  readonly secret?: Secret;
}

export interface IdentityConfig {
  /** Exactly as in tokens. */
  readonly issuer: string;
  readonly audience: string;
  /** Client ids whose tokens are accepted; the first one is the editor's. */
  readonly clients: readonly [string, ...string[]];
  /** Client id of the device flow, not among `clients`: its tokens cannot decide or revoke. */
  readonly deviceClient?: string;
  /** The client of the broker's own pages, among `clients` too. Absent: there are no pages. */
  readonly pagesClient?: PagesClient;
  readonly groupsClaim: ClaimPath;
  /** What stands between groups that come as one text; absent: they come as a list. */
  readonly groupsSeparator?: string;
  readonly nameClaim: string;
  /** Claim that says who somebody is where one person has several subjects; absent: `sub`. */
  readonly personClaim?: string;
  /** Claim that says what a sign-in amounts to; absent: `acr`. */
  readonly acrClaim?: ClaimPath;
  /** How old a sign-in may be where authority is used; absent: of any age, or of one that the tokens do not say. */
  readonly sessionSeconds?: number;
  readonly scopes: readonly string[];
  /** How the editor says whom a token is for; absent: `resource`. */
  readonly audienceParameter?: AudienceParameter;
  /** The only ports on loopback that the provider sends a browser back to; absent: any. */
  readonly loopbackPorts?: readonly number[];
  readonly algorithms: readonly SignatureAlgorithm[];
}

/** A standby of a target's server, which people can read from with the same logins. */
export interface ReplicaConfig {
  readonly host: string;
  /** IP address to connect to instead of looking `host` up; the certificate is still that of `host`. */
  readonly hostaddr?: string;
  readonly port: number;
  readonly tls: ServerTls;
}

export interface TargetConfig {
  readonly id: string;
  readonly title: string;
  readonly kind: 'postgresql';
  readonly host: string;
  /** IP address to connect to instead of looking `host` up; the certificate is still that of `host`. */
  readonly hostaddr?: string;
  readonly port: number;
  readonly database: string;
  readonly tls: ServerTls;
  /** The broker's own login there. */
  readonly login: Login;
  /** An end is confirmed once it is proven on each of them too. */
  readonly replicas: readonly ReplicaConfig[];
  /** Where people's machines reach it. */
  readonly advertised: Address;
}

/** Who is on call when, as it is written in the configuration. Both moments are of the same kind. */
export interface WrittenShift {
  /** The subject. */
  readonly person: string;
  readonly from: ShiftMoment;
  readonly until: ShiftMoment;
}

/** A calendar (iCalendar, RFC 5545) that is read over HTTPS. */
export interface CalendarConfig {
  /** Knowing it can be enough to read it. */
  readonly address: Secret;
  /** Value of the `Authorization` header. */
  readonly authorization?: Secret;
  /** PEM; absent: the authorities that this machine trusts. */
  readonly certificateAuthority?: string;
  readonly refreshSeconds: number;
  readonly staleAfterSeconds: number;
}

/** Somebody who may be on call, as far as telling them goes. */
export interface Contact extends Reached {
  readonly subject: string;
  /** What the schedule calls them. */
  readonly called: string;
}

export interface ScheduleConfig {
  readonly name: string;
  /** What the schedule calls somebody, and the subject: who that is. */
  readonly people: ReadonlyMap<string, string>;
  /** By subject. */
  readonly contacts: ReadonlyMap<string, Contact>;
  readonly kept:
    | { readonly in: 'configuration'; readonly zone: string; readonly shifts: readonly WrittenShift[] }
    /** `zone`: of what it says without one. */
    | { readonly in: 'calendar'; readonly zone?: string; readonly calendar: CalendarConfig };
}

/** What `daypass.yaml` says, checked and complete. */
export interface Config {
  /** Absolute path of the file. */
  readonly file: string;
  readonly listen: Address;
  /** Addresses and networks of the proxies whose word about where a call comes from is taken. */
  readonly trustedProxies: readonly string[];
  /** Calls a minute that one broker takes: of one person; from one address where no sign-in counts. */
  readonly limits: { readonly person: number; readonly address: number };
  /** Absent: plain HTTP, on loopback only. */
  readonly tls?: CertificateFiles;
  /** Served with `tls` too if there is any. */
  readonly metrics?: Address;
  /** The protected resource (RFC 9728): an origin without a slash at its end. */
  readonly publicUrl: string;
  readonly organisation: { readonly name: string; readonly ask?: string };
  /** Every group that templates may name. */
  readonly groups: readonly string[];
  readonly identity: IdentityConfig;
  readonly audit: { readonly by: readonly string[] };
  readonly database: DatabaseConfig;
  /** Authenticate what stands in the database; the first makes, all verify. Absent: an embedded database's own. */
  readonly integrity?: { readonly keys: readonly [Secret, ...Secret[]] };
  /** Absolute path of the folder with the templates. */
  readonly templates: string;
  readonly targets: ReadonlyMap<string, TargetConfig>;
  /** Who is on call when, by name. */
  readonly schedules: ReadonlyMap<string, ScheduleConfig>;
  /** How people are told, by the name that templates use. */
  readonly channels: ReadonlyMap<string, ChannelConfig>;
  readonly requests: {
    readonly answerWithinSeconds: number;
    readonly activateWithinSeconds: number;
    /** Grants of one person at once. */
    readonly mostOpen: number;
  };
  /** What works with less protection than it should, in words, for the log and `/readyz`. */
  readonly warnings: readonly string[];
}
