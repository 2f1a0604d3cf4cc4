import type { ConnectionDetails } from '../../contract/leases.ts';
import type { Secret } from '../../contract/secret.ts';

/** Files of a credential, absolute paths. */
export interface CredentialPaths {
  readonly service: string;
  readonly password: string;
  /** Of the authorities that vouch for the server; need not exist where `tls` verifies nothing. */
  readonly authorities: string;
}

export const serviceName = 'daypass';

const sslmode = {
  'verify-full': 'verify-full',
  'verify-ca': 'verify-ca',
  require: 'require',
  off: 'disable',
};

/** Whether the connection's server is verified, so that authorities are needed. */
export function isVerified(connection: ConnectionDetails): boolean {
  return connection.tls === 'verify-full' || connection.tls === 'verify-ca';
}

/**
 * The connection service file (libpq, "The Connection Service File"). Complete: what it names cannot be redirected
 * by environment variables, and libpq's own defaults (`~/.postgresql/root.crt`, Kerberos) play no part.
 * @throws Error a value cannot be written in this format
 */
export function serviceFile(connection: ConnectionDetails, paths: CredentialPaths): string {
  const values: Record<string, string> = {
    host: connection.host,
    ...(connection.hostaddr === undefined ? {} : { hostaddr: connection.hostaddr }),
    port: String(connection.port),
    dbname: connection.database,
    user: connection.user,
    passfile: paths.password,
    sslmode: sslmode[connection.tls],
    sslrootcert: paths.authorities,
    gssencmode: 'disable',
    connect_timeout: '10',
    options: '',
  };
  const lines = Object.entries(values).map(([name, value]) => `${name}=${inOneLine(name, value)}`);
  return [`[${serviceName}]`, ...lines, ''].join('\n');
}

function inOneLine(name: string, value: string): string {
  // The format has no escapes: a line is all that a value can be, and blanks at its ends are lost.
  if (/[\r\n\0]/.test(value) || value.trim() !== value)
    throw new Error(`The ${name} that the broker names cannot be used: it has line breaks or outer blanks.`);
  return value;
}

/** One line of a password file (libpq, "The Password File"): it fits this login there and no other. */
export function passwordFile(connection: ConnectionDetails, password: Secret): string {
  const fields = [
    connection.host,
    String(connection.port),
    connection.database,
    connection.user,
    password.reveal(),
  ];
  return `${fields.map((field) => field.replace(/[\\:]/g, '\\$&')).join(':')}\n`;
}

/**
 * What a shell is given so that `psql` and every libpq program are in, and programs with a driver of their own find
 * all but TLS authorities. Names and places, nothing secret.
 */
export function libpqEnvironment(
  connection: ConnectionDetails,
  paths: CredentialPaths,
): Record<string, string> {
  return {
    PGSERVICEFILE: paths.service,
    PGSERVICE: serviceName,
    PGPASSFILE: paths.password,
    PGHOST: connection.host,
    PGPORT: String(connection.port),
    PGDATABASE: connection.database,
    PGUSER: connection.user,
    PGSSLMODE: sslmode[connection.tls],
    PGSSLROOTCERT: paths.authorities,
  };
}

/** `postgresql://…`, as libpq, `pg` and most GUIs read it. */
export function connectionUri(
  connection: ConnectionDetails,
  password: Secret,
  authorities: string | undefined,
): string {
  const login = `${encodeURIComponent(connection.user)}:${encodeURIComponent(password.reveal())}`;
  const host = connection.host.includes(':') ? `[${connection.host}]` : connection.host;
  return `postgresql://${login}@${host}:${connection.port}/${encodeURIComponent(connection.database)}?${tlsQuery(connection, authorities)}`;
}

/** `jdbc:postgresql://…`, as pgJDBC reads it. */
export function jdbcUrl(
  connection: ConnectionDetails,
  password: Secret,
  authorities: string | undefined,
): string {
  const host = connection.host.includes(':') ? `[${connection.host}]` : connection.host;
  const login = `user=${encodeURIComponent(connection.user)}&password=${encodeURIComponent(password.reveal())}`;
  return `jdbc:postgresql://${host}:${connection.port}/${encodeURIComponent(connection.database)}?${login}&${tlsQuery(connection, authorities)}`;
}

/** `name: value`, a line each, to be typed into a form. */
export function connectionForm(
  connection: ConnectionDetails,
  password: Secret,
  authorities: string | undefined,
): string {
  return [
    `Host: ${connection.host}`,
    `Port: ${connection.port}`,
    `Database: ${connection.database}`,
    `User: ${connection.user}`,
    `Password: ${password.reveal()}`,
    `SSL mode: ${sslmode[connection.tls]}`,
    ...(authorities === undefined ? [] : [`SSL root certificate: ${authorities}`]),
    '',
  ].join('\n');
}

function tlsQuery(connection: ConnectionDetails, authorities: string | undefined): string {
  const root = authorities === undefined ? '' : `&sslrootcert=${encodeURIComponent(authorities)}`;
  return `sslmode=${sslmode[connection.tls]}${root}`;
}
