import { once } from 'node:events';
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { CallFault } from './schedule.ts';

interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: Buffer;
}

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: Buffer;
}

/** What holds a call back for its successor waits no longer than this for one, in ms. */
const successorWithinMs = 1_000;

interface Armed {
  readonly fault: CallFault;
  readonly met: (counted: boolean) => void;
}

/** The network between people's programs and one broker: a proxy of our own that does harm to whole calls. */
export class Front {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #server = createServer((call, answer) => void this.#take(call, answer));
  readonly #broker: () => number;
  readonly #other: () => number;
  #armed: Armed | undefined;
  readonly #held = new Set<() => void>();
  /** Calls that change something and are not answered yet. */
  underWay = 0;

  /** Ports of 127.0.0.1 where the broker and the other broker listen. */
  constructor(broker: () => number, other: () => number) {
    this.#broker = broker;
    this.#other = other;
  }

  async open(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Does it to the first call that comes and changes something; false where none came within `withinMs`. */
  async harm(fault: CallFault, withinMs: number): Promise<boolean> {
    let patience: NodeJS.Timeout | undefined;
    const met = new Promise<boolean>((resolve) => {
      this.#armed = { fault, met: resolve };
      patience = setTimeout(() => resolve(false), withinMs);
    });
    const counted = await met;
    clearTimeout(patience);
    this.#armed = undefined;
    return counted;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await closed;
  }

  async #take(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const changes = incoming.method !== 'GET';
    if (changes) this.underWay += 1;
    try {
      const call = await wholeCall(incoming);
      const fault = changes ? this.#struck() : undefined;
      const answer = await this.#through(call, fault);
      if (answer) outgoing.writeHead(answer.status, answer.headers).end(answer.body);
      else incoming.socket.destroy();
    } catch {
      // As a network shows that the other side is gone.
      incoming.socket.destroy();
    } finally {
      if (changes) this.underWay -= 1;
      for (const goOn of this.#held) goOn();
    }
  }

  #struck(): CallFault | undefined {
    const armed = this.#armed;
    this.#armed = undefined;
    armed?.met(true);
    return armed?.fault;
  }

  /** The answer; undefined where the connection breaks instead. */
  async #through(call: Call, fault: CallFault | undefined): Promise<Answer | undefined> {
    const ask = () => this.#ask(call, this.#broker());
    switch (fault?.kind) {
      case undefined:
        return ask();
      case 'call cut, question lost':
        return undefined;
      case 'call cut, answer lost':
        await ask();
        return undefined;
      case 'call delayed':
        await pause(fault.forMs);
        return ask();
      case 'answer to a call delayed': {
        const answer = await ask();
        await pause(fault.forMs);
        return answer;
      }
      case 'call duplicated':
      case 'call duplicated at the other broker': {
        const twin = fault.kind === 'call duplicated' ? ask() : this.#ask(call, this.#other());
        twin.catch(() => undefined);
        return ask();
      }
      case 'call reordered':
        await this.#successor();
        return ask();
    }
  }

  /** Resolves when another call has been answered. */
  async #successor(): Promise<void> {
    let goOn: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => (goOn = resolve));
    this.#held.add(goOn);
    await Promise.race([answered, pause(successorWithinMs)]);
    this.#held.delete(goOn);
  }

  async #ask({ method, path, headers, body }: Call, port: number): Promise<Answer> {
    const asking = request({ host: '127.0.0.1', port, method, path, headers, agent: this.#agent });
    asking.end(body);
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    return { status: answer.statusCode ?? 0, headers: answer.headers, body: await wholeBody(answer) };
  }
}

async function wholeCall(incoming: IncomingMessage): Promise<Call> {
  const { method = 'GET', url = '/', headers } = incoming;
  return { method, path: url, headers, body: await wholeBody(incoming) };
}

async function wholeBody(message: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of message) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
