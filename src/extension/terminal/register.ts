import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { Services } from '../services.ts';
import type { Disposable } from '../state/event.ts';
import type { AccessRequest, Grant } from '../state/world.ts';
import { inert } from '../views/words.ts';
import type { Copied, Desk, Prepared } from './desk.ts';
import type { Keeper } from './keeper.ts';
import { launchOptions } from './launch.ts';

/** Production terminals, as commands and views use them. What `Api.call` throws and `FolderTrouble` reach the caller. */
export interface Terminals extends Disposable {
  /** Gets a lease and opens a terminal on it. A call while one is under way for the same grant joins it. */
  open(grant: Grant, signal?: AbortSignal): Promise<void>;
  /** The same for a terminal that VS Code itself creates. */
  optionsFor(grant: Grant, signal?: AbortSignal): Promise<vscode.TerminalOptions>;
  /** A terminal that waits for a request and becomes the production terminal when it is approved. */
  optionsForWaiting(request: AccessRequest): Promise<vscode.TerminalOptions>;
  /** Whether a terminal waits for this request, so that its approval needs no other step. */
  awaits(requestId: string): boolean;
  /** A lease of its own whose password is handed out. */
  copy(grant: Grant, signal?: AbortSignal): Promise<Copied>;
}

interface Loaded {
  readonly desk: Desk;
  readonly keeper: Keeper;
}

/** @see Services for the order in which the parts are registered */
export function registerTerminals(services: Services): Terminals {
  // As it was at activation: later an extension in the same process may have changed it.
  const base = { ...process.env };
  /** By grant: two clicks at once are meant as one. */
  const opening = new Map<string, Promise<void>>();
  /** Folders for which a terminal was asked for in this window. */
  const made = new Set<string>();
  const justMade = new Map<string, number>();
  const subscriptions: Disposable[] = [];
  let loaded: Promise<Loaded> | undefined;
  let keeper: Keeper | undefined;
  let disposed = false;

  const load = (): Promise<Loaded> =>
    (loaded ??= (async () => {
      const [{ Desk }, { Keeper }, { isInstalled }] = await Promise.all([
        import('./desk.ts'),
        import('./keeper.ts'),
        import('./psql.ts'),
      ]);
      const desk = new Desk(services, {
        appRoot: vscode.env.appRoot || null,
        base,
        hasPsql: () => isInstalled('psql', base),
      });
      keeper = new Keeper(services, desk, { has: isTerminalHere, offerSignIn });
      if (disposed) keeper.dispose();
      return { desk, keeper };
    })());

  const look = (): void => void keeper?.look();
  const lookIfAnything = async (): Promise<void> => {
    if (!keeper) {
      const entries = await readdir(join(services.places.storage, 'terminals')).catch(() => []);
      if (entries.length === 0 || disposed) return;
      await load();
    }
    look();
  };

  subscriptions.push(
    services.store.onDidChange(({ before, now }) => {
      if (
        before.account !== now.account ||
        before.stream !== now.stream ||
        before.grants !== now.grants ||
        before.requests !== now.requests
      )
        look();
    }),
    services.clock.every(() => void lookIfAnything()),
    vscode.window.onDidOpenTerminal((terminal) => {
      look();
      // VS Code leaves its panel closed when a profile's terminal is made from the palette.
      if (argumentsOf(terminal).some((argument) => made.has(argument))) terminal.show();
    }),
    vscode.window.onDidCloseTerminal(() => {
      look();
      // The launcher needs a moment to stop what runs before its process is gone.
      setTimeout(look, 2000).unref();
    }),
  );

  const prepared = async (make: (desk: Desk) => Promise<Prepared>): Promise<vscode.TerminalOptions> => {
    const { desk } = await load();
    const folder = await make(desk);
    made.add(folder.path);
    const options = launchOptions(folder, services.places.extension);
    look();
    return options;
  };
  const optionsFor = (grant: Grant, signal?: AbortSignal): Promise<vscode.TerminalOptions> =>
    prepared((desk) => desk.prepare(grant, signal));

  return {
    optionsFor,
    optionsForWaiting: (request) => {
      justMade.set(request.id, Date.now());
      return prepared((desk) => desk.wait(request));
    },
    awaits: (requestId) =>
      keeper?.awaits(requestId) === true ||
      Date.now() - (justMade.get(requestId) ?? Number.NEGATIVE_INFINITY) < startMs,
    open(grant, signal) {
      const under = opening.get(grant.id);
      if (under) return under;
      const work = optionsFor(grant, signal)
        .then((options) => vscode.window.createTerminal(options).show())
        .finally(() => opening.delete(grant.id));
      opening.set(grant.id, work);
      return work;
    },
    async copy(grant, signal) {
      const { desk } = await load();
      return desk.copy(grant, signal);
    },
    dispose() {
      disposed = true;
      for (const subscription of subscriptions) subscription.dispose();
      keeper?.dispose();
    },
  };
}

/** The arguments of a terminal's process; none for one that VS Code restored. */
function argumentsOf({ creationOptions }: vscode.Terminal): readonly string[] {
  const args = 'shellArgs' in creationOptions ? creationOptions.shellArgs : undefined;
  return Array.isArray(args) ? args : [];
}

/** From a terminal's folder to its launcher, at most; afterwards the keeper has seen it. */
const startMs = 15_000;

/** A terminal whose process does not start never tells its id. */
const patienceMs = 1000;

async function isTerminalHere(pid: number): Promise<boolean> {
  const impatient = new Promise<undefined>((resolve) => setTimeout(resolve, patienceMs, undefined).unref());
  const pids = await Promise.all(
    vscode.window.terminals.map((terminal) => Promise.race([terminal.processId, impatient])),
  );
  return pids.includes(pid);
}

async function offerSignIn(words: string): Promise<boolean> {
  const signIn = 'Sign in';
  return (await vscode.window.showInformationMessage(inert(words), signIn)) === signIn;
}
