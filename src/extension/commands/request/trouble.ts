import type { Template } from '../../state/world.ts';

/** Something that would keep an access from being used on this machine, known before it is asked for. */
export type Trouble =
  | { readonly is: 'psql missing'; readonly install: string }
  | { readonly is: 'unreachable'; readonly where: string; readonly why: string };

/**
 * Looks, while the person chooses, whether the target can be reached from here and `psql` is there. Nothing waits for
 * it: `known` is what has been found out so far.
 */
export class Scout {
  readonly template: Template;
  readonly #stop = new AbortController();
  #troubles: readonly Trouble[] = [];

  constructor(template: Template) {
    this.template = template;
    void this.again();
  }

  get known(): readonly Trouble[] {
    return this.#troubles;
  }

  /** What is known as one word, equal for equal troubles; undefined where there is none. */
  get key(): string | undefined {
    return this.#troubles.length ? JSON.stringify(this.#troubles) : undefined;
  }

  /** Looks anew. Never rejects. */
  async again(): Promise<void> {
    const [psql, reach] = await Promise.all([this.#psql(), this.#reach()]);
    if (!this.#stop.signal.aborted) this.#troubles = [...psql, ...reach];
  }

  dispose(): void {
    this.#stop.abort();
  }

  async #psql(): Promise<Trouble[]> {
    const { isInstalled, howToInstallPsqlHere } = await import('../../terminal/psql.ts');
    if (await isInstalled('psql')) return [];
    return [{ is: 'psql missing', install: await howToInstallPsqlHere() }];
  }

  async #reach(): Promise<Trouble[]> {
    const { whyUnreachable } = await import('../../terminal/reach.ts');
    const { host, port } = this.template.target;
    const why = await whyUnreachable(host, port, 2500, this.#stop.signal);
    return why === undefined ? [] : [{ is: 'unreachable', where: `${host}:${port}`, why }];
  }
}

/** In one sentence or two: what is in the way, what it means. */
export function troubleInWords(trouble: Trouble, template: Template): string {
  switch (trouble.is) {
    case 'psql missing':
      return `psql is not installed here. Install it (${trouble.install}), or use the connection details in your own tool.`;
    case 'unreachable':
      return `${template.target.title} (${trouble.where}) cannot be reached from this machine: ${trouble.why}. Do you need the VPN?`;
  }
}
