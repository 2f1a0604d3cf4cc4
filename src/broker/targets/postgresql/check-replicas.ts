import type { TargetConfig } from '../../config/config.ts';
import type { Finding } from './check.ts';
import { spoken, type Connections } from './connect.ts';
import { replicasOf, demandReplica } from './replicas.ts';
import { unnamedStandbys } from './standbys.ts';

/** Whether each replica that the target names is one and can be asked, and which standbys it does not name. */
export async function replicaFindings(connections: Connections, target: TargetConfig): Promise<Finding[]> {
  const replicas = replicasOf(target, { warn: () => undefined });
  const findings: Finding[] = [];
  try {
    for (const { name, connections: there } of replicas) {
      try {
        await demandReplica(there, connections);
      } catch (error) {
        findings.push({
          kind: 'missing',
          message: `The replica ${name} cannot be looked at: ${spoken(error)}. No end is confirmed while that is so.`,
          remedy: `mend it, or take it out of "replicas" of ${target.id}`,
        });
      }
    }
    for (const standby of await unnamedStandbys({ connections, replicas }))
      findings.push({
        kind: 'excess',
        message: `${standby} replicates from here: a lease’s sessions there are not seen and not ended.`,
        remedy: `name it under "replicas" of ${target.id}, or let nobody in there`,
      });
  } finally {
    await Promise.all(replicas.map((replica) => replica.connections.end()));
  }
  return findings;
}
