/** Edits (insert, delete, replace, swap of neighbours) between two words, without regard to case. */
function distance(a: string, b: string): number {
  const s = a.toLowerCase();
  const t = b.toLowerCase();
  const rows: number[][] = [Array.from({ length: t.length + 1 }, (_, j) => j)];
  const cell = (i: number, j: number): number => rows[i]?.[j] ?? Infinity;
  for (let i = 1; i <= s.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= t.length; j++) {
      let best = Math.min(
        cell(i - 1, j) + 1,
        cell(i, j - 1) + 1,
        cell(i - 1, j - 1) + Number(s[i - 1] !== t[j - 1]),
      );
      if (s[i - 1] === t[j - 2] && s[i - 2] === t[j - 1]) best = Math.min(best, cell(i - 2, j - 2) + 1);
      row.push(best);
    }
  }
  return cell(s.length, t.length);
}

/** The known word that somebody probably meant, if one is near. */
export function nearest(written: string, known: readonly string[]): string | undefined {
  if (written.length > 100) return undefined;
  const far = Math.max(1, Math.floor(written.length / 3));
  const ranked = known
    .map((word) => ({ word, edits: distance(written, word) }))
    .filter(({ edits }) => edits <= far)
    .sort((a, b) => a.edits - b.edits);
  return ranked[0]?.word;
}

/** `Did you mean "x"?`, or what there is to choose from, or nothing where there is nothing. */
export function suggestion(written: string, known: readonly string[], kind = 'Known here'): string {
  const near = nearest(written, known);
  if (near !== undefined) return `Did you mean "${near}"?`;
  if (known.length === 0) return '';
  const shown = known.slice(0, 12).map((word) => `"${word}"`);
  return `${kind}: ${shown.join(', ')}${known.length > shown.length ? ', …' : ''}.`;
}
