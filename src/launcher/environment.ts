/** A process environment: names and values. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What VS Code and its packaging add for their own processes, and what could point psql somewhere else. */
const leftOut = [
  /^PG/,
  /^PSQLRC$/,
  /^DAYPASS_/,
  /^ELECTRON_/,
  /^VSCODE_(?!IPC_HOOK_CLI$)/,
  /^CODE_SERVER_/,
  /^SNAP(_|$)/,
  /^GDK_PIXBUF_/,
];

/**
 * The environment of the person's shell. It grows from `base`, the extension host's own: what the launcher inherited
 * (`inherited`) was written by the workspace too, so of that only a locale and a version are taken, where they look like
 * one, and what tells programs that this is VS Code's terminal is set here.
 * @param session the credential's variables, added last.
 */
export function shellEnvironment(
  base: Environment,
  inherited: Environment,
  session: Environment,
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(base))
    if (value !== undefined && !leftOut.some((pattern) => pattern.test(name))) environment[name] = value;

  environment['TERM'] = 'xterm-256color';
  environment['COLORTERM'] = 'truecolor';
  environment['TERM_PROGRAM'] = 'vscode';
  delete environment['TERM_PROGRAM_VERSION'];
  const version = inherited['TERM_PROGRAM_VERSION'];
  if (version !== undefined && /^[\w.-]{1,40}$/.test(version)) environment['TERM_PROGRAM_VERSION'] = version;
  const locale = inherited['LANG'];
  // VS Code finds the locale for terminals where the desktop gave its own processes none (macOS).
  if (!environment['LANG'] && locale !== undefined && /^[\w.@-]{1,40}$/.test(locale))
    environment['LANG'] = locale;

  for (const [name, value] of Object.entries(session)) if (value !== undefined) environment[name] = value;
  return environment;
}

/** Variables that put code into every program started with them, the launcher among them. */
const intrusive = [
  'LD_PRELOAD',
  'LD_AUDIT',
  'LD_LIBRARY_PATH',
  'DYLD_INSERT_LIBRARIES',
  'DYLD_LIBRARY_PATH',
  'DYLD_FRAMEWORK_PATH',
  'NODE_OPTIONS',
];

// Options of Node that load code; others (a memory limit) are harmless and common.
const loads = /(^|\s)["']?(-r|--require|--import|--loader|--experimental-loader)(?=[\s=]|$)/;
// "Auto attach" of VS Code's own debugger, a setting of the person, from VS Code's storage.
const autoAttach =
  /^\s*--require ["']?[^"'\s]*\/User\/(workspace|global)Storage\/[^"'\s]*ms-vscode\.js-debug\/bootloader\.js["']?\s*$/;

/**
 * Names of variables through which somebody put code into the launcher: set for this terminal, not in the person's own
 * environment. Such code already runs when this is asked; to ask is to tell the person before they type, not a defence.
 */
export function intruders(base: Environment, inherited: Environment): string[] {
  return intrusive.filter((name) => {
    const value = inherited[name];
    if (!value || value === base[name]) return false;
    return name !== 'NODE_OPTIONS' || (loads.test(value) && !autoAttach.test(value.replaceAll('\\', '/')));
  });
}
