import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import type pg from 'pg';
import { needlesOfToken, needlesOfVerifier, type Needle } from '../../story/support/needles.ts';
import { Search, type Found } from '../../story/support/places.ts';

/** A credential as whoever asks for one makes it. */
export interface Credential {
  readonly password: string;
  readonly verifier: string;
}

/** Brokers, and what they are given that must not be told. */
export interface Surroundings {
  readonly folder: string;
  /** Files below the folder, where each of the brokers' own secrets belongs. */
  readonly secretFiles: readonly string[];
  /** Access tokens by person. */
  readonly tokens: ReadonlyMap<string, string>;
  /** Files below the folder. */
  readonly logFiles: readonly string[];
  /** Where targets below the folder keep their data: whoever verifies a password has its verifier, which opens nothing. */
  readonly targetFolders: readonly string[];
  /** Has the audit events, from which all that is told of them is made. */
  readonly store: pg.ClientConfig;
}

/** What is in every log, and among every store's events: where it is not found, nothing was looked at. */
const surely = { 'a log': '{"level":"info","time":"', 'an event': 'request created' } as const;

const verifierName = 'the verifier of a lease';

/**
 * Looks for every secret, however it is wrapped, in all files below the folder and in every row of the store.
 * @param credentials all that people made
 * @returns where one is that does not belong there, and what could not be looked at
 */
export async function leaks(
  { folder, secretFiles, tokens, logFiles, targetFolders, store }: Surroundings,
  credentials: readonly Credential[],
): Promise<string[]> {
  const nameOf = (file: string) => `what ${relative(folder, file)} holds`;
  const own = secretFiles.map(async (file) => ({
    name: nameOf(file),
    secret: (await readFile(file, 'utf8')).trim(),
  }));
  const needles: Needle[] = [
    ...Object.entries(surely).map(([name, secret]) => ({ name, secret })),
    ...(await Promise.all(own)),
    ...credentials.flatMap(({ password, verifier }) => [
      { name: 'the password of a lease', secret: password },
      ...needlesOfVerifier(verifierName, verifier),
    ]),
    ...[...tokens].flatMap(([person, token]) => needlesOfToken(`a token of ${person}`, token)),
  ];
  const search = new Search(needles);
  await search.files('file', folder);
  await search.database('store', store);

  const at = (path: string) => `file ${relative(folder, path)}`;
  const said = ({ name, where }: Found) => `${name}: ${where}`;
  const expected = [
    ...secretFiles.map((file) => said({ name: nameOf(file), where: at(file) })),
    ...logFiles.map((file) => said({ name: 'a log', where: at(file) })),
    said({ name: 'an event', where: 'store daypass.audit_event' }),
  ];
  const belongs = (one: Found) =>
    one.name in surely ||
    expected.includes(said(one)) ||
    (one.name.startsWith(verifierName) &&
      targetFolders.some((target) => one.where.startsWith(`${at(target)}/`)));
  const found = search.found.map(said);
  return [
    ...expected.filter((one) => !found.includes(one)).map((one) => `Not looked at, ${one}`),
    ...search.found.filter((one) => !belongs(one)).map((one) => `Left behind, ${said(one)}`),
  ];
}
