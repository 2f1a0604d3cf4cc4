import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Secret } from '../../contract/secret.ts';
import { runToEnd, startChild, type Child } from '../child.ts';
import { freePort } from '../ports.ts';
import type { VsCodeFiles } from './fetch.ts';
import type { Upstream } from './forward.ts';
import { writeSettings, type Settings } from './settings.ts';

export interface ServerOptions {
  readonly files: VsCodeFiles;
  /** What the program calls itself. */
  readonly name: string;
  readonly basePath: string;
  /** Settings and state that outlive a start. */
  readonly userData: string;
  /** The rest: extensions, logs, the socket. Private; removed by whoever made it. */
  readonly folder: string;
  /** The packaged extension (`.vsix`); none: a bare VS Code. */
  readonly extension?: string | undefined;
  /** Always set. */
  readonly settings: Settings;
  /** Set where the person has not chosen otherwise. */
  readonly defaults?: Settings | undefined;
  /** Added to what its processes inherit. */
  readonly environment: Readonly<Record<string, string>>;
  /** More of the server's own flags, e.g. for a test that drives it. */
  readonly flags?: readonly string[] | undefined;
}

export interface VsCodeServer {
  readonly upstream: Upstream;
  readonly token: Secret;
  readonly child: Child;
  readonly log: string;
}

const startDeadlineMs = 60_000;

/** Starts VS Code's server with the extension installed as people install it, and waits until it answers. */
export async function startServer(options: ServerOptions): Promise<VsCodeServer> {
  const { files, folder, userData } = options;
  const server = [join(files.root, 'out', 'server-main.js'), '--accept-server-license-terms'];
  const data = ['--user-data-dir', userData, '--server-data-dir', join(folder, 'server')];
  const extensions = ['--extensions-dir', join(folder, 'extensions')];
  const environment = serverEnvironment(options.environment);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeSettings(userData, options.settings, options.defaults);
  if (options.extension !== undefined) await install(options.extension);

  const token = new Secret(randomBytes(24).toString('hex'));
  const tokenFile = join(folder, 'connection-token');
  await writeFile(tokenFile, token.reveal(), { mode: 0o600 });
  const upstream: Upstream =
    process.platform === 'win32'
      ? { host: '127.0.0.1', port: await freePort() }
      : { socketPath: join(folder, 'server.sock') };
  const words = [
    ...server,
    ...('socketPath' in upstream
      ? ['--socket-path', upstream.socketPath]
      : ['--host', upstream.host, '--port', String(upstream.port)]),
    ...data,
    ...extensions,
    ...['--connection-token-file', tokenFile, '--server-base-path', options.basePath],
    ...['--disable-telemetry', '--disable-workspace-trust', '--disable-update-check'],
    ...['--disable-getting-started-override', '--app-name', options.name],
    ...(options.flags ?? []),
  ];
  const log = join(folder, 'server.log');
  const hide = (text: string) => text.replaceAll(token.reveal(), '[secret]');
  const child = await startChild(files.node, words, { environment, log, hide });
  await answering(child, upstream);
  return { upstream, token, child, log };

  async function install(extension: string): Promise<void> {
    const said = await runToEnd(
      files.node,
      [...server, ...data, ...extensions, '--install-extension', extension, '--force'],
      { environment },
    );
    if (/failed/i.test(said)) throw new Error(`VS Code did not take the extension:\n${said}`);
  }
}

/** What VS Code's processes inherit: the person's environment, without what another VS Code or npm put there. */
function serverEnvironment(added: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const foreign = /^(VSCODE_|ELECTRON_|CODE_SERVER|npm_|INIT_CWD$|NODE_OPTIONS$|NODE_ENV$)/;
  const own = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  return { ...Object.fromEntries(own), ...added };
}

async function answering(child: Child, upstream: Upstream): Promise<void> {
  const deadline = Date.now() + startDeadlineMs;
  while (!child.hasEnded() && Date.now() < deadline) {
    if (await accepts(upstream)) return;
    await sleep(50);
  }
  await child.stop(0);
  throw new Error(`VS Code’s server did not start. It said:\n${await child.said()}`);
}

function accepts(upstream: Upstream): Promise<boolean> {
  return new Promise((resolve) => {
    const socket =
      'socketPath' in upstream ? connect(upstream.socketPath) : connect(upstream.port, upstream.host);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
