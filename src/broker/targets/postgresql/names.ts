import { createHash } from 'node:crypto';
import pg from 'pg';
import { spelledOut } from '../../../contract/plain-text.ts';
import type { ScopedTemplate } from './scope.ts';

/** PostgreSQL cuts longer names off without an error, so that two could become one (NAMEDATALEN). */
const longestNameBytes = 63;

/** An identifier as it stands in SQL, always quoted. Throws for a name that PostgreSQL could not hold as it is. */
export function identifier(name: string): string {
  if (name === '' || name.includes('\0') || Buffer.byteLength(name) > longestNameBytes)
    throw new Error(
      `A name in PostgreSQL has 1 to ${longestNameBytes} bytes and no NUL: ${JSON.stringify(name)}`,
    );
  return pg.escapeIdentifier(name);
}

/** A word as PostgreSQL takes it without quotes: in UTF-8, letters beyond ASCII stay as they are. */
export function folded(word: string): string {
  return word.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** The names in a list like `sales, "Two, of them"`; whatever else stands between two commas is taken for a name. */
export function namesIn(list: string): string[] {
  return [...list.matchAll(/\s*(?:"((?:[^"]|"")*)"\s*(?=,|$)|([^,]+))/gu)].flatMap(([, quoted, plain]) => {
    const name = quoted === undefined ? folded((plain ?? '').trim()) : quoted.replaceAll('""', '"');
    return name === '' ? [] : [name];
  });
}

/** A text as it stands in SQL, for the statements that take no parameters. */
export function literal(text: string): string {
  if (text.includes('\0')) throw new Error('A text in PostgreSQL holds no NUL.');
  return pg.escapeLiteral(text);
}

/** Quoted name with its schema. */
export function qualified(name: { readonly schema: string; readonly name: string }): string {
  return `${identifier(name.schema)}.${identifier(name.name)}`;
}

const leaseName =
  /^daypass_([0-9a-f]{8})_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/;

/**
 * The login of a lease: `daypass_<installation>_<lease id without dashes>`, 49 bytes.
 * @param installation the broker installation's eight hexadecimal digits
 */
export function leaseRole(installation: string, leaseId: string): string {
  const role = `daypass_${installation}_${leaseId.toLowerCase().replaceAll('-', '')}`;
  if (!leaseName.test(role))
    throw new Error(`No login can be named after installation ${installation} and lease ${leaseId}.`);
  return role;
}

/**
 * The lease that a login belongs to, or undefined if it is none of this installation's.
 * @param installation undefined: whosever it is
 */
export function leaseOfRole(installation: string | undefined, role: string): string | undefined {
  const [, owner, ...parts] = leaseName.exec(role) ?? [];
  return owner !== undefined && (installation === undefined || owner === installation)
    ? parts.join('-')
    : undefined;
}

/** Begins the name of every login of this installation. */
export function leasePrefix(installation: string): string {
  return `daypass_${installation}_`;
}

/** Begins the name of every role that carries a template's privileges. */
export const templatePrefix = 'daypass_tpl_';

/** So much of the scope's digest that the longest name just fits. */
const digestDigits = 10;

/**
 * The NOLOGIN role that carries a template's privileges: `daypass_tpl_<template>_<digest of the scope>`. It is named
 * after what it allows, so that an edited template never changes what was approved before; brokers that share a server
 * share what a template means there.
 */
export function templateRole({ id, scope }: ScopedTemplate): string {
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(id))
    throw new Error(`No role can be named after template ${JSON.stringify(id)}.`);
  return `${templatePrefix}${id}_${scope.digest.slice(0, digestDigits)}`;
}

/** Begins the name of every role as which a broker makes logins. */
export const issuerPrefix = 'daypass_issuer_';

export const issuerCount = 16;

/**
 * The NOLOGIN roles as which a broker makes logins, in turn. Before a role may make one, PostgreSQL reads all that this
 * role administers: with many leases open, each of these has its share of them, and the broker's own login all.
 * @param user the broker's login there: each has its own
 */
export function issuerRoles(user: string): string[] {
  const broker = createHash('sha256').update(user).digest('hex').slice(0, 8);
  return Array.from({ length: issuerCount }, (_, n) => `${issuerPrefix}${broker}_${n + 1}`);
}

/** Owns what a lease left behind and could not be dropped because others depend on it. It cannot log in and may do nothing. */
export function keptRole(installation: string): string {
  return `daypass_${installation}_kept`;
}

/** A text from the target made fit to be read: invisible and reordering characters spelled out, at most 200 characters. */
export function readable(text: string): string {
  // Half a character could not be stored, so that the end of a lease would never be recorded.
  const shown = Array.from(spelledOut(text.slice(0, 1000)));
  return shown.length > 200 ? `${shown.slice(0, 199).join('')}…` : shown.join('');
}
