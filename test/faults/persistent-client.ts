import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

/** A person's program waits so long for an answer, in ms, before it asks again. */
const answerWithinMs = 6_000;
const askAgainMs = 200;
/** Who did not answer in time is left alone for so long, in ms, as a load balancer does. */
const leftAloneMs = 15_000;
/** Answers after which the same call is made again: trouble that passes. */
const passing = [401, 409, 429, 500, 502, 503];

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

export interface Call {
  readonly token: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  /** The Idempotency-Key. */
  readonly key?: string;
  /** Ports of the fronts to try, in turn. */
  readonly ports: readonly number[];
}

/** Calls as the extension does: the same call again, under the same key, until it is answered for good. */
export class PersistentClient {
  readonly #agent = new Agent({ keepAlive: true });
  /** Until when a port is left alone, on this process's monotonic clock. */
  readonly #leftAlone = new Map<number, number>();
  /** Set when the world ends: nobody asks again. */
  over = false;

  /** The answer; undefined where none came within `withinMs`. */
  async call(call: Call, withinMs: number): Promise<Answer | undefined> {
    const giveUpAt = performance.now() + withinMs;
    let last: Answer | undefined;
    for (let n = 0; performance.now() < giveUpAt && !this.over; n += 1) {
      const ports = this.#lively(call.ports);
      const port = ports[n % ports.length] ?? 0;
      const answer = await this.#ask(call, port).catch((error: unknown) => {
        if (error instanceof Error && error.name === 'AbortError')
          this.#leftAlone.set(port, performance.now() + leftAloneMs);
        return undefined;
      });
      if (answer && !isPassing(answer)) return answer;
      last = answer ?? last;
      await pause(askAgainMs);
    }
    return last;
  }

  close(): void {
    this.over = true;
    this.#agent.destroy();
  }

  #lively(ports: readonly number[]): readonly number[] {
    const lively = ports.filter((port) => (this.#leftAlone.get(port) ?? 0) < performance.now());
    return lively.length > 0 ? lively : ports;
  }

  async #ask({ token, method, path, body, key }: Call, port: number): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const asking = request({
      host: '127.0.0.1',
      port,
      method,
      path,
      agent: this.#agent,
      signal: AbortSignal.timeout(answerWithinMs),
      headers: {
        authorization: `Bearer ${token}`,
        ...(text === undefined
          ? { 'content-length': '0' }
          : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      },
    });
    asking.end(text);
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    let said = '';
    for await (const part of answer.setEncoding('utf8')) said += String(part);
    return { status: answer.statusCode ?? 0, body: JSON.parse(said) as Record<string, unknown> };
  }
}

/** A 409 says whether the call is still being worked on, or has come too late. */
const isPassing = ({ status, body }: Answer): boolean =>
  passing.includes(status) && (status !== 409 || String(body['type']).includes('in-progress'));
