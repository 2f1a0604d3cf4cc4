// A window in a process of its own that renews its sign-in and is stuck in it, to be killed there.
// Arguments: folder, broker, the secret storage (JSON), where to stop: before the provider is asked, or once it has answered.
import { openWindow } from './extension-window.ts';

const [folder = '', broker = '', stored = '{}', where = 'before'] = process.argv.slice(2);
const secrets = JSON.parse(stored) as Record<string, string>;
const window = openWindow({
  folder,
  broker,
  secrets: { get: (name) => Promise.resolve(secrets[name]), store: () => Promise.resolve() },
});
await window.account.settle();

const { fetch } = globalThis;
globalThis.fetch = async (input, init) => {
  const address = input instanceof Request ? input.url : String(input);
  if (!address.endsWith('/token')) return fetch(input, init);
  if (where === 'after') await (await fetch(input, init)).text();
  process.send?.('stuck');
  return new Promise<never>(() => undefined);
};
const token = await window.access();
await window.access(token);
