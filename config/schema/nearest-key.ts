// Which known name somebody meant who wrote an unknown one: upper and lower case, order of the words
// (`bytesMax` for `maxBytes`) and up to three slips of the finger are forgiven.

const nameLengthMax = 64;

/** The nearest of `known`, or `undefined` when none is near enough to be what was meant. */
export function nearestKey(written: string, known: Iterable<string>): string | undefined {
  if (written.length > nameLengthMax) return undefined;
  const slipsMax = Math.min(3, Math.max(1, Math.floor(written.length / 3)));
  let best: string | undefined;
  let bestSlips = slipsMax + 1;
  for (const candidate of known) {
    // Words in another order: near, but less so than the same words in the same order.
    const reordered = editDistance(sortedWords(written), sortedWords(candidate));
    const slips = Math.min(
      editDistance(written.toLowerCase(), candidate.toLowerCase()),
      reordered <= 1 ? reordered + 0.5 : Number.POSITIVE_INFINITY,
    );
    if (slips < bestSlips) [best, bestSlips] = [candidate, slips];
  }
  return best;
}

function sortedWords(name: string): string {
  return name
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[\s_.-]+/)
    .sort()
    .join('');
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment distance). */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, beforeLast[column - 2]! + 1);
      }
      current.push(cost);
    }
    [beforeLast, last] = [last, current];
  }
  return last[b.length]!;
}
