import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** What lies between people's machines and the broker, to be cut and mended. */
export class Network {
  readonly #port: number;
  readonly #to: number;
  readonly #sockets = new Set<Socket>();
  #server = createServer();

  private constructor(port: number, to: number) {
    this.#port = port;
    this.#to = to;
  }

  /** Listens on `port` of this machine and passes everything on to the port `to`. */
  static async between(port: number, to: number): Promise<Network> {
    const network = new Network(port, to);
    await network.mend();
    return network;
  }

  async mend(): Promise<void> {
    this.#server = createServer((near) => {
      const far = connect(this.#to, '127.0.0.1');
      for (const socket of [near, far]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          this.#sockets.delete(socket);
          near.destroy();
          far.destroy();
        });
      }
      near.pipe(far).pipe(near);
    }).listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  /** What is open breaks, and nothing new gets through. */
  async cut(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** A port of this machine that nobody listens on. */
export async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
