import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../broker/support/eventually.ts';
import { Link } from './link.ts';
import type { LinkFault } from './schedule.ts';

describe('A network that falls silent', () => {
  let heard: string;
  let ended: boolean;
  let answering: Socket | undefined;
  const server = createServer((socket) => {
    answering = socket;
    socket.setEncoding('utf8').on('data', (text: string) => (heard += text));
    socket.on('end', () => (ended = true));
    socket.on('error', () => undefined);
  });
  const link = new Link(() => (server.address() as AddressInfo).port);
  before(async () => {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    await link.open();
  });
  after(async () => {
    await link.close();
    server.close();
  });
  beforeEach(() => {
    heard = '';
    ended = false;
  });

  const arrives = (text: string) => eventually(() => heard === text || undefined, 2_000);
  const connected = async () => {
    const socket = connect(link.port, '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  };

  it('delivers late what was held, after whoever said it has given up, and then that he has', async () => {
    const socket = await connected();
    link.hold();
    socket.write('create role');
    await pause(50);
    socket.destroy();
    await pause(50);
    assert.deepEqual([heard, ended, link.isHeld], ['', false, true]);
    link.deliver();
    await arrives('create role');
    await eventually(() => ended || undefined, 2_000);
    assert.equal(link.isHeld, false);
  });

  it('delivers what is said both ways to whoever is still there, and a connection that was begun meanwhile', async () => {
    const socket = await connected();
    socket.write('one');
    await arrives('one');
    link.hold(['to the broker']);
    answering?.write('an answer');
    const later = await connected();
    later.write('two');
    await arrives('onetwo');
    const answered = once(socket, 'data');
    link.deliver();
    assert.equal(String((await answered)[0]), 'an answer');
    socket.destroy();
    later.destroy();
  });

  it('loses what was held where it ends by a reset', async () => {
    const socket = await connected();
    link.hold();
    socket.write('create role');
    await pause(50);
    link.letGo();
    await once(socket, 'close');
    await pause(100);
    assert.equal(heard, '');
  });

  it('waits for an issue where its statements are to come late', async () => {
    const fault = { kind: 'issue held, then delivered late', direction: 'to the server' } as const;
    const timed: LinkFault = { ...fault, afterMs: 0, forMs: 300 };
    const harmed = link.harm(timed, () => true, 2_000);
    const socket = await connected();
    socket.write('select;');
    await arrives('select;');
    socket.write('create role;');
    assert.equal(await harmed, true);
    socket.destroy();
    await pause(100);
    assert.equal(heard, 'select;');
    await arrives('select;create role;');
  });
});
