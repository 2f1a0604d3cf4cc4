import type { Services } from '../services.ts';
import type { Grant } from '../state/world.ts';
import type { Terminals } from '../terminal/register.ts';
import { task } from '../views/words.ts';
import { chooseGrant } from './choose.ts';
import { told, withProgress } from './failure.ts';

/** Opens a production terminal under an access that is approved or runs. */
export async function openTerminal(
  services: Services,
  terminals: Terminals,
  argument: unknown,
): Promise<void> {
  const grant = await chooseGrant(
    services,
    argument,
    // One with all its terminals open among them: the broker says how many it allows.
    ({ ready, running }) => [...ready, ...running.map(({ grant }) => grant)],
    {
      placeholder: 'Open a terminal for which access?',
      none: 'You have no access that a terminal could be opened for.',
      help: 'request',
    },
  );
  if (grant) await openOn(services, terminals, grant);
}

export function openOn(services: Services, terminals: Terminals, grant: Grant): Promise<void> {
  return told(services, () =>
    withProgress(`Opening a terminal to ${task(grant.template)}…`, (signal) => terminals.open(grant, signal)),
  );
}
