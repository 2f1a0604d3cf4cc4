import { connect } from 'node:net';

export interface WireAnswer {
  /** 0 where the connection was closed without a word. */
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly ms: number;
}

/** One connection, kept open between calls as long as both sides leave it. Answers are read by what HTTP/1.1 says. */
export class Wire {
  readonly #port: number;
  #socket: ReturnType<typeof connect> | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  /** Sends bytes and reads the first answer to them. @param alone the connection is of no use afterwards */
  async send(bytes: Buffer, alone: boolean, patienceMs = 10_000): Promise<WireAnswer> {
    const kept = !alone && this.#socket !== undefined;
    const answer = await this.#once(bytes, alone, patienceMs);
    // A connection that the broker closed meanwhile says nothing about the input.
    if (answer.status === 0 && kept) return this.#once(bytes, alone, patienceMs);
    return answer;
  }

  #once(bytes: Buffer, alone: boolean, patienceMs: number): Promise<WireAnswer> {
    if (this.#socket && !this.#socket.writable) this.close();
    const socket = alone
      ? connect(this.#port, '127.0.0.1')
      : (this.#socket ??= connect(this.#port, '127.0.0.1'));
    if (socket.listenerCount('error') === 0) socket.on('error', () => undefined);
    if (!alone) socket.setNoDelay(true);
    // RFC 9110, section 9.3.2: the answer has a length and no body.
    const bodiless = bytes.subarray(0, 5).toString('latin1') === 'HEAD ';
    const began = performance.now();
    return new Promise((resolve) => {
      let received = Buffer.alloc(0);
      const done = (answer: Omit<WireAnswer, 'ms'>, reusable: boolean) => {
        clearTimeout(timer);
        socket.off('data', more).off('close', ended).off('error', ended);
        if (alone || !reusable) {
          socket.destroy();
          if (!alone && this.#socket === socket) this.#socket = undefined;
        }
        resolve({ ...answer, ms: performance.now() - began });
      };
      const timer = setTimeout(() => done({ status: -1, type: '', body: '' }, false), patienceMs);
      const ended = () => {
        const partial = readAnswer(received, true, bodiless);
        done(partial ?? { status: 0, type: '', body: '' }, false);
      };
      const more = (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        const answer = readAnswer(received, false, bodiless);
        if (answer) done(answer, answer.reusable);
      };
      socket.on('data', more);
      socket.on('close', ended);
      socket.on('error', ended);
      socket.write(bytes);
    });
  }
}

function readAnswer(
  bytes: Buffer,
  ended: boolean,
  bodiless: boolean,
): (Omit<WireAnswer, 'ms'> & { reusable: boolean }) | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const status = Number(first.split(' ')[1]);
  if (status < 200) return readAnswer(bytes.subarray(end + 4), ended, bodiless);
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const type = headers.get('content-type') ?? '';
  const rest = bytes.subarray(end + 4);
  // A stream of events has no end: that it began is its answer.
  if (type.startsWith('text/event-stream')) return { status, type, body: '', reusable: false };
  const length = headers.get('content-length');
  const reusable =
    headers.get('connection') !== 'close' && length !== undefined && rest.length === Number(length);
  if (status === 204 || status === 304 || bodiless)
    return { status, type, body: '', reusable: bodiless && headers.get('connection') !== 'close' };
  if (length !== undefined && rest.length >= Number(length))
    return { status, type, body: rest.subarray(0, Number(length)).toString('utf8'), reusable };
  return ended ? { status, type, body: rest.toString('utf8'), reusable: false } : undefined;
}
