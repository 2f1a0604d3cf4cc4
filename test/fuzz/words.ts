import fc from 'fast-check';
import assert from 'node:assert/strict';
import { holderOf, Refused } from '../../src/broker/identity/claims.ts';
import { eventIds } from '../../src/broker/events/id.ts';
import { openLog } from '../../src/broker/log.ts';
import { readable } from '../../src/broker/targets/postgresql/names.ts';
import { misleads, spelledOut } from '../../src/contract/plain-text.ts';
import { Comment, Reason, Ticket } from '../../src/contract/requests.ts';
import { Duration, Instant, secondsOf } from '../../src/contract/values.ts';
import { json, mostly, prototypes, text } from './alphabet.ts';
import { property, surface } from './surface.ts';

/** What the store and every reader can hold: no NUL, no half characters. */
export const isStorable = (value: unknown): boolean =>
  !/\\u0000|\\ud[89a-f]/i.test((JSON.stringify(value) as string | undefined)?.replaceAll('\\\\', '') ?? '');

export const words = surface('reasons, comments, tickets, values', 280, [
  property('is stored and shown as it was typed, or refused', text, (input) => {
    for (const schema of [Reason, Comment, Ticket]) {
      const read = schema.safeParse(input);
      if (!read.success) continue;
      assert.equal(read.data, input.trim());
      assert.ok(!misleads(read.data) && isStorable(read.data));
      assert.equal(Buffer.from(read.data).toString(), read.data);
    }
    assert.ok(isStorable(spelledOut(input)));
    assert.ok(!/[\p{Cc}\p{Bidi_C}\p{Zl}\p{Zp}]/u.test(spelledOut(input)));
  }),
  property('from a target becomes readable, short, storable', text, (input) => {
    const shown = readable(input);
    assert.ok(Array.from(shown).length <= 200);
    assert.ok(isStorable({ shown }), JSON.stringify(shown));
    assert.ok(!/[\p{Cc}\p{Bidi_C}\p{Zl}\p{Zp}]/u.test(shown));
  }),
  property('is a line of the log, whatever it is', text, (input) => {
    const lines: string[] = [];
    const log = openLog({ to: { write: (line: string) => void lines.push(line) } });
    log.warn({ err: new Error(input), title: input, password: input }, input);
    assert.equal(lines.length, 1);
    assert.equal(lines[0]!.indexOf('\n'), lines[0]!.length - 1);
    assert.ok(!/[\0-\x09\x0b-\x1f]/.test(lines[0]!));
    assert.equal((JSON.parse(lines[0]!) as { password: string }).password, '[secret]');
  }),
  property(
    'is an instant or a duration only if it can be reckoned with',
    fc.oneof(
      text,
      fc
        .tuple(fc.date({ noInvalidDate: true }), fc.nat(999_999_999))
        .map(([at, more]) => at.toISOString().replace('Z', `${more}Z`)),
      fc.tuple(fc.nat(), fc.nat(), fc.nat()).map(([h, m, s]) => `PT${h}H${m}M${s}S`),
    ),
    (input) => {
      if (Instant.safeParse(input).success) assert.ok(Number.isFinite(Date.parse(input)), input);
      if (Duration.safeParse(input).success) assert.ok(secondsOf(input) >= 1 && secondsOf(input) <= 604_800);
    },
  ),
]);

const ids = eventIds(Buffer.alloc(16, 7));
export const streamIds = surface('stream ids', 120, [
  property('made up is known as such', text, (input) => assert.equal(ids.decode(input), undefined)),
  property(
    'is read back, and not with one character changed',
    fc.tuple(fc.nat(2 ** 31), fc.nat(20), fc.constantFrom(...Array.from('AZaz09-_'))),
    ([position, at, character]) => {
      const id = ids.encode(position);
      assert.equal(ids.decode(id), position);
      if (id[at] !== character)
        assert.equal(ids.decode(`${id.slice(0, at)}${character}${id.slice(at + 1)}`), undefined);
    },
  ),
]);

const identity = {
  issuer: 'https://login.shop.example',
  audience: 'https://access.shop.example',
  clients: ['daypass-vscode'],
  deviceClient: 'daypass-device',
  groupsClaim: 'groups',
  nameClaim: 'name',
  personClaim: undefined,
  scopes: ['openid'],
  algorithms: ['RS256' as const],
} as unknown as Parameters<typeof holderOf>[2];

const claims = fc
  .record(
    {
      iss: fc.constant(identity.issuer),
      aud: mostly(fc.constant(identity.audience), 8),
      sub: mostly(text, 8),
      client_id: mostly(fc.constantFrom('daypass-vscode', 'daypass-device'), 8),
      azp: mostly(fc.constant('daypass-vscode'), 8),
      exp: mostly(fc.integer({ min: 1_700_000_000, max: 2 ** 40 }), 8),
      name: mostly(text, 8),
      groups: mostly(fc.array(text, { maxLength: 5 }), 8),
      typ: mostly(fc.constantFrom('Bearer', 'ID')),
      cnf: json,
      nonce: json,
      _claim_names: json,
    },
    { requiredKeys: ['iss', 'aud', 'sub', 'client_id', 'exp'] },
  )
  .map((made) => made as Record<string, unknown>);

export const tokens = surface('claims of tokens', 140, [
  property(
    'make a person with a name that can be read, or nobody',
    fc.tuple(claims, mostly(fc.constantFrom('at+jwt', 'JWT', 'application/at+jwt', ...prototypes), 8)),
    ([payload, typ]) => {
      let holder;
      try {
        holder = holderOf(
          { alg: 'RS256', ...(typeof typ === 'string' ? { typ } : {}) },
          JSON.parse(JSON.stringify(payload)) as never,
          identity,
        );
      } catch (error) {
        assert.ok(error instanceof Refused, String(error));
        assert.ok(!misleads(error.words));
        return;
      }
      assert.ok(!misleads(holder.name) && holder.name.trim() !== '' && Array.from(holder.name).length <= 100);
      assert.ok(holder.groups.every((group) => group !== '' && !misleads(group)));
      assert.equal(holder.mayDecide, holder.clientId !== 'daypass-device');
      assert.ok(isStorable(holder));
    },
  ),
]);
