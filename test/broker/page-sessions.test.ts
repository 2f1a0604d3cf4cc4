import assert from 'node:assert/strict';
import type { Context } from '../../src/broker/context.ts';
import { NotSignedIn } from '../../src/broker/identity/failures.ts';
import type { TokenHolder } from '../../src/broker/identity/token-holder.ts';
import { PageSessions } from '../../src/broker/pages/sessions.ts';
import { recogniser } from '../../src/broker/store/person.ts';
import { integrity, startStore } from './support/store.ts';

describe('Sessions of the pages', () => {
  let world: Awaited<ReturnType<typeof startStore>>;
  let sessions: PageSessions;
  before(async () => {
    world = await startStore();
    const store = world.open();
    const recognise = recogniser(store);
    sessions = new PageSessions({ store, integrity } as unknown as Context, async (holder) => {
      const { id, name } = await recognise(holder);
      return { ...holder, id, name, audits: false };
    });
  });
  after(() => world.stop());

  const holder = (seconds: number, subject = 'ben'): TokenHolder => ({
    issuer: 'https://login.shop.example',
    subject,
    name: 'Ben Roth',
    groups: ['payments-leads'],
    clientId: 'daypass-pages',
    mayDecide: true,
    signIn: { acr: [], amr: [], byCode: false },
    expiresAt: new Date(Date.now() + seconds * 1000),
  });

  it('know whoever signed in as their token said then, for as long as the token or 15 minutes', async () => {
    const short = await sessions.begin(holder(60));
    const long = await sessions.begin(holder(24 * 3600));
    assert.ok(short.seconds > 50 && short.seconds <= 60);
    assert.ok(long.seconds > 890 && long.seconds <= 900);
    const caller = await sessions.caller(long.name);
    const { id, expiresAt } = caller;
    assert.deepEqual(caller, { ...holder(0), audits: false, id, expiresAt });
    const signIn = {
      acr: ['mfa'],
      amr: ['pwd', 'otp'],
      authenticatedAt: new Date(1_700_000_000_123),
      byCode: false,
    };
    const withFactors = await sessions.begin({ ...holder(60), signIn });
    assert.deepEqual({ ...(await sessions.caller(withFactors.name)), expiresAt }, { ...caller, signIn });
    assert.ok(Math.abs(expiresAt.getTime() - Date.now() - 900_000) < 10_000);
  });

  it('are over when the token is, and for whoever names none', async () => {
    const { name } = await sessions.begin(holder(-1));
    for (const no of [name, undefined, '', 'x'.repeat(43), `${name}x`])
      await assert.rejects(sessions.caller(no), NotSignedIn);
  });

  it('begin side by side, also where there is something to forget', async () => {
    for (let n = 0; n < 5; n++) await sessions.begin(holder(-1));
    const begun = await Promise.all(
      Array.from({ length: 24 }, (_, n) => sessions.begin(holder(60, n % 2 ? 'ben' : 'fay'))),
    );
    assert.equal(new Set(begun.map(({ name }) => name)).size, 24);
  });

  it('end when they are ended, and the oldest of more than twenty of one person', async () => {
    const other = await sessions.begin(holder(60, 'eva'));
    const names: string[] = [];
    for (let n = 0; n < 21; n++) names.push((await sessions.begin(holder(60))).name);
    const [first = '', second = ''] = names;
    await assert.rejects(sessions.caller(first), NotSignedIn);
    await sessions.caller(second);
    await sessions.end(second);
    await assert.rejects(sessions.caller(second), NotSignedIn);
    await sessions.caller(other.name);
    await sessions.caller(names.at(-1));
  });
});
