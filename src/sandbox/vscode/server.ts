import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Secret } from '../../contract/secret.ts';
import { freePort } from '../ports.ts';
import type { VsCodeFiles } from './fetch.ts';
import type { Upstream } from './forward.ts';
import { writeSettings, type Settings } from './settings.ts';

export interface ServerOptions {
  readonly files: VsCodeFiles;
  /** Whose it is, for the window's title. */
  readonly name: string;
  readonly basePath: string;
  /** Settings and state that outlive a start. */
  readonly userData: string;
  /** The rest: extensions, logs, the socket. Private; removed by whoever made it. */
  readonly folder: string;
  /** The packaged extension (`.vsix`); none: a bare VS Code. */
  readonly extension?: string;
  readonly settings: Settings;
  /** Added to what its processes inherit. */
  readonly environment: Readonly<Record<string, string>>;
  /** More of the server's own flags, e.g. for a test that drives it. */
  readonly flags?: readonly string[];
}

export interface VsCodeServer {
  readonly upstream: Upstream;
  readonly token: Secret;
  readonly process: ChildProcess & { readonly pid: number };
  readonly log: string;
}

/** Starts VS Code's server with the extension installed as people install it, and waits until it answers. */
export async function startServer(options: ServerOptions): Promise<VsCodeServer> {
  const { files, folder, userData } = options;
  const extensions = join(folder, 'extensions');
  const data = [
    '--user-data-dir',
    userData,
    '--server-data-dir',
    join(folder, 'server'),
    '--extensions-dir',
    extensions,
  ];
  await mkdir(extensions, { recursive: true, mode: 0o700 });
  await writeSettings(userData, options.settings);

  const log = join(folder, 'server.log');
  const environment = serverEnvironment(options.environment);
  if (options.extension !== undefined) {
    await runToEnd(files, [...data, '--install-extension', options.extension, '--force'], environment);
  }

  const token = new Secret(randomBytes(24).toString('hex'));
  const tokenFile = join(folder, 'connection-token');
  await writeFile(tokenFile, token.reveal(), { mode: 0o600 });
  const upstream: Upstream =
    process.platform === 'win32'
      ? { host: '127.0.0.1', port: await freePort() }
      : { socketPath: join(folder, 'server.sock') };
  const address =
    'socketPath' in upstream
      ? ['--socket-path', upstream.socketPath]
      : ['--host', upstream.host, '--port', String(upstream.port)];
  const child = spawn(
    files.node,
    [
      join(files.root, 'out', 'server-main.js'),
      ...address,
      ...data,
      ...['--connection-token-file', tokenFile, '--server-base-path', options.basePath],
      ...[
        '--accept-server-license-terms',
        '--disable-telemetry',
        '--disable-workspace-trust',
        '--disable-update-check',
      ],
      ...['--disable-getting-started-override', '--app-name', options.name],
      ...(options.flags ?? []),
    ],
    // In a process group of its own: Ctrl+C is for the sandbox, which ends it in order.
    { env: environment, stdio: ['ignore', 'pipe', 'pipe'], detached: process.platform !== 'win32' },
  );
  await once(child, 'spawn');
  if (child.pid === undefined) throw new Error('VS Code’s server has no process id.');
  keepLog(child, log, token);
  await answering(child, upstream, log);
  return { upstream, token, process: Object.assign(child, { pid: child.pid }), log };
}

/** What VS Code's processes inherit: the person's environment, without what another VS Code or npm put there. */
function serverEnvironment(added: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const foreign = /^(VSCODE_|ELECTRON_|CODE_SERVER|npm_|INIT_CWD$|NODE_OPTIONS$|NODE_ENV$)/;
  return {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name))),
    ...added,
  };
}

async function runToEnd(files: VsCodeFiles, words: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(
    files.node,
    [join(files.root, 'out', 'server-main.js'), '--accept-server-license-terms', ...words],
    {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const said: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  const output = Buffer.concat(said).toString('utf8');
  if (code !== 0 || /failed/i.test(output)) throw new Error(`VS Code did not take the extension:\n${output}`);
}

function keepLog(child: ChildProcess, file: string, token: Secret): void {
  const log = createWriteStream(file, { flags: 'a', mode: 0o600 });
  const keep = (chunk: Buffer) => log.write(chunk.toString('utf8').replaceAll(token.reveal(), '[secret]'));
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  child.once('close', () => log.end());
}

async function answering(child: ChildProcess, upstream: Upstream, log: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    const answered = await new Promise<boolean>((resolve) => {
      const socket =
        'socketPath' in upstream ? connect(upstream.socketPath) : connect(upstream.port, upstream.host);
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.end());
    });
    if (answered) return;
    await sleep(50);
  }
  child.kill('SIGKILL');
  const said = await readFile(log, 'utf8').catch(() => '');
  throw new Error(`VS Code’s server did not start. It said:\n${said.slice(-2000)}`);
}
