import { Validator } from '@seriousme/openapi-schema-validator';
import assert from 'node:assert/strict';
import * as z from 'zod';
import { openApi } from '../../src/contract/openapi.ts';
import { problems } from '../../src/contract/problems.ts';
import { eventsPath, routes } from '../../src/contract/routes.ts';

const document = openApi({ version: '1.2.3', publicUrl: 'https://daypass.shop.example' });

describe('The OpenAPI document', () => {
  it('is OpenAPI 3.1 by a validator that is not ours', async () => {
    const result = await new Validator().validate(structuredClone(document));
    assert.deepEqual(result.errors ?? [], []);
    assert.equal(result.valid, true);
    assert.match(document.openapi, /^3\.1\./);
  });

  it('would not pass that validator with a mistake in it', async () => {
    const broken = structuredClone(document) as { paths: Record<string, unknown> };
    broken.paths['/v1/me'] = { get: { responses: { 200: { content: {} } } } };
    assert.equal((await new Validator().validate(broken)).valid, false);
  });

  it('holds every call of the contract and the event stream, each with every problem that it names', () => {
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path)) as {
      operationId: string;
      responses: Record<string, { description: string }>;
      security?: unknown[];
      parameters?: { name: string; required: boolean }[];
    }[];
    assert.deepEqual(
      operations.map((one) => one.operationId).sort(),
      [...Object.keys(routes), 'events'].sort(),
    );
    for (const [name, route] of Object.entries(routes)) {
      const operation = operations.find((one) => one.operationId === name);
      for (const kind of route.problems)
        assert.match(
          operation?.responses[problems[kind].status]?.description ?? '',
          new RegExp(`\`${kind}\``),
        );
      assert.equal(operation?.security !== undefined, 'open' in route, `${name}: who may call`);
      const key = operation?.parameters?.find((one) => one.name === 'Idempotency-Key');
      assert.equal(key?.required ?? false, 'idempotent' in route, `${name}: Idempotency-Key`);
    }
    assert.ok(document.paths[eventsPath]);
  });

  it('refers to components that are there, and has no component of anything else in the process', () => {
    z.string().meta({ id: 'SomethingElse' });
    const text = JSON.stringify(openApi({ version: '1', publicUrl: 'https://daypass.shop.example' }));
    const named = new Set([...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, id]) => id));
    const components = (JSON.parse(text) as { components: { schemas: object } }).components.schemas;
    assert.deepEqual(Object.keys(components).sort(), [...named].sort());
    assert.doesNotMatch(text, /\$defs|\$schema|SomethingElse/);
  });

  it('lets a client meet members that it does not know', () => {
    assert.doesNotMatch(
      JSON.stringify((document['components'] as { schemas: { Grant: unknown } }).schemas.Grant),
      /additionalProperties/,
    );
  });
});
