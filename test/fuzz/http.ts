import fc from 'fast-check';
import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import * as z from 'zod';
import { Grant } from '../../src/contract/grants.ts';
import { IssuedLease } from '../../src/contract/leases.ts';
import { misleads } from '../../src/contract/plain-text.ts';
import { Problem } from '../../src/contract/problems.ts';
import { AccessRequest } from '../../src/contract/requests.ts';
import { routes, type Route } from '../../src/contract/routes.ts';
import { Template } from '../../src/contract/templates.ts';
import type { Begun, Found } from './broker-process.ts';
import { calls, type Call } from './calls.ts';
import { nothingFed, type Opened, type Surface } from './surface.ts';
import { Wire, type WireAnswer } from './wire.ts';

/** How many calls are under way at once: enough to keep the broker busy, too few to make it wait for the fuzzer. */
const lanes = 3;
const longestMs = 1_000;
const chunk = 300;

export const http: Surface = {
  name: 'a broker over HTTP',
  share: 115,
  open: openBroker,
};

async function openBroker(): Promise<Opened> {
  const child = fork(join(import.meta.dirname, 'broker-process.ts'), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const { url, tokens } = await nextMessage<Begun>(child);
  const wires = Array.from({ length: lanes }, () => new Wire(Number(new URL(url).port)));
  const ledger = new Ledger(tokens);
  await ledger.begin(wires[0]!);

  return {
    async feed(inputs, seed) {
      const fed = nothingFed();
      for (let at = 0; fed.inputs < inputs && fed.failures.length < 5; at += 1) {
        const some = fc.sample(calls, { numRuns: Math.min(chunk, inputs - fed.inputs), seed: seed + at });
        const waiting = [...some];
        const lane = async (wire: Wire) => {
          for (let call = waiting.pop(); call; call = waiting.pop()) {
            const resolved = ledger.resolve(call);
            const { answered, failure } = await harm(wire, call, resolved, ledger);
            fed.inputs += 1;
            // Where the broker rightly waited for more, nothing was tried.
            if (answered) fed.overHttp += 1;
            if (failure !== undefined)
              fed.failures.push(
                `a broker over HTTP: seed ${seed + at}\n  ${await shrunk(wire, call, ledger, failure)}`,
              );
          }
        };
        await Promise.all(wires.map(lane));
        await ledger.tidy(wires[0]!);
      }
      return fed;
    },
    async close() {
      await ledger.endAll(wires[0]!);
      for (const wire of wires) wire.close();
      child.send('look');
      const found = await nextMessage<Found>(child);
      child.disconnect();
      await new Promise((resolve) => child.once('exit', resolve));
      return ledger.compare(found);
    },
  };
}

function nextMessage<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as T));
    child.once('exit', (code) => reject(new Error(`The broker's process ended (${code ?? 'killed'}).`)));
  });
}

/** The same failure with less in the call, as far as that goes: without each header, with less of body and path. */
async function shrunk(wire: Wire, call: Call, ledger: Ledger, failure: string): Promise<string> {
  let smallest = call;
  let words = failure;
  const smaller = (from: Call): Call[] => [
    ...from.headers.map((_, at) => ({
      ...from,
      headers: from.headers.filter((_each, other) => other !== at),
    })),
    ...(from.raw === undefined ? [] : halves(from.raw).map((raw) => ({ ...from, raw }))),
    ...(from.body === undefined ? [] : halves(from.body).map((body) => ({ ...from, body }))),
    ...halves(from.path).map((path) => ({ ...from, path })),
  ];
  for (let tries = 0, going = true; going && tries < 20; tries += 1) {
    going = false;
    for (const candidate of smaller(smallest)) {
      const { failure: still } = await harm(wire, candidate, ledger.resolve(candidate), ledger);
      if (still === undefined) continue;
      [smallest, words, going] = [candidate, still, true];
      break;
    }
  }
  return `input ${JSON.stringify(smallest).slice(0, 3000)}\n  ${words}`;
}

const halves = (text: string): string[] =>
  text.length < 2 ? [] : [text.slice(0, text.length / 2), text.slice(text.length / 2)];

interface Harm {
  readonly answered: boolean;
  readonly failure?: string;
}

/** Sends a call; what was wrong with the answer, or undefined. */
async function harm(wire: Wire, call: Call, resolved: Call, ledger: Ledger): Promise<Harm> {
  const alone =
    call.raw !== undefined ||
    call.headers.some(([name]) => name !== 'content-type' && name !== 'idempotency-key');
  const bytes = bytesOf(resolved, ledger.tokenOf(call.who), alone);
  const patienceMs = mayBeIncomplete(call) ? 250 : 10_000;
  let answer = await wire.send(bytes, alone, patienceMs);
  // The machine may have been busy: a hang is one that comes again, to this call alone.
  for (let again = 0; again < 2 && tooLate(answer, call); again += 1) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    answer = await wire.send(bytes, alone);
  }
  const answered = answer.status >= 0;
  try {
    if (tooLate(answer, call)) assert.fail(`No answer within a second (${Math.round(answer.ms)} ms).`);
    wellFormed(answer, resolved, ledger);
    ledger.note(call, resolved, answer);
    return { answered };
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return {
      answered,
      failure: `${words}\n  answer ${answer.status} ${answer.type} ${answer.body.slice(0, 1500)}`,
    };
  }
}

/** Whether the broker may rightly wait for the rest of a call; it gives up on it by itself, much later. */
function mayBeIncomplete({ raw, headers }: Call): boolean {
  const framing = ['content-length', 'transfer-encoding', 'expect', 'connection', 'upgrade'];
  return raw !== undefined || headers.some(([name]) => framing.includes(name));
}

function tooLate(answer: WireAnswer, call: Call): boolean {
  return !mayBeIncomplete(call) && answer.ms > longestMs;
}

function bytesOf(call: Call, token: string | undefined, alone: boolean): Buffer {
  if (call.raw !== undefined) return Buffer.from(call.raw, 'utf8');
  const body = Buffer.from(call.body ?? '', 'utf8');
  const own = new Map(call.headers.map(([name, value]) => [name, value]));
  const head = [
    ...(own.has('host') ? [] : [['host', 'broker']]),
    ...(token === undefined || own.has('authorization') ? [] : [['authorization', `Bearer ${token}`]]),
    ...(call.body === undefined || own.has('content-length') || own.has('transfer-encoding')
      ? []
      : [['content-length', String(body.length)]]),
    ...(alone && !own.has('connection') ? [['connection', 'close']] : []),
    ...call.headers,
  ];
  const lines = head.map(([name = '', value = '']) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${call.method} ${call.path} HTTP/1.1\r\n${lines.join('')}\r\n`), body]);
}

const byPath = Object.values(routes).map((route: Route) => ({
  route,
  matches: new RegExp(`^${route.path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/?]+')}(\\?.*)?$`),
}));

function routeOf({ method, path }: Call): Route | undefined {
  return byPath.find(({ route, matches }) => route.method === method && matches.test(path))?.route;
}

/** Answers that Node gives by itself, before anything of ours is asked: an empty body, which chunks may say. */
const bare = [400, 417];

function wellFormed({ status, type, body }: WireAnswer, call: Call, ledger: Ledger): void {
  // Closed without a word (what is no HTTP), or still waiting for the rest of a call that never comes.
  if (status <= 0) return;
  assert.ok(status < 500, 'An error of the broker’s own.');
  assert.notEqual(status, 429, 'Refused for the number of calls: this is no input.');
  for (const token of Object.values(ledger.tokens)) assert.ok(!body.includes(token), 'It tells a token.');
  assert.ok(!/node:internal|node_modules|\.ts:\d+|at \w+ \(/.test(body), 'It tells a stack.');
  if (call.method === 'HEAD') return;
  if (status >= 400) {
    if (/^(0\r\n\r\n|$)/.test(body) && bare.includes(status)) return;
    assert.equal(type, 'application/problem+json');
    const problem = Problem.parse(JSON.parse(body));
    assert.equal(problem.status, status);
    const said = [
      problem.title,
      problem.detail,
      ...(problem.errors ?? []).flatMap(({ path, message }) => [path, message]),
    ];
    for (const words of said)
      assert.ok(!misleads(words), `It repeats what misleads: ${JSON.stringify(words)}`);
    assert.ok(body.length < 16 * 1024, 'The refusal is long.');
    return;
  }
  const route = call.raw === undefined ? routeOf(call) : undefined;
  if (!route || body === '') return;
  assert.equal(status, route.status);
  route.response.parse(JSON.parse(body));
}

function endedMeanwhile(path: string, status: number, body: string): boolean {
  return status === 409 && path.includes('/leases') && body.includes('while the terminal was being opened');
}

interface Known {
  readonly requester: string;
  readonly digest: string;
  grantId?: string | undefined;
}

/**
 * What valid calls made, by what the broker answered to them, and who may do what to it by a reading of the rules that
 * is not the broker's: whatever else is there afterwards is an effect that nobody was allowed.
 */
class Ledger {
  readonly tokens: Readonly<Record<string, string>>;
  readonly #people = new Map<string, string>();
  readonly #digests = new Map<string, string>();
  readonly #requests = new Map<string, Known>();
  readonly #decisions = new Set<string>();
  readonly #grants = new Map<string, string>();
  readonly #leases = new Map<string, string>();
  readonly #open = new Set<string>();
  /** Terminals whose grant another lane ended while they were being opened. */
  #endedMeanwhile = 0;

  constructor(tokens: Readonly<Record<string, string>>) {
    this.tokens = tokens;
  }

  tokenOf(who: string): string | undefined {
    // One character of the signature is another.
    if (who === 'forged')
      return this.tokens['ben']
        ?.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))
        .replace(/\.([^.])/, '.A');
    return this.tokens[who];
  }

  async begin(wire: Wire): Promise<void> {
    for (const name of Object.keys(this.tokens)) {
      const { body } = await this.#call(wire, name, 'GET', '/v1/me');
      this.#people.set(
        z.object({ person: z.object({ id: z.string() }) }).parse(JSON.parse(body)).person.id,
        name,
      );
    }
    const { body } = await this.#call(wire, 'ana', 'GET', '/v1/templates');
    for (const { id, digest } of z.object({ templates: z.array(Template) }).parse(JSON.parse(body)).templates)
      this.#digests.set(id, digest);
  }

  resolve(call: Call): Call {
    const chosen = <T>(from: readonly T[]): T | undefined => from[call.pick % Math.max(1, from.length)];
    // The newest ones are those that something can still be done with.
    const newest = <T>(from: Iterable<T>) => [...from].slice(-12);
    const nobody = '00000000-0000-4000-8000-000000000000';
    const request = chosen(newest(this.#requests.keys())) ?? nobody;
    const grant = chosen(newest(this.#open)) ?? chosen(newest(this.#grants.keys())) ?? nobody;
    const lease = chosen(newest(this.#leases.keys())) ?? nobody;
    const named = call.body === undefined ? '' : (/"template":"([a-z-]+)"/.exec(call.body)?.[1] ?? '');
    return {
      ...call,
      path: call.path.replace('{request}', request).replace('{grant}', grant).replace('{lease}', lease),
      body: call.body
        ?.replace('{digest}', this.#digests.get(named) ?? 'b'.repeat(64))
        .replace('{requestDigest}', this.#requests.get(request)?.digest ?? 'c'.repeat(64)),
    };
  }

  /** Enters what a call did, and holds it against who may do it. */
  note(call: Call, { method, path }: Call, { status, body }: WireAnswer): void {
    if (call.raw === undefined && method === 'POST' && endedMeanwhile(path, status, body)) {
      assert.equal(this.#grants.get(path.split('/')[3] ?? ''), call.who, 'A terminal of another.');
      this.#endedMeanwhile += 1;
    }
    if (call.raw !== undefined || status < 200 || status >= 300 || method === 'GET' || method === 'HEAD')
      return;
    const who = call.who;
    assert.ok(who in this.tokens, 'Somebody without a sign-in did something.');
    const [, , , id = '', what = ''] = (path.split('?')[0] ?? '').split('/');
    const value: unknown = JSON.parse(body);
    if (path.startsWith('/v1/requests')) {
      const request = AccessRequest.parse(value);
      const requester = this.#people.get(request.requester.id) ?? '?';
      if (id === '') {
        assert.equal(requester, who, 'A request in another’s name.');
        assert.ok(who === 'ana' || who === 'ben', 'A request by somebody who may not.');
        this.#requests.set(request.id, { requester, digest: request.digest });
      } else if (what === 'withdraw') assert.equal(requester, who, 'Withdrawn by another.');
      else {
        assert.ok(who === 'ben' && requester !== 'ben', 'A decision by somebody who may not decide.');
        this.#decisions.add(request.id);
      }
      if (request.grantId !== undefined) {
        if (!this.#grants.has(request.grantId)) this.#open.add(request.grantId);
        this.#grants.set(request.grantId, requester);
      }
      return;
    }
    const holder = this.#grants.get(id.toLowerCase());
    if (what === 'end' || what === 'revoke') {
      const grant = Grant.parse(value);
      this.#open.delete(grant.id);
      if (what === 'end') assert.equal(holder, who, 'Ended by another.');
      else assert.ok(who === 'ben' && holder !== 'ben', 'Revoked by somebody who may not.');
    } else {
      assert.equal(holder, who, 'A terminal of another.');
      if (method === 'POST') this.#leases.set(IssuedLease.parse(value).lease.id, id);
    }
  }

  /** Ends what fills people's lists, so that there is room for more. */
  async tidy(wire: Wire): Promise<void> {
    if (this.#open.size > 20) await this.endAll(wire);
    for (const [id, { requester }] of [...this.#requests].slice(-40))
      if (!this.#decisions.has(id)) await this.#call(wire, requester, 'POST', `/v1/requests/${id}/withdraw`);
  }

  async endAll(wire: Wire): Promise<void> {
    for (const id of this.#open)
      await this.#call(wire, this.#grants.get(id) ?? '', 'POST', `/v1/grants/${id}/end`);
    this.#open.clear();
  }

  compare(found: Found): string[] {
    const extra = (what: string, there: readonly string[], known: { has(id: string): boolean }) =>
      there.filter((id) => !known.has(id)).map((id) => `A ${what} is there that no valid call made: ${id}`);
    const lost = (what: string, known: Iterable<string>, there: readonly string[]) => {
      const all = new Set(there);
      return [...known].filter((id) => !all.has(id)).map((id) => `A ${what} is not there: ${id}`);
    };
    return [
      ...extra('request', found.requests, this.#requests),
      ...lost('request', this.#requests.keys(), found.requests),
      ...extra('grant', found.grants, this.#grants),
      ...lost('grant', this.#grants.keys(), found.grants),
      ...lost('lease', this.#leases.keys(), found.leases),
      ...(found.decisions.length === this.#decisions.size
        ? []
        : [`There are ${found.decisions.length} decisions; ${this.#decisions.size} were made.`]),
      // Each terminal that ended while it was being opened leaves the row of a lease, which is closed.
      ...extra('lease', found.leases, this.#leases).slice(this.#endedMeanwhile),
      ...(found.people === this.#people.size
        ? []
        : [`There are ${found.people} people; ${this.#people.size} called.`]),
      ...(found.open === 0 ? [] : [`${found.open} leases are not at their end.`]),
      ...found.differences.map((line) => `At the target, ${line}`),
      ...found.unforeseen.map((line) => `In the log: ${line.slice(0, 1500)}`),
    ];
  }

  async #call(wire: Wire, who: string, method: string, path: string): Promise<WireAnswer> {
    const call = { who, method, path, headers: [], body: undefined, pick: 0 };
    return wire.send(bytesOf(call, this.tokens[who], false), false);
  }
}
