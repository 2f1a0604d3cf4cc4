import type { TargetConfig } from '../../config/config.ts';
import { databaseFindings } from './check-database.ts';
import { replicaFindings } from './check-replicas.ts';
import { serverFindings } from './check-server.ts';
import { templateFindings } from './check-template.ts';
import { Connections, spoken } from './connect.ts';
import type { ScopedTemplate } from './scope.ts';

/** Something at a target that is not as it should be. */
export interface Finding {
  /**
   * - `missing`: a template or the broker itself would not work.
   * - `excess`: somebody has more than any template says, or what a lease does could outlive it unseen.
   * - `public`: what everybody may do there, and so every lease. Not wrong as such; to be known.
   */
  readonly kind: 'missing' | 'excess' | 'public';
  /** Absent: it concerns the whole server. */
  readonly template?: string;
  /** What was found and what it means, a sentence or two. */
  readonly message: string;
  /** What to do about it; for much of it, `daypass target setup` prints the SQL. */
  readonly remedy?: string;
}

/**
 * Looks at a server with the broker's own login: what is missing for these templates, what their roles have that no
 * template says, and what everybody may do, in every database. It changes nothing and never rejects for what it finds.
 * @param templates every template of this target
 */
export async function checkTarget(
  target: TargetConfig,
  templates: readonly ScopedTemplate[],
): Promise<Finding[]> {
  const connections = new Connections(target, { warn: () => undefined });
  const findings: Finding[] = [];
  try {
    const { server, databases } = await connections.use((session) =>
      serverFindings(session, target, templates),
    );
    findings.push(...server);
    findings.push(...(await replicaFindings(connections, target)));
    findings.push(...(await connections.use((session) => templateFindings(session, target, templates))));
    for (const { name, reachable } of databases) {
      if (!reachable) {
        findings.push({
          kind: 'excess',
          message: `The broker may not connect to the database ${name}: what a lease leaves there cannot be removed, and its end is not confirmed.`,
          remedy: `grant connect on database ${JSON.stringify(name)} to ${target.login.user}, or revoke it from public`,
        });
        continue;
      }
      findings.push(
        ...(await connections.useIn(name, (session) => databaseFindings(session, name, target, templates))),
      );
    }
  } catch (error) {
    findings.push({
      kind: 'missing',
      message: `The server cannot be asked as ${target.login.user}: ${spoken(error)}.`,
    });
  } finally {
    await connections.end();
  }
  return findings;
}
