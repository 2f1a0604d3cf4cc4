import assert from 'node:assert/strict';
import { accessOf, allowsOf } from '../../src/broker/targets/postgresql/words.ts';
import { parseScope } from '../../src/broker/targets/postgresql/scope.ts';
import { readScope } from './support/shop.ts';

const issuesOf = (scope: unknown) => {
  const read = parseScope(scope);
  return 'issues' in read ? read.issues : [];
};
const complaint = (line: string) => issuesOf({ privileges: ['select on a.b', line] });

describe('A scope at PostgreSQL', () => {
  it('is said in words that claim nothing that the server does not hold', () => {
    const scope = readScope({
      privileges: [
        'SELECT ON sales.orders',
        'update (status, updated_at) on sales.orders',
        'select (id, name) on table crm.customers',
        'usage on sequence sales.refunds',
        'execute on function sales.refund(integer)',
        'select on all tables in schema "Old Stuff"',
        'usage on schema sales',
      ],
    });
    assert.deepEqual(allowsOf(scope), [
      'read sales.orders',
      'update status and updated_at of sales.orders',
      'read id and name of crm.customers',
      'draw numbers from the sequence sales.refunds',
      'run sales.refund(integer)',
      'read all tables in Old Stuff',
    ]);
    assert.equal(accessOf(scope), 'write');
    assert.equal(accessOf(readScope({ privileges: ['select on sales.orders'] })), 'read');
    assert.equal(accessOf(readScope({ roles: ['pg_monitor'] })), 'read');
    assert.equal(accessOf(readScope({ roles: ['somebody'] })), 'write');
    assert.equal(accessOf(readScope({ owner: 'shop_owner', schema: 'sales' })), 'owner');
  });

  it('names the line that is wrong and what would be right', () => {
    const wrong: [string, RegExp][] = [
      ['selct on a.b', /"selct" is none/],
      ['all on a.b', /Name each privilege/],
      ['select on orders', /Name the schema too/],
      ['update status on a.b', /comes "on"/],
      ['delete (x) on a.b', /cannot be limited to columns/],
      ['execute on a.b', /does not exist for a table/],
      ['select on a.b with grant option', /leave "with grant option" out/],
      ['select on a.b to public', /Leave out "to/],
      ['create on schema a', /owner/],
      ['trigger on a.b', /other people/],
      ['execute on function a.f', /types of its arguments/],
      ['execute on function a.f(int); drop table a.b', /nothing more/],
      ["execute on function a.f('x')", /does not belong to a type/],
      ['select on a."b', /name of a table/],
      ['select on a.b, a.c', /One object a line/],
    ];
    for (const [line, expected] of wrong) {
      const [issue] = complaint(line);
      assert.deepEqual(issue?.path, ['privileges', 1], line);
      assert.match(issue.message, expected, line);
    }
  });

  it('refuses roles that outlive a deadline, settings that are none, and halves', () => {
    assert.match(issuesOf({ roles: ['pg_monitor', 'pg_execute_server_program'] })[0]!.message, /shell/);
    assert.match(issuesOf({ roles: ['pg_signal_backend'] })[0]!.message, /hold off the end/);
    for (const role of ['pg_maintain', 'pg_write_all_data'])
      assert.match(issuesOf({ roles: [role] })[0]!.message, /lock the catalogue of roles/);
    assert.deepEqual(issuesOf({ roles: ['pg_monitor'], settings: { role: 'x' } })[0]!.path, [
      'settings',
      'role',
    ]);
    assert.deepEqual(issuesOf({ owner: 'x' })[0]!.path, ['owner']);
    assert.deepEqual(issuesOf({ schema: 'x' })[0]!.path, ['schema']);
    assert.deepEqual(issuesOf({ privilege: ['select on a.b'] })[0]!.path, ['privilege']);
    assert.equal(issuesOf({}).length, 1);
    assert.equal(issuesOf(null).length, 1);
    assert.deepEqual(issuesOf({ privileges: ['select on a.b'], connections: 0 })[0]!.path, ['connections']);
  });
});
