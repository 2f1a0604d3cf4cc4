import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import * as vscode from 'vscode';
import { requestAccess } from '../../../src/extension/commands/requestAccess.ts';
import { Unreachable, type Api, type Input } from '../../../src/extension/client/call.ts';
import type { Services } from '../../../src/extension/services.ts';
import type { NewRequest } from '../../../src/contract/requests.ts';
import { refusal } from '../../unit/support/lease-broker.ts';
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
/** There is no command that types into a box: an input is reached by pasting what is on the clipboard. */
const type = async (text: string): Promise<void> => {
  const before = await vscode.env.clipboard.readText();
  await vscode.env.clipboard.writeText(text);
  await vscode.commands.executeCommand('editor.action.clipboardPasteAction');
  await drawn();
  await vscode.env.clipboard.writeText(before);
};

class Broker implements Api {
  readonly sent: { readonly body: NewRequest; readonly key: string }[] = [];
  answers: (() => unknown)[] = [];

  async call(name: string, input?: unknown): Promise<never> {
    await Promise.resolve();
    assert.equal(name, 'createRequest');
    const { body, key } = input as Input<'createRequest'>;
    this.sent.push({ body: body as NewRequest, key });
    const answer = this.answers.shift();
    return (answer?.() ?? request()) as never;
  }
}

describe('the request flow in VS Code', () => {
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

  it('sends what was chosen, with only the reason typed, and Back keeps it', async function () {
    const flow = requestAccess(services);
    await drawn();
    await enter();
    await enter();
    await type('Order 4711 is stuck');
    await goBack();
    await enter();
    await enter();
    const outcome = await Promise.race([flow, wait(5000, 'stuck' as const)]);
    if (broker.sent.length === 0 && outcome === 'stuck') {
      // Where the workbench does not paste from the host's clipboard nothing can be typed by command.
      await escape();
      return this.skip();
    }
    assert.equal(broker.sent.length, 1);
    assert.deepEqual(broker.sent[0]?.body, {
      template: offered.id,
      templateDigest: offered.digest,
      duration: 'PT30M',
      reason: 'Order 4711 is stuck',
    });
    assert.ok(typeof outcome === 'object' && 'request' in outcome);
  });

  it('keeps what was typed when the network fails, and sends nothing twice', async function () {
    broker.answers = [
      () => {
        throw new Unreachable('Cannot reach the broker.');
      },
      () => {
        throw refusal('in-progress');
      },
      () => request(),
    ];
    const flow = requestAccess(services, offered.id);
    await drawn();
    await enter();
    await type('Order 4711 is stuck');
    await enter();
    await drawn();
    if (broker.sent.length === 0) {
      await escape();
      await flow;
      return this.skip();
    }
    await enter();
    await drawn();
    await enter();
    assert.ok(await flow);
    assert.equal(broker.sent.length, 3);
    assert.equal(new Set(broker.sent.map(({ key }) => key)).size, 1);
    assert.equal(new Set(broker.sent.map(({ body }) => body.reason)).size, 1);
  });
});
