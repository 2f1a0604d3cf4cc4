import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { answers, signingInAgain } from '../../src/extension/account/sign-in-again.ts';
import { ProblemError } from '../../src/extension/client/call.ts';
import { problemType, type SignInChallenge } from '../../src/contract/problems.ts';
import { startProvider, type RunningProvider } from '../../src/sandbox/provider/provider.ts';
import { ana, ben, TestBroker } from './support/extension-broker.ts';
import {
  BrowserSecrets,
  browseAs,
  openWindow,
  temporaryFolder,
  until,
  type TestWindow,
} from './support/extension-window.ts';

const needed = (challenge: SignInChallenge = { acrValues: ['mfa'] }) =>
  new ProblemError('step-up-needed', {
    type: problemType('step-up-needed'),
    title: 'Sign in again for this',
    status: 401,
    detail: 'This needs a sign-in with a second factor.',
    challenge,
  });

describe('A call that needs another sign-in', () => {
  type How = 'visited' | 'found' | 'no';
  /** A call that is refused so often, and visits that end so. */
  const run = async (refusals: number, visits: How[]) => {
    const asked: SignInChallenge[] = [];
    let calls = 0;
    const account = {
      mark: undefined,
      signInAgain: (challenge: SignInChallenge) => {
        asked.push(challenge);
        return Promise.resolve(visits[asked.length - 1] ?? 'no');
      },
    };
    const work = () =>
      Promise.resolve(++calls).then((n) => (n <= refusals ? Promise.reject(needed()) : 'done'));
    const outcome = await signingInAgain(account, work).catch((error: unknown) =>
      String(error instanceof Error ? error.message : error),
    );
    return { outcome, asked, calls, account, work };
  };

  it('goes on by itself after one visit', async () => {
    const { outcome, asked } = await run(1, ['visited']);
    assert.deepEqual([outcome, asked], ['done', [{ acrValues: ['mfa'] }]]);
  });
  it('takes what another window has done first, and visits where that is not enough', async () => {
    assert.deepEqual((await run(1, ['found'])).outcome, 'done');
    assert.deepEqual((await run(2, ['found', 'visited'])).outcome, 'done');
  });
  it('is refused in clear words where a visit was not enough, and never goes round', async () => {
    const { outcome, asked, calls } = await run(9, ['visited', 'visited', 'visited']);
    assert.match(outcome, /^You signed in again, and it was not enough\. This needs a sign-in with/);
    assert.deepEqual([asked.length, calls], [1, 2]);
    assert.equal((await run(9, ['found', 'found', 'found'])).calls, 2);
  });
  it('is refused as it was where the person turned away', async () => {
    const { outcome, calls } = await run(9, ['no']);
    assert.deepEqual([outcome, calls], ['This needs a sign-in with a second factor.', 1]);
  });
  it('asks for one visit, however many wait for the same call', async () => {
    let visits = 0;
    const account = {
      mark: undefined,
      signInAgain: () => {
        visits += 1;
        return Promise.resolve('no' as const);
      },
    };
    const inner = () => signingInAgain(account, () => Promise.reject(needed()));
    await assert.rejects(signingInAgain(account, inner), ProblemError);
    assert.equal(visits, 1);
  });
  it('leaves every other refusal alone', async () => {
    const other = new Error('Something else.');
    const account = { mark: undefined, signInAgain: () => Promise.reject(new Error('Not asked.')) };
    await assert.rejects(
      signingInAgain(account, () => Promise.reject(other)),
      other,
    );
  });
});

describe('One visit for two calls', () => {
  for (const [visited, wanted, expected] of [
    [{ acrValues: ['mfa'], maxAge: 840 }, { acrValues: ['mfa'], maxAge: 840 }, true],
    [{ acrValues: ['mfa'], maxAge: 840 }, { maxAge: 43_140 }, true],
    [{ acrValues: ['mfa'] }, {}, true],
    [{ maxAge: 840, inBrowser: true }, { maxAge: 840 }, true],
    [{ maxAge: 840 }, { maxAge: 840, inBrowser: true }, false],
    [{ acrValues: ['phr'] }, { acrValues: ['mfa', 'phr'] }, true],
    [{ acrValues: ['mfa', 'phr'] }, { acrValues: ['phr'] }, false],
    [{ acrValues: [] }, { acrValues: ['mfa'] }, false],
    [{ maxAge: 840 }, { acrValues: ['mfa'], maxAge: 840 }, false],
    [{ acrValues: ['mfa'], maxAge: 841 }, { maxAge: 840 }, false],
    [{ acrValues: ['mfa'] }, { maxAge: 43_140 }, false],
  ] as const)
    it(`${JSON.stringify(visited)} ${expected ? 'is' : 'is not'} enough for ${JSON.stringify(wanted)}`, () => {
      const plain = (challenge: object) => structuredClone(challenge) as SignInChallenge;
      assert.equal(answers(plain(visited), plain(wanted)), expected);
    });
});

describe('Signing in again', () => {
  let broker: TestBroker;
  let provider: RunningProvider;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let profile: BrowserSecrets;
  let windows: TestWindow[];

  const open = (person: string) => {
    const window = openWindow({ folder: folder.path, secrets: profile.window(), broker: broker.url });
    window.editor.browse = (url) => void browseAs(person, url);
    windows.push(window);
    return window;
  };
  beforeEach(async () => {
    broker = await TestBroker.start();
    provider = await startProvider({ resource: broker.url });
    broker.metadata['authorization_servers'] = [provider.issuer];
    folder = await temporaryFolder();
    profile = new BrowserSecrets();
    windows = [];
  });
  afterEach(async () => {
    for (const window of windows) window.dispose();
    await provider.close();
    await broker.close();
    await folder.remove();
  });
  const claims = async (window: TestWindow) => decodeJwt((await window.access()).reveal());

  it('brings the second factor in one visit, and every window has it', async () => {
    const window = open('ana');
    await window.account.ensureSignedIn();
    const other = open('ana');
    await other.account.settle();
    await other.access();
    const { mark } = other.account;
    assert.equal((await claims(window))['acr'], 'pwd');

    const visits = window.editor.pages.length;
    const challenge = { acrValues: ['mfa'], maxAge: 900 };
    const both = await Promise.all(
      [1, 2].map(() => window.account.signInAgain(challenge, window.account.mark)),
    );
    assert.deepEqual(both, ['visited', 'visited']);
    assert.equal(window.editor.pages.length, visits + 1);
    const asked = window.editor.pages.at(-1)!.searchParams;
    assert.deepEqual([asked.get('acr_values'), asked.get('max_age')], ['mfa', '900']);
    const { acr, amr, auth_time } = await claims(window);
    assert.deepEqual([acr, amr], ['mfa', ['pwd', 'otp', 'mfa']]);
    assert.ok(Math.abs(Number(auth_time) - Date.now() / 1000) < 60);

    const pages = other.editor.pages.length;
    assert.equal(await other.account.signInAgain(challenge, mark), 'found');
    assert.equal(other.editor.pages.length, pages);
    assert.equal((await claims(other))['acr'], 'mfa');
    assert.deepEqual([window.editor.said, other.editor.said], [[], []]);
  });

  it('lives on where the provider takes all that is of one consent away together (RFC 7009)', async () => {
    await provider.close();
    provider = await startProvider({ resource: broker.url, oneConsent: true });
    broker.metadata['authorization_servers'] = [provider.issuer];
    const window = open('ana');
    await window.account.ensureSignedIn();
    assert.equal(await window.account.signInAgain({ acrValues: ['mfa'] }, window.account.mark), 'visited');
    const stepped = await window.access();
    const renewed = await window.access(stepped);
    assert.notEqual(renewed.reveal(), stepped.reveal());
    assert.equal(decodeJwt(renewed.reveal())['acr'], 'mfa');
    assert.equal(window.store.world.account.is, 'signed in');
    assert.deepEqual(window.editor.said, []);
  });

  describe('for two calls at once', () => {
    /** A call that goes through with a sign-in that is enough. @returns its `acr` */
    const calling = (window: TestWindow, challenge: SignInChallenge, isEnough: (token: string) => boolean) =>
      signingInAgain(window.account, async () => {
        const token = (await window.access()).reveal();
        if (!isEnough(token)) throw needed(challenge);
        return decodeJwt(token)['acr'];
      });
    const both = async (which: 'fresh first' | 'strong first') => {
      const window = open('ana');
      await window.account.ensureSignedIn();
      const before = (await window.access()).reveal();
      const visits = window.editor.pages.length;
      const fresh = () => calling(window, { maxAge: 43_140 }, (token) => token !== before);
      const strong = () =>
        calling(window, { acrValues: ['mfa'], maxAge: 840 }, (token) => decodeJwt(token)['acr'] === 'mfa');
      const acr = await Promise.all(which === 'fresh first' ? [fresh(), strong()] : [strong(), fresh()]);
      return {
        acr,
        asked: window.editor.pages.slice(visits).map((page) => page.searchParams.get('acr_values')),
      };
    };

    it('is one visit where that is enough for both', async () => {
      assert.deepEqual(await both('strong first'), { acr: ['mfa', 'mfa'], asked: ['mfa'] });
    });
    it('never takes a visit for less as the answer to more', async () => {
      assert.deepEqual(await both('fresh first'), { acr: ['pwd', 'mfa'], asked: [null, 'mfa'] });
    });
  });

  it('by a code renews what is too old where no browser comes back, and is never offered where it does not count', async () => {
    broker.metadata['daypass_device_client_id'] = 'daypass-device';
    const window = open('ana');
    window.editor.reach = () => Promise.resolve(undefined);
    Object.assign(window.editor, { window: { node: true, ui: 'web', remote: true } });
    await window.account.ensureSignedIn();
    const before = await window.access();
    const again = (challenge: SignInChallenge) => window.account.signInAgain(challenge, window.account.mark);
    assert.equal(await again({ maxAge: 900 }), 'visited');
    assert.notEqual((await window.access()).reveal(), before.reveal());
    for (const challenge of [{ acrValues: ['mfa'] }, { maxAge: 900 }])
      assert.equal(await again({ ...challenge, inBrowser: true }), 'no');
    assert.equal(window.editor.said.length, 2);
    assert.match(window.editor.said.join(), /a code could be passed on, so none counts here/);
  });

  it('as somebody else changes nothing, and says so', async () => {
    const window = open('ana');
    await window.account.ensureSignedIn();
    const before = await window.access();
    broker.accepts = (token) => (decodeJwt(token).sub === 'ben' ? ben : ana);
    window.editor.browse = (url) => void browseAs('ben', url);
    assert.equal(await window.account.signInAgain({ acrValues: ['mfa'] }, window.account.mark), 'no');
    assert.deepEqual(window.editor.said, [
      'That was Ben Roth. You are signed in here as Ana Lima; nothing was changed. Sign out first to be somebody else.',
    ]);
    assert.equal((await window.access()).reveal(), before.reveal());
    assert.equal(window.store.world.account.is, 'signed in');
  });

  it('never undoes a sign-out in another window in that very moment', async () => {
    const window = open('ana');
    await window.account.ensureSignedIn();
    const other = open('ana');
    await other.account.settle();
    window.disk.before = async () => {
      window.disk.before = () => Promise.resolve();
      await other.account.signOut();
    };
    assert.equal(await window.account.signInAgain({ acrValues: ['mfa'] }, window.account.mark), 'no');
    assert.equal(await other.vault.read(), undefined);
    for (const { store } of [window, other])
      await until(() => store.world.account.is === 'signed out', 'nobody is signed in');
    assert.deepEqual(window.editor.said, []);
  });

  it('can be cancelled, in the browser and in the window; the sign-in that was there stands', async () => {
    const window = open('ana');
    await window.account.ensureSignedIn();
    window.editor.browse = (url) => void browseAs('cancel', url);
    assert.equal(await window.account.signInAgain({ maxAge: 60 }, window.account.mark), 'no');
    window.editor.browse = () => window.editor.cancel();
    assert.equal(await window.account.signInAgain({ maxAge: 60 }, window.account.mark), 'no');
    assert.deepEqual(window.editor.said, []);
    await until(() => window.store.world.account.is === 'signed in', 'it stands');
  });

  it('says what is wrong where the provider is away', async () => {
    const window = open('ana');
    await window.account.ensureSignedIn();
    broker.metadata['authorization_servers'] = ['http://127.0.0.1:9'];
    assert.equal(await window.account.signInAgain({ maxAge: 60 }, window.account.mark), 'no');
    assert.equal(window.editor.said.length, 1);
    assert.equal(window.store.world.account.is, 'signed in');
  });
});
