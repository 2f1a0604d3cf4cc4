import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as z from 'zod';

const Message = z.looseObject({
  id: z.union([z.number(), z.string()]).optional(),
  method: z.string().optional(),
  params: z.unknown().optional(),
  result: z.unknown().optional(),
  error: z.unknown().optional(),
});
type Message = z.infer<typeof Message>;

const Diagnostics = z.object({
  uri: z.string(),
  diagnostics: z.array(
    z.object({
      message: z.string(),
      range: z.object({ start: z.object({ line: z.number(), character: z.number() }) }),
    }),
  ),
});
export type Diagnostic = z.infer<typeof Diagnostics>['diagnostics'][number];

/** A real yaml-language-server, spoken to as an editor does (LSP over standard input and output). */
export class LanguageServer {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<number, (message: Message) => void>();
  readonly #diagnosed = new Map<string, (found: Diagnostic[]) => void>();
  readonly #settings: unknown;
  #buffer = Buffer.alloc(0);
  #next = 1;

  private constructor(settings: unknown) {
    this.#settings = settings;
    const root = dirname(createRequire(import.meta.url).resolve('yaml-language-server/package.json'));
    this.#process = spawn(process.execPath, [join(root, 'bin/yaml-language-server'), '--stdio']);
    this.#process.stdout.on('data', (data: Buffer) => this.#read(data));
  }

  /** @param schemas JSON Schemas by URI, with the files that each is for */
  static async start(schemas: Readonly<Record<string, string>>): Promise<LanguageServer> {
    const settings = {
      yaml: { schemas, completion: true, hover: true, validate: true, schemaStore: { enable: false } },
    };
    const server = new LanguageServer(settings);
    await server.ask('initialize', {
      processId: process.pid,
      rootUri: null,
      capabilities: {
        textDocument: { completion: { completionItem: { documentationFormat: ['markdown'] } } },
        workspace: { configuration: true },
      },
    });
    server.#tell('initialized', {});
    server.#tell('workspace/didChangeConfiguration', { settings });
    return server;
  }

  /** Opens a document and waits for what the server finds wrong with it. */
  async open(uri: string, text: string): Promise<Diagnostic[]> {
    const found = new Promise<Diagnostic[]>((resolve) => this.#diagnosed.set(uri, resolve));
    this.#tell('textDocument/didOpen', { textDocument: { uri, languageId: 'yaml', version: 1, text } });
    return found;
  }

  ask(method: string, params: unknown): Promise<unknown> {
    const id = this.#next++;
    this.#send({ id, method, params });
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) =>
        error === undefined ? resolve(result) : reject(new Error(JSON.stringify(error))),
      );
    });
  }

  async stop(): Promise<void> {
    const gone = once(this.#process, 'exit');
    this.#process.kill();
    await gone;
  }

  #tell(method: string, params: unknown): void {
    this.#send({ method, params });
  }

  #send(message: object): void {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    this.#process.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  #read(data: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, data]);
    for (;;) {
      const end = this.#buffer.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = Number(/Content-Length: (\d+)/i.exec(this.#buffer.toString('utf8', 0, end))?.[1]);
      if (this.#buffer.length < end + 4 + length) return;
      const body = this.#buffer.toString('utf8', end + 4, end + 4 + length);
      this.#buffer = this.#buffer.subarray(end + 4 + length);
      this.#take(Message.parse(JSON.parse(body)));
    }
  }

  #take(message: Message): void {
    if (message.method === undefined) {
      if (typeof message.id === 'number') this.#waiting.get(message.id)?.(message);
      return;
    }
    if (message.method === 'textDocument/publishDiagnostics') {
      const { uri, diagnostics } = Diagnostics.parse(message.params);
      this.#diagnosed.get(uri)?.(diagnostics);
    }
    // What the server asks of the editor: its settings, section by section, or leave to register something.
    if (message.id !== undefined) this.#send({ id: message.id, result: this.#answer(message) });
  }

  #answer({ method, params }: Message): unknown {
    if (method !== 'workspace/configuration') return null;
    const { items } = z.object({ items: z.array(z.object({ section: z.string() })) }).parse(params);
    const settings = z.record(z.string(), z.unknown()).parse(this.#settings);
    return items.map(({ section }) => settings[section] ?? null);
  }
}
