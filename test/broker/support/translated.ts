import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';

const errorResponse = 0x45;

/**
 * A way to a server that speaks another language: of each error, what field S says is translated and field V is not
 * (PostgreSQL, "Error and Notice Message Fields"). The servers that the tests have come without translations.
 */
export async function translatedWay(port: number): Promise<{ readonly port: number; close(): void }> {
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => undefined);
      one.on('close', () => other.destroy());
    }
    near.pipe(far);
    let rest = Buffer.alloc(0);
    far.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 5 && rest.length > rest.readInt32BE(1)) {
        const length = rest.readInt32BE(1) + 1;
        near.write(translated(rest.subarray(0, length)));
        rest = rest.subarray(length);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

function translated(message: Buffer): Buffer {
  if (message[0] !== errorResponse) return message;
  const body = Buffer.from(
    message
      .subarray(5)
      .toString('latin1')
      .replace(/^SERROR\0/, 'SFEHLER\0'),
    'latin1',
  );
  const head = Buffer.alloc(5);
  head[0] = errorResponse;
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
