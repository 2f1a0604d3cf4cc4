/** What is done when work has taken so long; ms since it began. */
export interface Stage {
  readonly afterMs: number;
  readonly do: () => void;
}

/** Waits for work and calls each stage that it lasts to see; whoever is quick is not bothered. Settles as the work does. */
export async function patiently<T>(work: Promise<T>, stages: readonly Stage[]): Promise<T> {
  const timers = stages.map((stage) => setTimeout(stage.do, stage.afterMs));
  try {
    return await work;
  } finally {
    for (const timer of timers) clearTimeout(timer);
  }
}
