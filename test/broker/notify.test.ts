import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Webhook } from 'standardwebhooks';
import { channelFor } from '../../src/broker/notify/channels.ts';
import { Readiness } from '../../src/contract/discovery.ts';
import type { AccessRequest } from '../../src/contract/requests.ts';
import type { Delivery } from '../../src/contract/telling.ts';
import type { TemplateList } from '../../src/contract/templates.ts';
import { Secret } from '../../src/contract/secret.ts';
import { openBrokers } from './support/brokers.ts';
import { eventually } from './support/eventually.ts';
import { openStream } from './support/event-stream.ts';
import { readMail } from '../../src/sandbox/mail/read-mail.ts';
import { startMailServer, startReceiver, startSlackStub, type Receiver } from './support/receivers.ts';
import { inState, newKey, startWorld, type Name, type World } from './support/world.ts';

const secret = () => `whsec_${randomBytes(32).toString('base64')}`;
const [newer, older, slackToken, mailPassword] = [secret(), secret(), 'xoxb-test-token', 'mail-hush-hush'];

/** A template whose steps are these, as they are written. */
const template = (name: string, notify: string, privilege = 'select on sales.orders') => `
template: ${name}
title: Fix one order's status
summary: Update the status of orders, read orders. Nothing else.
target: shop
scope:
  privileges: ['${privilege}']
duration: { default: PT30M, longest: PT1H }
request: { by: [engineering], ticket: { pattern: '.+', required: false } }
approve: { by: [payments-leads] }
notify: ${notify}
`;

const steps = {
  hook: '[{ tell: hook }, { after: PT3M, tell: payments-leads }, { after: PT8M, call: "+49 30 1234" }]',
  slack: '[{ tell: slack }]',
  mail: '[{ tell: mail }]',
  dead: '[{ tell: nobody-there }, { after: PT30M, tell: hook }]',
  gone: '[{ tell: gone }, { after: PT30M, tell: hook }]',
  duty: '[{ tell: { on_call: payments, through: direct } }, { after: PT3M, tell: { on_call: payments, through: direct } }]',
  pager: '[{ tell: { on_call: payments, through: hook } }]',
  dm: '[{ tell: { on_call: payments, through: dm } }]',
  later:
    '[{ tell: hook }, { after: PT3M, tell: { on_call: payments, through: direct } }, { after: PT6M, tell: { on_call: payments, through: direct } }]',
  unknown: '[{ tell: { on_call: away, through: direct } }, { after: PT30M, tell: hook }]',
  own: '[{ tell: { on_call: own, through: direct } }, { after: PT30M, tell: hook }]',
  loud: `[{ after: PT3M, tell: { on_call: payments, through: direct } }, { after: PT6M, tell: { on_call: payments, through: direct } }]
break_glass: { by: [oncall], longest: PT10M, acr: [pwd] }`,
  silent: '[{ tell: { on_call: payments-pager, through: direct } }, { after: PT30M, tell: hook }]',
};

/** Those who decide are told, one after the other, by real messages. */
describe('Telling those who decide', function () {
  this.timeout(60_000);
  let world: World;
  let hook: Receiver;
  let gone: Receiver;
  let slack: Awaited<ReturnType<typeof startSlackStub>>;
  let mail: Awaited<ReturnType<typeof startMailServer>>;
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'daypass-notify-'));
    hook = await startReceiver();
    gone = await startReceiver();
    gone.answer = () => ({ status: 410 });
    slack = await startSlackStub(slackToken);
    mail = await startMailServer({ user: 'daypass', password: mailPassword });
    await writeFile(join(folder, 'mail-ca.pem'), mail.certificateAuthority);
    const closed = await startReceiver();
    await closed.close();
    Object.assign(process.env, {
      NEWER: newer,
      OLDER: older,
      SLACK_TOKEN: slackToken,
      MAIL_PASSWORD: mailPassword,
    });
    world = await startWorld({
      accessTokenTtl: 3600,
      mostOpen: 1_000,
      templates: Object.fromEntries(
        Object.entries(steps).map(([name, notify]) => [
          `tell-${name}.yaml`,
          // Whoever has the same access already breaks no glass for it.
          template(`tell-${name}`, notify, name === 'loud' ? 'select (id) on sales.orders' : undefined),
        ]),
      ),
      configuration: `
schedules:
  payments:
    zone: UTC
    people:
      ana: { subject: ana, email: ana@shop.example, slack: U0ANA }
      ben: { subject: ben, email: ben@shop.example, slack: U0BEN }
      eva: { subject: eva, email: eva@shop.example }
    shifts:
      - { who: ana, from: Monday 00:00, until: Monday 00:00 }
      - { who: ben, from: Monday 00:00, until: Monday 00:00 }
      - { who: eva, from: Monday 00:00, until: Monday 00:00 }
  payments-pager:
    zone: UTC
    people: { ben: ben }
    shifts: [{ who: ben, from: Monday 00:00, until: Monday 00:00 }]
  own:
    zone: UTC
    people: { ana: { subject: ana, email: ana@shop.example } }
    shifts: [{ who: ana, from: Monday 00:00, until: Monday 00:00 }]
  away:
    people: { ben: { subject: ben, email: ben@shop.example } }
    calendar: { url: http://127.0.0.1:9/oncall.ics }
channels:
  direct: { kind: email, from: daypass@shop.example, server: { host: 127.0.0.1, port: ${mail.port}, certificate_authority: '${join(folder, 'mail-ca.pem')}', login: { user: daypass, password: { env: MAIL_PASSWORD } } } }
  dm: { kind: slack, token: { env: SLACK_TOKEN }, api: '${slack.url}/api' }
  hook: { kind: webhook, title: Ben, url: '${hook.url}/daypass', secrets: [{ env: NEWER }, { env: OLDER }] }
  gone: { kind: webhook, url: '${gone.url}', secrets: [{ env: NEWER }] }
  nobody-there: { kind: webhook, title: Nobody, url: '${closed.url}', secrets: [{ env: NEWER }] }
  slack: { kind: slack, channel: C0123456789, token: { env: SLACK_TOKEN }, api: '${slack.url}/api' }
  mail:
    kind: email
    title: Eva
    reaches: [payments-leads]
    to: [leads@shop.example]
    from: daypass@shop.example
    server: { host: 127.0.0.1, port: ${mail.port}, certificate_authority: '${join(folder, 'mail-ca.pem')}', login: { user: daypass, password: { env: MAIL_PASSWORD } } }
`,
    });
  });
  after(async () => {
    await (world as World | undefined)?.stop();
    for (const one of [hook, gone, slack, mail]) await one.close();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    hook.answer = () => ({ status: 204 });
    Object.assign(mail, { refuses: undefined, slowMs: 0 });
    const { body } = await world.call<{ requests: AccessRequest[] }>('ana', 'GET', '/v1/requests?which=open');
    for (const { id } of body.requests) await world.call('ana', 'POST', `/v1/requests/${id}/withdraw`);
  });

  const ask = async (name: keyof typeof steps, reason = 'Order 4711 is stuck', ticket?: string) => {
    const { body } = await world.call<TemplateList>('ana', 'GET', '/v1/templates');
    const { id, digest } = body.templates.find((one) => one.id === `tell-${name}`)!;
    const answer = await world.call<AccessRequest>('ana', 'POST', '/v1/requests', {
      key: newKey(),
      body: {
        template: id,
        templateDigest: digest,
        duration: 'PT30M',
        reason,
        ...(ticket === undefined ? {} : { ticket }),
      },
    });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return answer.body;
  };
  const see = async (id: string, who: Name = 'ana') =>
    (await world.call<AccessRequest>(who, 'GET', `/v1/requests/${id}`)).body;
  const decide = (request: AccessRequest, verdict: 'approve' | 'deny' = 'approve') =>
    world.call<AccessRequest>('ben', 'POST', `/v1/requests/${request.id}/decisions`, {
      key: newKey(),
      body: { verdict, digest: request.digest, ...(verdict === 'deny' ? { comment: 'Not now' } : {}) },
    });
  const about = (calls: Receiver['calls'], id: string) =>
    calls.filter(({ json }) => (json['data'] as { request?: string } | undefined)?.request === id);
  const types = (id: string) => about(hook.calls, id).map(({ json }) => json['type']);
  const told = (id: string, type = 'request.asked') =>
    eventually(() => about(hook.calls, id).find(({ json }) => json['type'] === type));
  /** What is planned is due now. */
  const comes = (id: string) =>
    inState(world, async (client) => {
      await client.query(
        `update daypass.delivery set due_at = clock_timestamp(), planned_at = least(planned_at, clock_timestamp())
          where request_id = $1 and state = 'waiting'`,
        [id],
      );
      await client.query('notify daypass_delivery');
    });
  const deliveries = async (id: string, who: Name = 'carol') =>
    (await world.call<{ deliveries: Delivery[] }>(who, 'GET', `/v1/requests/${id}/deliveries`)).body
      .deliveries;
  const mailsAbout = (id: string) =>
    mail.mails.map(({ raw }) => readMail(raw)).filter(({ text }) => text.includes(id));

  const whoIs = ({ told: steps }: AccessRequest) =>
    steps?.map((one) => [one.is, 'who' in one ? one.who : undefined]);
  const first = (id: string, is: 'told' | 'nobody' | 'nobody else' | 'not reached') =>
    eventually(async () => {
      const request = await see(id);
      return request.told?.[0]?.is === is ? request : undefined;
    });
  const addresses = (id: string) =>
    mail.mails.filter(({ raw }) => readMail(raw).text.includes(id)).map(({ to }) => to.join());

  // First, while no channel has failed.
  it('nobody where only whoever asked is on call: the next one is told at once, and nothing is wrong with that', async () => {
    const { id } = await ask('own');
    await told(id);
    await first(id, 'nobody else');
    const { warnings } = Readiness.parse(await (await fetch(`${world.url}/readyz`)).json());
    assert.ok(!warnings.some((one) => /cannot be told/.test(one)), warnings.join());
    assert.deepEqual(addresses(id), []);
    assert.ok(
      !world.log.some((line) => line.includes('"schedule":"own"') && line.includes('nobody is told')),
    );
  });

  it('by a signed webhook that its own library verifies with either secret', async () => {
    const { id } = await ask('hook', 'Order 4711 is stuck <b>', 'INC-1');
    const { headers, body, json, path } = await told(id);
    assert.equal(path, '/daypass');
    for (const one of [newer, older])
      assert.deepEqual(new Webhook(one).verify(body, headers as Record<string, string>), json);
    assert.throws(() => new Webhook(secret()).verify(body, headers as Record<string, string>));
    assert.throws(() =>
      new Webhook(newer).verify(body.replace('4711', '4712'), headers as Record<string, string>),
    );
    assert.deepEqual(json['data'], {
      request: id,
      url: `${world.url}/requests/${id}`,
      requester: 'Ana Lima',
      template: { id: 'tell-hook', title: "Fix one order's status" },
      target: 'shop',
      allows: ['read sales.orders'],
      duration: 'PT30M',
      reason: 'Order 4711 is stuck <b>',
      ticket: 'INC-1',
      answerBy: (await see(id)).answerBy,
      by: [],
    });
  });

  it('and the requester sees who was told, who is next, and whom to call, at once', async () => {
    const stream = await openStream(world.url, await world.token('ana'));
    try {
      const request = await ask('hook');
      const { told: now } = await eventually(async () => {
        const one = await see(request.id);
        return one.told?.[0]?.is === 'told' ? one : undefined;
      });
      assert.deepEqual(
        now?.map((one) => [one.is, 'who' in one ? one.who : 'number' in one && one.number]),
        [
          ['told', 'Ben'],
          ['next', 'payments-leads'],
          ['call', '+49 30 1234'],
        ],
      );
      const at = (n: number) => Date.parse((now as { at: string }[])[n]!.at);
      assert.equal(at(1) - at(0), 180_000);
      assert.ok(at(0) - Date.parse(request.createdAt) < 5_000);
      const version = (await see(request.id)).version;
      await eventually(() =>
        stream.heard.some(
          ({ event }) => event.type === 'changed' && event.id === request.id && event.version === version,
        )
          ? true
          : undefined,
      );
    } finally {
      stream.close();
    }
  });

  it('the next one after a while, and each hears once that it is decided', async () => {
    const request = await ask('hook');
    await told(request.id);
    await eventually(async () => ((await see(request.id)).told?.[0]?.is === 'told' ? true : undefined));
    assert.equal(mailsAbout(request.id).length, 0, 'nobody is told before their time');
    await comes(request.id);
    await eventually(() => mailsAbout(request.id)[0]);
    assert.equal((await decide(request)).status, 201);
    const { json } = await told(request.id, 'request.approved');
    assert.deepEqual((json['data'] as { by: string[] }).by, ['Ben Roth']);
    const [first, second] = await eventually(() => {
      const found = mailsAbout(request.id);
      return found.length === 2 ? found : undefined;
    });
    assert.equal(second?.headers.get('in-reply-to'), first?.headers.get('message-id'));
    assert.equal(second?.headers.get('references'), first?.headers.get('message-id'));
    assert.equal(second?.headers.get('subject'), `Re: ${first?.headers.get('subject')}`);
    assert.match(second.text, /Ben Roth\u2069 approved it\. Nothing is left to do\./);
    assert.deepEqual(types(request.id), ['request.asked', 'request.approved']);
  });

  it('nobody who was not told yet hears of what is decided, withdrawn or claimed', async () => {
    for (const settle of [
      (one: AccessRequest) => decide(one, 'deny'),
      (one: AccessRequest) => world.call('ana', 'POST', `/v1/requests/${one.id}/withdraw`),
    ]) {
      const request = await ask('hook');
      await eventually(async () => ((await see(request.id)).told?.[0]?.is === 'told' ? true : undefined));
      await settle(request);
      assert.deepEqual((await see(request.id)).told?.[1], { is: 'not needed', who: 'payments-leads' });
      assert.equal((await deliveries(request.id)).find(({ step }) => step === 1)?.state, 'stopped');
    }
  });

  it('a claim holds the next step up, and letting go of it goes on', async () => {
    const request = await ask('hook');
    await eventually(async () => ((await see(request.id)).told?.[0]?.is === 'told' ? true : undefined));
    await world.call('ben', 'POST', `/v1/requests/${request.id}/claim`, { body: {} });
    await told(request.id, 'request.claimed');
    await comes(request.id);
    // The look at the step has put it off to the end of the claim.
    const until = Date.parse((await see(request.id)).claim!.until);
    await eventually(async () => {
      const due = await inState(world, async (client) =>
        client.query<{ due_at: Date }>(
          `select due_at from daypass.delivery where request_id = $1 and state = 'waiting' and follows is null`,
          [request.id],
        ),
      );
      return due.rows[0]?.due_at.getTime() === until ? true : undefined;
    });
    assert.equal((await see(request.id)).told?.[1]?.is, 'next');
    assert.equal(mailsAbout(request.id).length, 0);
    await world.call('ben', 'DELETE', `/v1/requests/${request.id}/claim`);
    await eventually(() => mailsAbout(request.id)[0]);
    await told(request.id, 'request.released');
  });

  it('Slack’s message is changed once somebody has taken it and once it is decided', async () => {
    const request = await ask('slack');
    const find = () => [...slack.messages].find(([, said]) => JSON.stringify(said).includes(request.id));
    const [ts, first] = await eventually(find);
    assert.match(JSON.stringify(first), /Nobody has taken it yet/);
    await world.call('ben', 'POST', `/v1/requests/${request.id}/claim`, { body: {} });
    await eventually(() =>
      /Ben Roth\u2069 is looking at it/.test(JSON.stringify(slack.messages.get(ts))) ? true : undefined,
    );
    await decide(request, 'deny');
    await eventually(() =>
      /Ben Roth\u2069 denied it/.test(JSON.stringify(slack.messages.get(ts))) ? true : undefined,
    );
    assert.equal(
      [...slack.messages].filter(([, said]) => JSON.stringify(said).includes(request.id)).length,
      1,
    );
  });

  it('Slack is asked again when it says so, with the same message', async () => {
    const before = slack.answer;
    let refusals = 0;
    slack.answer = (call) => {
      if (refusals > 0) return before(call);
      refusals += 1;
      return { status: 429, headers: { 'retry-after': '2' } };
    };
    try {
      const started = Date.now();
      const { id } = await ask('slack');
      await eventually(() => [...slack.messages.values()].find((said) => JSON.stringify(said).includes(id)));
      assert.ok(Date.now() - started >= 2_000);
      await eventually(async () => ((await see(id)).told?.[0]?.is === 'told' ? true : undefined));
    } finally {
      slack.answer = before;
    }
  });

  it('a channel that is not there falls back to the next step at once, and everybody concerned is told of it', async () => {
    const { id } = await ask('dead');
    await told(id);
    const { told: stands } = await eventually(async () => {
      const one = await see(id);
      return one.told?.[1]?.is === 'told' ? one : undefined;
    });
    assert.deepEqual(
      stands?.map(({ is }) => is),
      ['not reached', 'told'],
    );
    const { warnings } = Readiness.parse(await (await fetch(`${world.url}/readyz`)).json());
    assert.ok(
      warnings.some((one) => /cannot be told through one of the channels/.test(one)),
      warnings.join(),
    );
    assert.ok(!warnings.join().includes('nobody-there'), 'anybody may read this');
    const lines = world.log.filter((line) => line.includes('nobody-there'));
    assert.ok(
      lines.some(
        (line) => line.includes('the next step waits for it no longer') && line.includes('ECONNREFUSED'),
      ),
    );
    const [first] = await deliveries(id);
    assert.equal(first?.outcome, 'it cannot be reached (ECONNREFUSED)');
  });

  it('whoever is on call by e-mail, one after the other, never who asked, and each by the name that people know', async () => {
    const request = await ask('duty');
    const stands = await first(request.id, 'told');
    assert.deepEqual(whoIs(stands), [
      ['told', 'Ben Roth'],
      ['next', 'eva'],
    ]);
    await comes(request.id);
    await eventually(() => (addresses(request.id).length === 2 ? true : undefined));
    assert.deepEqual(addresses(request.id), ['ben@shop.example', 'eva@shop.example']);
    await decide(request);
    // Both hear what came of it, in their threads.
    await eventually(() => (addresses(request.id).length === 4 ? true : undefined));
    assert.deepEqual(addresses(request.id).slice(2).sort(), ['ben@shop.example', 'eva@shop.example']);
    const asked = (await deliveries(request.id)).filter((one) => one.about === 'asked');
    assert.deepEqual(
      asked.map(({ onCall, person, state }) => [onCall, person, state]),
      [
        ['payments', 'ben', 'sent'],
        ['payments', 'eva', 'sent'],
      ],
    );
  });

  it('whoever is on call by a webhook that says whom it is for, and by a message in Slack of their own', async () => {
    const [byHook, bySlack] = [await ask('pager'), await ask('dm')];
    const { json } = await told(byHook.id);
    assert.deepEqual((json['data'] as { to: unknown }).to, { subject: 'ben', name: 'Ben Roth' });
    const said = await eventually(() =>
      [...slack.messages.values()].find((one) => JSON.stringify(one).includes(bySlack.id)),
    );
    assert.equal((said as { channel: string }).channel, 'U0BEN');
  });

  it('whoever asked something back is told of the answer as they were told of the request, and nobody else', async () => {
    const say = (who: Name, { id }: AccessRequest, text: string) =>
      world.call(who, 'POST', `/v1/requests/${id}/messages`, { key: newKey(), body: { text } });
    const [byHook, bySlack, byMail] = [await ask('hook'), await ask('slack'), await ask('duty')];
    for (const { id } of [byHook, bySlack, byMail]) await first(id, 'told');
    await comes(byMail.id);
    await eventually(() => (addresses(byMail.id).length === 2 ? true : undefined));
    for (const one of [byHook, bySlack, byMail]) {
      assert.equal((await say('ben', one, 'Which customer?')).status, 201);
      assert.equal((await say('ana', one, 'Number 7')).status, 201);
    }
    const { json } = await told(byHook.id, 'request.answered');
    assert.deepEqual((json['data'] as { by: string[] }).by, ['Ana Lima']);
    await eventually(() => (addresses(byMail.id).length === 3 ? true : undefined));
    assert.deepEqual(addresses(byMail.id)[2], 'ben@shop.example');
    const mails = mailsAbout(byMail.id);
    assert.match(mails[2]!.text, /Ana Lima\u2069 answered what was asked\./);
    assert.match(mails[2]!.text, /Look at it and decide/);
    const [, below] = await eventually(() => {
      const said = [...slack.messages].filter(([, one]) => JSON.stringify(one).includes(bySlack.id));
      return said.length === 2 ? said : undefined;
    });
    assert.match(JSON.stringify(below), /"thread_ts":"1700000000/);
    assert.deepEqual(types(byHook.id), ['request.asked', 'request.answered']);
  });

  it('each of those on call once where the glass is broken before anybody was told', async () => {
    const { id, digest } = await ask('loud');
    const { accessToken } = await world.provider.tokenFor('ana', {});
    const { body, status } = await world.call<AccessRequest>(
      undefined,
      'POST',
      `/v1/requests/${id}/break-glass`,
      {
        key: newKey(),
        headers: { authorization: `Bearer ${accessToken}` },
        body: { digest, reason: 'Checkout is down' },
      },
    );
    assert.equal(status, 201, JSON.stringify(body));
    await eventually(() => (addresses(id).length === 2 ? true : undefined));
    assert.deepEqual(addresses(id).sort(), ['ben@shop.example', 'eva@shop.example']);
    await world.call('ana', 'POST', `/v1/grants/${String(body.grantId)}/end`);
  });

  it('nobody twice at once, however long it takes', async () => {
    hook.answer = async () => {
      await setTimeout(2_000);
      return { status: 204 };
    };
    const { id } = await ask('hook');
    await told(id);
    // As when its time for the attempt has run out.
    await comes(id);
    await first(id, 'told');
    assert.deepEqual(types(id), ['request.asked']);
  });

  it('by a mail server that takes its time for each answer, not for longer than an attempt may take', async () => {
    mail.slowMs = 300;
    const channel = channelFor(
      {
        name: 'slow',
        kind: 'email',
        title: 'Slow',
        reaches: [],
        to: ['slow@shop.example'],
        from: 'daypass@shop.example',
        server: {
          host: '127.0.0.1',
          port: mail.port,
          tls: 'starttls',
          certificateAuthority: mail.certificateAuthority,
          login: { user: 'daypass', password: new Secret(mailPassword) },
        },
      },
      1_000,
    );
    const message = { id: newKey(), at: new Date(), facts: { trialOf: 'Shop' } };
    const sent = await channel.send(message, new AbortController().signal);
    assert.deepEqual(sent, { is: 'failed', why: 'it took too long', again: true });
    await setTimeout(1_500);
    assert.ok(
      !mail.mails.some(({ to }) => to.includes('slow@shop.example')),
      'nothing comes through afterwards',
    );
    channel.close();
  });

  it('whoever is on call is foreseen by name before their turn', async () => {
    const { id } = await ask('later');
    assert.deepEqual(whoIs(await first(id, 'told')), [
      ['told', 'Ben'],
      ['next', 'Ben Roth'],
      ['next', 'eva'],
    ]);
  });

  it('nobody where nobody is known to be on call: the next one is told at once, and it is reported', async () => {
    const { id } = await ask('unknown');
    await told(id);
    assert.equal((await first(id, 'nobody')).told?.[0]?.is, 'nobody');
    assert.equal((await deliveries(id))[0]?.outcome, 'nobody is known to be on call');
    await eventually(() =>
      world.log.find((line) => line.includes('"schedule":"away"') && line.includes('so nobody is told')),
    );
    const { warnings } = Readiness.parse(await (await fetch(`${world.url}/readyz`)).json());
    assert.ok(
      warnings.some((one) => /or nobody is known to be on call/.test(one)),
      warnings.join(),
    );
  });

  it('nobody where the channel has no address of whoever is on call: that is said by name, and the next one is told at once', async () => {
    const { id } = await ask('silent');
    await told(id);
    assert.deepEqual(whoIs(await first(id, 'not reached'))?.[0], ['not reached', 'Ben Roth']);
    assert.equal((await deliveries(id))[0]?.outcome, 'no e-mail address of theirs is known');
  });

  it('410 stops: nothing more is sent there', async () => {
    for (const times of [1, 2]) {
      const { id } = await ask('gone');
      await told(id);
      assert.equal((await deliveries(id))[0]?.state, 'failed');
      assert.equal(gone.calls.length, 1, `request ${times}`);
    }
  });

  it('is read by auditors and nobody else', async () => {
    const { id } = await ask('hook');
    await told(id);
    const [first, second] = await eventually(async () => {
      const all = await deliveries(id);
      return all[0]?.state === 'sent' ? all : undefined;
    });
    assert.equal(first?.attempts, 1);
    assert.deepEqual([second?.state, second?.channel, second?.about], ['waiting', 'mail', 'asked']);
    for (const [who, status] of [
      ['ana', 403],
      ['ben', 403],
      ['dan', 404],
    ] as const)
      assert.equal((await world.call(who, 'GET', `/v1/requests/${id}/deliveries`)).status, status, who);
  });

  it('each attempt has the same id, its own time, and the same words', async () => {
    let failures = 1;
    hook.answer = ({ json }) => ({
      status: json['type'] === 'request.asked' && failures-- > 0 ? 503 : 200,
    });
    const { id } = await ask('hook');
    const [first, second] = await eventually(() => {
      const calls = about(hook.calls, id);
      return calls.length === 2 ? calls : undefined;
    });
    assert.equal(first?.headers['webhook-id'], second?.headers['webhook-id']);
    assert.equal(first?.body, second?.body);
    assert.ok(Number(second?.headers['webhook-timestamp']) > Number(first?.headers['webhook-timestamp']));
  });

  it('a redirect is not followed', async () => {
    hook.answer = (call) =>
      call.path === '/daypass'
        ? { status: 307, headers: { location: `${hook.url}/elsewhere` } }
        : { status: 200 };
    const { id } = await ask('hook');
    await eventually(async () => ((await see(id)).told?.[0]?.is === 'not reached' ? true : undefined));
    assert.ok(hook.calls.every(({ path }) => path === '/daypass'));
    await eventually(() => mailsAbout(id)[0]);
  });

  const hostile =
    'See https://evil.example/x and <!channel> <https://evil.example|here> @everyone _*me*_ evil.example <img src=x>';
  it('what a requester writes is no link, no mention and no markup anywhere', async () => {
    const [bySlack, byMail] = [await ask('slack', hostile), await ask('mail', hostile)];
    const said = JSON.stringify(
      await eventually(() =>
        [...slack.messages.values()].find((one) => JSON.stringify(one).includes(bySlack.id)),
      ),
    );
    const { text, html, headers } = await eventually(() => mailsAbout(byMail.id)[0]);
    for (const one of [said, text, html]) {
      assert.ok(!one.includes('https://evil'), one);
      assert.ok(!/evil\.example/.test(one), one);
      assert.ok(!one.includes('@everyone'), one);
    }
    const {
      blocks,
      text: shown,
      ...options
    } = JSON.parse(said) as { blocks: { text: { type: string; text: string } }[]; text: string };
    assert.deepEqual(options, {
      channel: 'C0123456789',
      parse: 'none',
      link_names: false,
      unfurl_links: false,
      unfurl_media: false,
      mrkdwn: false,
    });
    const marked = blocks.filter(({ text: { type } }) => type !== 'plain_text');
    assert.deepEqual(
      marked.map((one) => one.text.text),
      [`<${world.url}/requests/${bySlack.id}|Look at it and decide>`],
    );
    assert.ok(!shown.includes('evil'), 'the line of the notification is ours');
    assert.ok(!html.includes('<img'), html);
    assert.ok(html.includes('<bdi>'));
    assert.equal(
      [...html.matchAll(/href="([^"]*)"/g)].map(([, to]) => to).join(),
      `${world.url}/requests/${byMail.id}`,
    );
    assert.ok(!headers.get('subject')?.includes('evil'));
    assert.match(text, /“\u2068See https\[:\]\/\/evil\[\.\]example.*\u2069”/);
  });

  it('`daypass check --channels` tries each channel, and nothing is sent without it', async () => {
    // What earlier requests owe may still come.
    const trials = () => ({
      calls: hook.calls.filter(({ json }) => json['type'] === 'test').length,
      mails: mail.mails.filter(({ raw }) => raw.includes('This is a test of Daypass')).length,
    });
    const check = (...more: string[]) => {
      const words = ['--import', 'tsx', 'src/cli/main.ts', 'check', '-c', join(world.folder, 'daypass.yaml')];
      const options = { encoding: 'utf8' } as const;
      return promisify(execFile)(process.execPath, [...words, ...more], options).catch(
        (error: unknown) => error as { stdout: string; stderr: string; code: number },
      );
    };
    await check();
    assert.deepEqual(trials(), { calls: 0, mails: 0 });
    const { stdout, ...ended } = await check('--channels');
    assert.match(stdout, /^hook \(webhook\): a test message came through\.$/m);
    assert.match(stdout, /^gone \(webhook\): no message came through: it answered with status 410/m);
    assert.match(stdout, /^slack \(slack\): a test message came through\.$/m);
    assert.match(stdout, /^mail \(email\): a test message came through\.$/m);
    assert.match(stdout, /^direct \(email\): a test message came through, to ana\.$/m);
    assert.equal('code' in ended && ended.code, 2);
    assert.deepEqual(trials(), { calls: 1, mails: 2 });
  });

  it('no secret of a channel is in a log or in the database', async () => {
    const kept = await inState(world, (client) =>
      client.query('select d::text as row from daypass.delivery d'),
    );
    const everything = [...world.log, ...kept.rows.map((row) => (row as { row: string }).row)].join('\n');
    for (const one of [newer, older, slackToken, mailPassword])
      assert.equal(everything.includes(one) || everything.includes(one.replace('whsec_', '')), false);
  });

  it('two brokers send each message once, and the next one goes on where one left off', async () => {
    const brokers = await openBrokers(world);
    try {
      const [one, another] = [await brokers.start(), await brokers.start()];
      const { templates } = await one.call<TemplateList>('ana', 'GET', '/v1/templates');
      const { digest } = templates.find(({ id }) => id === 'tell-hook')!;
      const ids: string[] = [];
      for (let n = 0; n < 3; n += 1) {
        const { id } = await [one, another][n % 2]!.call<AccessRequest>('ana', 'POST', '/v1/requests', {
          key: newKey(),
          body: {
            template: 'tell-hook',
            templateDigest: digest,
            duration: 'PT30M',
            reason: 'Order 4711 is stuck',
          },
        });
        ids.push(id);
      }
      for (const id of ids) {
        await told(id);
        await eventually(async () => {
          const { told: stands } = await another.call<AccessRequest>('ana', 'GET', `/v1/requests/${id}`);
          return stands?.[0]?.is === 'told' ? true : undefined;
        });
      }
      for (const id of ids) assert.deepEqual(types(id), ['request.asked']);
    } finally {
      await brokers.stop();
    }
  });
});
