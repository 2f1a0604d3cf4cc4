import { spawn } from 'node:child_process';

/** Opens addresses in the person's browser. Where there is none, nothing happens: the addresses stand on the screen. */
export function openInBrowser(url: string): void {
  const [program, ...words]: [string, ...string[]] =
    process.platform === 'darwin'
      ? ['open', url]
      : process.platform === 'win32'
        ? ['rundll32', 'url.dll,FileProtocolHandler', url]
        : ['xdg-open', url];
  const child = spawn(program, words, { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}
