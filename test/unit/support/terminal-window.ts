import { existsSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { Desk, type Prepared } from '../../../src/extension/terminal/desk.ts';
import { Keeper } from '../../../src/extension/terminal/keeper.ts';
import { FolderRecord } from '../../../src/extension/terminal/records.ts';
import { servicesOf, type LeaseBroker } from './lease-broker.ts';
import { Terminal, eventually } from './terminal.ts';

/** A temporary place with the launcher where an installed extension has it. */
export async function placeWithLauncher(): Promise<string> {
  const place = mkdtempSync(join(tmpdir(), 'daypass-terminals-'));
  await build({
    entryPoints: ['src/launcher/main.ts'],
    outfile: join(place, 'dist', 'launcher.cjs'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    logLevel: 'warning',
  });
  return place;
}

/** One window of Ana's with its desk and keeper, and the terminals that it shows. */
export class Window {
  readonly storage: string;
  readonly desk: Desk;
  readonly keeper: Keeper;
  readonly pids = new Set<number>();
  /** What stands in the log, apart from debugging. */
  readonly log: string[] = [];
  /** What was said of sign-ins that are needed; `answer` presses the button of the last, or turns it away. */
  readonly offers: string[] = [];
  answer: (wanted: boolean) => void = () => undefined;
  readonly #place: string;
  readonly #listening;
  readonly #opened: Terminal[] = [];

  constructor(broker: LeaseBroker, place: string, storage = mkdtempSync(join(place, 'storage-'))) {
    this.#place = place;
    this.storage = storage;
    const played = servicesOf(broker, storage);
    const note = (message: string): void => void this.log.push(message);
    const services = {
      ...played,
      log: { debug: () => undefined, info: note, warn: note, error: note },
      places: { ...played.places, extension: place },
    };
    const home = mkdtempSync(join(place, 'home-'));
    this.desk = new Desk(services, {
      appRoot: null,
      base: { PATH: process.env['PATH'], HOME: home, SHELL: '/bin/sh', PS1: '$ ' },
      hasPsql: () => Promise.resolve(true),
    });
    this.keeper = new Keeper(services, this.desk, {
      has: (pid) => Promise.resolve(this.pids.has(pid)),
      offerSignIn: (words) => {
        this.offers.push(words);
        return new Promise((resolve) => (this.answer = resolve));
      },
    });
    this.#listening = broker.store.onDidChange(() => void this.keeper.look());
  }

  async terminal(prepared: Prepared): Promise<Terminal> {
    const program = join(this.#place, 'dist', 'launcher.cjs');
    const terminal = await Terminal.open(process.execPath, [program, prepared.path], {
      PATH: process.env['PATH'],
    });
    this.#opened.push(terminal);
    this.pids.add(terminal.pid);
    void this.keeper.look();
    return terminal;
  }

  /** Names below the folder of terminals: records and credential folders. */
  get left(): string[] {
    return existsSync(this.#root) ? readdirSync(this.#root).sort() : [];
  }

  /** Names of the records. */
  get records(): string[] {
    return this.left.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -5));
  }

  recordFile(name: string): string {
    return join(this.#root, `${name}.json`);
  }

  editRecord(name: string, more: Partial<FolderRecord>): void {
    const file = this.recordFile(name);
    const record = FolderRecord.parse(JSON.parse(readFileSync(file, 'utf8')));
    writeFileSync(file, JSON.stringify({ ...record, ...more }));
  }

  /** Looks again and again, as the clock's ticks do. */
  settled(ask: () => boolean): Promise<true> {
    return eventually(() => {
      void this.keeper.look();
      return ask() || undefined;
    });
  }

  dispose(): void {
    this.#listening.dispose();
    this.keeper.dispose();
    for (const terminal of this.#opened) if (!terminal.ended) terminal.close();
  }

  get #root(): string {
    return join(this.storage, 'terminals');
  }
}
