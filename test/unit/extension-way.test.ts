import assert from 'node:assert/strict';
import { chooseWay, type Environment } from '../../src/extension/account/way.ts';

const listening = new URL('http://127.0.0.1:40001/callback');
const direct = { by: 'browser', redirectUri: 'http://127.0.0.1:40001/callback', otherwise: 'device' };
const forwarded = { by: 'browser', redirectUri: 'http://127.0.0.1:51234/callback', otherwise: 'device' };
const device = { by: 'device' };

/** What VS Code's windows are like, and the way in that each is given. */
const table: readonly [string, Partial<Environment> & { at?: string }, object][] = [
  ['desktop, local folder', { ui: 'desktop', remote: false, at: listening.href }, direct],
  ['desktop, local, VS Code knows no address', { ui: 'desktop', remote: false }, direct],
  [
    'desktop, SSH, port forwarded as it is',
    { ui: 'desktop', remote: true, at: 'http://127.0.0.1:40001/callback' },
    direct,
  ],
  [
    'desktop, SSH, port taken and forwarded as another',
    { ui: 'desktop', remote: true, at: 'http://localhost:51234/callback' },
    forwarded,
  ],
  ['desktop, WSL', { ui: 'desktop', remote: true, at: 'http://localhost:40001/callback' }, direct],
  [
    'desktop, container, IPv6 loopback',
    { ui: 'desktop', remote: true, at: 'http://[::1]:51234/callback' },
    forwarded,
  ],
  [
    'desktop, codespace, port forwarded',
    { ui: 'desktop', remote: true, at: 'http://127.0.0.1:51234/callback' },
    forwarded,
  ],
  ['desktop, tunnel, forwarding refused', { ui: 'desktop', remote: true }, device],
  [
    'browser, codespace',
    { ui: 'web', remote: true, at: 'https://box-40001.app.github.dev/callback' },
    device,
  ],
  [
    'browser, tunnel',
    { ui: 'web', remote: true, at: 'https://abc-40001.euw.devtunnels.ms/callback' },
    device,
  ],
  [
    'browser, server on loopback with a page for ports',
    { ui: 'web', remote: true, at: 'http://127.0.0.1:8000/proxy/40001/callback' },
    direct,
  ],
  [
    'browser, server on loopback, address unchanged',
    { ui: 'web', remote: true, at: 'http://localhost:40001/callback' },
    direct,
  ],
  [
    'browser, server elsewhere over plain http',
    { ui: 'web', remote: true, at: 'http://10.0.0.7:8000/proxy/40001/callback' },
    device,
  ],
  [
    'browser, server behind https',
    { ui: 'web', remote: true, at: 'https://code.example.com/proxy/40001/callback' },
    device,
  ],
  [
    'a host that only looks like loopback',
    { ui: 'web', remote: true, at: 'http://127.0.0.1.example.com/callback' },
    device,
  ],
  ['a web worker', { node: false, ui: 'web', remote: false }, device],
];

describe('The way in', () => {
  for (const [where, { at, ...here }, expected] of table)
    it(where, () => {
      const environment: Environment = {
        node: true,
        ui: 'desktop',
        remote: false,
        listening: here.node === false ? undefined : listening,
        reachedAt: at === undefined ? undefined : new URL(at),
        deviceCodes: true,
        ...here,
      };
      assert.deepEqual(chooseWay(environment), expected);
      const without = chooseWay({ ...environment, deviceCodes: false });
      if ('redirectUri' in expected) assert.deepEqual(without, { ...expected, otherwise: undefined });
      else assert.equal(without.by, 'none');
      // A code does not count for everything, and nobody is told that codes were not allowed.
      const stronger = chooseWay({ ...environment, inBrowser: true });
      if ('redirectUri' in expected) assert.deepEqual(stronger, { ...expected, otherwise: undefined });
      else if (environment.node) {
        assert.ok(stronger.by === 'none');
        assert.match(stronger.why, /a code could be passed on/);
      }
    });

  describe('where the provider sends browsers back to a few ports only', () => {
    const at = (here: Partial<Environment>): Environment => ({
      node: true,
      ui: 'desktop',
      remote: false,
      listening,
      reachedAt: undefined,
      ports: [40000, 40001],
      deviceCodes: false,
      ...here,
    });
    const { redirectUri } = direct;

    it('uses one of them, here or forwarded as it is', () => {
      const expected = { by: 'browser', redirectUri, otherwise: undefined };
      assert.deepEqual(chooseWay(at({})), expected);
      const forwardedAs = new URL('http://localhost:40001/callback');
      assert.deepEqual(chooseWay(at({ remote: true, reachedAt: forwardedAs })), expected);
    });

    it('has no way back through a port that was forwarded as another', () => {
      const elsewhere = at({ remote: true, reachedAt: new URL(forwarded.redirectUri) });
      assert.equal(chooseWay(elsewhere).by, 'none');
      assert.deepEqual(chooseWay({ ...elsewhere, deviceCodes: true }), device);
    });

    it('says which they are where other programs have them', () => {
      const taken = at({ listening: undefined });
      const way = chooseWay(taken);
      assert.match(way.by === 'none' ? way.why : '', /only ports .* \(40000, 40001\)\. Close it/);
      assert.deepEqual(chooseWay({ ...taken, deviceCodes: true }), device);
    });
  });
});
