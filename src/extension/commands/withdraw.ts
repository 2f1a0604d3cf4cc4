import type { Services } from '../services.ts';
import { chooseRequest } from './choose.ts';
import { told } from './failure.ts';

/** Takes back a request that nobody has answered yet. */
export async function withdraw(services: Services, argument: unknown): Promise<void> {
  const request = await chooseRequest(services, argument, ({ pending }) => pending, {
    placeholder: 'Withdraw which request?',
    none: 'You have no request that waits.',
  });
  if (request)
    await told(services, () => services.api.call('withdrawRequest', { params: { id: request.id } }));
}
