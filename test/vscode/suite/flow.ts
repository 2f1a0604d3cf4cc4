import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import * as vscode from 'vscode';
import { requestAccess } from '../../../src/extension/commands/requestAccess.ts';
import type { Api, Input } from '../../../src/extension/client/call.ts';
import type { Services } from '../../../src/extension/services.ts';
import type { NewRequest } from '../../../src/contract/requests.ts';
import { LeaseBroker, servicesOf } from '../../unit/support/lease-broker.ts';
import { ana, request, template, world } from '../../unit/support/samples.ts';

/** Lets VS Code draw what was asked for. */
const drawn = () => wait(400);
const enter = async (): Promise<void> => {
  await vscode.commands.executeCommand('workbench.action.acceptSelectedQuickOpenItem');
  await drawn();
};
const goBack = async (): Promise<void> => {
  await vscode.commands.executeCommand('workbench.action.quickInputBack');
  await drawn();
};
const escape = async (): Promise<void> => {
  await vscode.commands.executeCommand('workbench.action.closeQuickOpen');
  await drawn();
};
class Broker implements Api {
  readonly sent: { readonly body: NewRequest; readonly key: string }[] = [];

  async call(name: string, input?: unknown): Promise<never> {
    await Promise.resolve();
    assert.equal(name, 'createRequest');
    const { body, key } = input as Input<'createRequest'>;
    this.sent.push({ body, key });
    return request() as never;
  }
}

/** The steps of a request, in VS Code's own quick input. */
export function requestFlow(): void {
  describe('the request flow', () => {
    let storage: string;
    let broker: Broker;
    let services: Services;
    let target: Server;
    let offered = template();

    before((done) => {
      target = createServer().listen(0, '127.0.0.1', done);
    });
    after(() => target.close());

    beforeEach(() => {
      storage = mkdtempSync(join(tmpdir(), 'daypass-flow-'));
      broker = new Broker();
      const leases = new LeaseBroker();
      const address = target.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      offered = template({ target: { ...template().target, port } });
      leases.store.update(() => world(ana, { templates: [offered] }));
      const { account } = world(ana);
      services = {
        ...servicesOf(leases, storage),
        api: broker,
        account: {
          ensureSignedIn: () => Promise.resolve(account.is === 'signed in' ? account.me : undefined),
          mark: undefined,
          signInAgain: () => Promise.resolve('no'),
          signOut: () => Promise.resolve(),
        },
      };
    });
    afterEach(async () => {
      await escape();
      rmSync(storage, { recursive: true, force: true });
    });

    it('leaves nothing behind after Escape', async () => {
      const flow = requestAccess(services);
      await drawn();
      await enter();
      await escape();
      assert.equal(await flow, undefined);
      assert.deepEqual(broker.sent, []);
    });

    it('ends when whoever asked for it is cancelled', async () => {
      const source = new vscode.CancellationTokenSource();
      const flow = requestAccess(services, undefined, source.token);
      await drawn();
      source.cancel();
      assert.equal(await flow, undefined);
    });

    it('goes back with what was chosen, and sends nothing without a reason', async () => {
      const flow = requestAccess(services);
      await drawn();
      await enter();
      await enter();
      await goBack();
      await enter();
      await enter();
      assert.deepEqual(broker.sent, []);
      await escape();
      assert.equal(await flow, undefined);
    });
  });
}
