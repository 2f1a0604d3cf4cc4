import { readFileSync } from 'node:fs';
import { isIPv4, type Socket } from 'node:net';

const known = new WeakMap<Socket, number | undefined>();

/**
 * The user whose program is at the other end of a connection within this machine; undefined where the system does not
 * tell (anything but Linux) or does not know (a connection forwarded from elsewhere).
 */
export function userAtOtherEnd(socket: Socket): number | undefined {
  if (!known.has(socket)) known.set(socket, lookUp(socket));
  return known.get(socket);
}

/** Whether it is somebody else's program: not ours, not root's, not of whoever became us by `sudo`. */
export function isOtherUser(socket: Socket): boolean {
  const user = userAtOtherEnd(socket);
  const ours = [process.getuid?.(), 0, Number(process.env['SUDO_UID'] ?? 0)];
  return user !== undefined && !ours.includes(user);
}

function lookUp({ remoteAddress, remotePort, localAddress, localPort }: Socket): number | undefined {
  if (process.platform !== 'linux' || remoteAddress === undefined || localAddress === undefined)
    return undefined;
  const table = isIPv4(remoteAddress) ? '/proc/net/tcp' : '/proc/net/tcp6';
  const theirs = ending(remoteAddress, remotePort);
  const ours = ending(localAddress, localPort);
  try {
    for (const line of readFileSync(table, 'latin1').split('\n')) {
      const [, local, remote, , , , , user] = line.trim().split(/\s+/);
      if (local === theirs && remote === ours) return Number(user);
    }
  } catch {
    // Not told.
  }
  return undefined;
}

/** As the kernel writes it: the address's 32-bit words in this machine's byte order, the port in hexadecimal. */
function ending(address: string, port = 0): string {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  if (address === '::1') return `00000000000000000000000001000000:${hex}`;
  const bytes = address.split('.').map(Number).reverse();
  return `${Buffer.from(bytes).toString('hex').toUpperCase()}:${hex}`;
}
