import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { keptKey, type Place } from '../state.ts';
import type { VsCodeFiles } from './fetch.ts';
import { startFront } from './front.ts';
import { startServer } from './server.ts';
import type { Settings } from './settings.ts';

export interface WindowOptions {
  readonly place: Place;
  readonly files: VsCodeFiles;
  /** `ana` */
  readonly id: string;
  /** `Ana` */
  readonly firstName: string;
  /** 0 for a free one. */
  readonly port: number;
  readonly issuerPort: number;
  readonly broker?: string | undefined;
  readonly extension?: string | undefined;
  /** Always set. */
  readonly settings?: Settings | undefined;
  /** Set where the person has not chosen otherwise. */
  readonly defaults?: Settings | undefined;
  readonly environment?: Readonly<Record<string, string>> | undefined;
  readonly flags?: readonly string[] | undefined;
}

/** One person's VS Code, to be opened in a browser. */
export interface VsCodeWindow {
  /** With the token; opens straight into the workbench. Undefined for a window on the desktop. */
  readonly url: string | undefined;
  readonly pid: number;
  readonly log: string;
  /** The folder that is open in it. */
  readonly workspace: string;
  /** Settings, state and logs of this VS Code. */
  readonly userData: string;
  /** Its installed extensions and their logs. */
  readonly folder: string;
  close(): Promise<void>;
}

const stopGraceMs = 5000;

export async function openWindow(options: WindowOptions): Promise<VsCodeWindow> {
  const { place, files, id } = options;
  const folder = join(place.folder, id);
  const workspace = await prepareWorkspace(place, id);
  // Cookies do not tell the ports of two sandboxes apart.
  const basePath = place.number === 1 ? `/${id}` : `/${id}-${place.number}`;
  const userData = join(place.kept, id);
  const server = await startServer({
    files,
    name: `VS Code of ${options.firstName}`,
    basePath,
    userData,
    folder,
    extension: options.extension,
    settings: settingsFor(options),
    defaults: options.defaults,
    environment: { ...place.mark, ...options.environment },
    flags: options.flags,
  });
  await place.record(server.child.pid);
  const front = await startFront({
    port: options.port,
    basePath,
    upstream: server.upstream,
    media: files.media,
    token: server.token,
    mintKey: await keptKey(place.kept, `${id}.key`, 32),
    issuerPort: options.issuerPort,
    folder: workspace,
  });
  return {
    url: front.url,
    pid: server.child.pid,
    log: server.log,
    workspace,
    userData,
    folder,
    close: async () => {
      await front.close();
      await server.child.stop(stopGraceMs);
    },
  };
}

/** The folder that is open: the notes of somebody on call. */
export async function prepareWorkspace(place: Place, id: string): Promise<string> {
  const workspace = join(place.folder, `${id}-workspace`, 'shop');
  await cp(join(import.meta.dirname, 'workspace'), workspace, { recursive: true });
  await cp(join(import.meta.dirname, '..', 'runbooks'), join(workspace, 'runbooks'), { recursive: true });
  const readme = id === 'ben' ? 'ben.md' : 'ana.md';
  await cp(join(import.meta.dirname, 'readme', readme), join(workspace, 'README.md'));
  return workspace;
}

/** What a person's VS Code is told, whatever they changed: whose it is, and where the broker is. */
export function settingsFor({
  firstName,
  broker,
  settings,
}: Pick<WindowOptions, 'firstName' | 'broker' | 'settings'>): Settings {
  return {
    'window.title': `${firstName}\${separator}\${rootName}\${separator}\${activeEditorShort}`,
    ...(broker === undefined ? {} : { 'daypass.broker': broker }),
    ...settings,
  };
}
