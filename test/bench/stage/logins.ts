import type pg from 'pg';
import { newPassword, verifierOf } from '../../../src/extension/terminal/scram.ts';
import { bareRole, template } from './stage.ts';
import { storedScope } from '../../../src/broker/targets/postgresql/scope.ts';
import { templateRole } from '../../../src/broker/targets/postgresql/names.ts';

/** A password as the extension makes it, and what the broker is told of it. */
export async function newSecret(): Promise<{ password: string; verifier: string }> {
  const password = newPassword();
  return { password: password.reveal(), verifier: await verifierOf(password) };
}

/** When the client sees its connection gone, in milliseconds since 1970. It is looked for from the call on. */
export function goneAt(client: pg.Client, withinMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const alive = () => reject(new Error(`A connection was still alive after ${withinMs} ms.`));
    const timer = setTimeout(alive, withinMs);
    client.once('end', () => {
      clearTimeout(timer);
      resolve(Date.now());
    });
  });
}

/** A login like a lease's that the broker knows nothing of, made by the production database's superuser. */
export async function makeBareLogins(
  shop: pg.Client,
  count: number,
): Promise<{ roles: string[]; password: string }> {
  const { password, verifier } = await newSecret();
  const roles = Array.from({ length: count }, bareRole);
  const member = shop.escapeIdentifier(
    templateRole({ id: template, scope: storedScope({ privileges: ['select on sales.orders'] }) }),
  );
  const statements = roles.map(
    (role) =>
      `create role ${role} login password '${verifier}'; grant ${member} to ${role} with inherit true, set false`,
  );
  await shop.query(statements.join(';\n'));
  return { roles, password };
}
