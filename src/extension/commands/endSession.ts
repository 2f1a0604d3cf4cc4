import * as vscode from 'vscode';
import type { Services } from '../services.ts';
import { task } from '../views/words.ts';
import { askOnce } from './askOnce.ts';
import { chooseGrant, stillOpen } from './choose.ts';
import { told } from './failure.ts';

/** The person is done: their access ends, now. Asked once, since it cannot be taken back. */
export async function endSession(services: Services, argument: unknown): Promise<void> {
  const grant = await chooseGrant(
    services,
    argument,
    ({ ready, running }) => [...running.map((one) => one.grant), ...ready],
    { placeholder: 'End which access?', none: 'You have no access that could be ended.', help: 'session' },
  );
  if (!grant) return;
  if (grant.state === 'active') {
    const end = 'End now';
    const chosen = await askOnce(`end ${grant.id}`, () =>
      vscode.window.showWarningMessage(
        `End your access to ${task(grant.template)}?`,
        {
          modal: true,
          detail:
            'Everything in its terminals stops, and its login is closed. The text in the terminals stays.',
        },
        end,
      ),
    );
    // It may have come to its end while the question was open: that is what was wanted.
    if (chosen !== end || !stillOpen(services, grant)) return;
  }
  await told(services, () => services.api.call('endGrant', { params: { id: grant.id } }));
}
