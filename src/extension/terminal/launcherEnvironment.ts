/** What puts code into the launcher, or points it or psql somewhere else, if somebody sets it for terminals. */
const intrusive = [
  'LD_PRELOAD',
  'LD_AUDIT',
  'LD_LIBRARY_PATH',
  'DYLD_INSERT_LIBRARIES',
  'DYLD_LIBRARY_PATH',
  'DYLD_FRAMEWORK_PATH',
  'PATH',
  'PSQLRC',
  'PGSERVICE',
  'PGSERVICEFILE',
  'PGPASSFILE',
  'PGPASSWORD',
  'PGHOST',
  'PGHOSTADDR',
  'PGPORT',
  'PGDATABASE',
  'PGUSER',
  'PGOPTIONS',
  'PGSSLMODE',
  'PGSSLROOTCERT',
  'PGSYSCONFDIR',
];

/** Node's own: nobody's business in the launcher, whoever set them. */
const nodes = ['NODE_OPTIONS', 'NODE_PATH', 'NODE_EXTRA_CA_CERTS', 'NODE_REPL_EXTERNAL_MODULE'];

/**
 * What a terminal's `env` says for the launcher. Settings, a workspace's among them, add to a terminal's environment;
 * here each such variable gets back the value that the extension host itself has, or is removed (`null`).
 * @param set names of variables that settings add to terminals
 * @param own the extension host's environment
 */
export function launcherEnvironment(
  set: readonly string[],
  own: Readonly<Record<string, string | undefined>>,
): Record<string, string | null> {
  const environment: Record<string, string | null> = {};
  for (const name of [...intrusive, ...set]) environment[name] = own[name] ?? null;
  for (const name of nodes) environment[name] = null;
  // VS Code's executable runs the launcher as Node does; VS Code removes the variable before it starts other shells.
  environment['ELECTRON_RUN_AS_NODE'] = '1';
  return environment;
}
