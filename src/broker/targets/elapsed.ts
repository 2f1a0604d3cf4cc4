/** Milliseconds that have passed; more where the machine's clock was set forward, never less, also where it slept. */
export type Elapsed = () => number;

export function stopwatch(): Elapsed {
  const [steady, wall] = [performance.now(), Date.now()];
  return () => Math.max(performance.now() - steady, Date.now() - wall);
}
