/** The results of `work` for each, at most `lanes` at once, in the order given. */
export async function inLanes<Item, Done>(
  items: readonly Item[],
  lanes: number,
  work: (item: Item) => Promise<Done>,
): Promise<Done[]> {
  const done: Done[] = [];
  const waiting = [...items.entries()].reverse();
  const lane = async () => {
    for (let next = waiting.pop(); next; next = waiting.pop()) done[next[0]] = await work(next[1]);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return done;
}
