// The name of a run, as it stands in every payload: what other runs have left behind is told from it.

/** Eight characters by chance. */
export function randomRunId(): string {
  return Math.floor(Math.random() * 36 ** 8)
    .toString(36)
    .padStart(8, '0');
}
