import * as vscode from 'vscode';
import type { Log } from './services.ts';
import type { Disposable } from './state/event.ts';

/** The output channel "Daypass". Of a cause it takes the message and the chain of causes, never what hangs on them. */
export function outputLog(): Log & Disposable {
  const channel = vscode.window.createOutputChannel('Daypass', { log: true });
  const line = (message: string, cause: unknown) =>
    cause === undefined ? message : `${message} ${chain(cause)}`;
  return {
    debug: (message) => channel.debug(message),
    info: (message) => channel.info(message),
    warn: (message, cause) => channel.warn(line(message, cause)),
    error: (message, cause) => channel.error(line(message, cause)),
    dispose: () => channel.dispose(),
  };
}

function chain(cause: unknown): string {
  if (!error(cause)) return String(cause);
  const next = cause.cause === undefined ? '' : ` ← ${chain(cause.cause)}`;
  return `${cause.name}: ${cause.message}${next}`;
}

const error = (value: unknown): value is Error => value instanceof Error;
