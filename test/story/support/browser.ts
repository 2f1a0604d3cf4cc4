import { chromium, type Browser } from 'playwright-core';
import { browser as installedBrowser } from '../../prerequisites.ts';

/**
 * A headless Chromium that talks to nobody but the pages it is given. Unless told otherwise, Ctrl-C ends it and with
 * it this process.
 */
export async function launchBrowser({ onCtrlC = true } = {}): Promise<Browser> {
  const executablePath = installedBrowser();
  if (!executablePath) throw new Error('No browser is installed; see what `npm test` says at its start.');
  return chromium.launch({
    executablePath,
    headless: true,
    handleSIGINT: onCtrlC,
    handleSIGTERM: onCtrlC,
    handleSIGHUP: onCtrlC,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
