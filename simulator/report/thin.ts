// Fewer points for the picture of a long run. Time is cut into equal buckets and of each the lowest and the highest
// point stay, in their order: a spike of one sample is seen however long the run was. Gaps (null: nothing was measured)
// stay where a whole bucket is one.

export interface Point {
  atMs: number;
  /** null: nothing to show; the line is broken here. */
  value: number | null;
}

/** The first and the last point always stay; never more than `pointsMax` (at least 4). */
export function thin(points: readonly Point[], pointsMax: number): Point[] {
  if (points.length <= pointsMax) return [...points];
  const inner = points.slice(1, -1);
  const buckets = Math.max(1, Math.floor((pointsMax - 2) / 2));
  const kept: Point[] = [points[0]];
  for (let bucket = 0; bucket < buckets; bucket++) {
    const from = Math.floor((bucket * inner.length) / buckets);
    const to = Math.floor(((bucket + 1) * inner.length) / buckets);
    kept.push(...extremes(inner.slice(from, to)));
  }
  kept.push(points[points.length - 1]);
  return kept;
}

function extremes(points: readonly Point[]): Point[] {
  let lowest = -1;
  let highest = -1;
  for (const [i, { value }] of points.entries()) {
    if (value === null) continue;
    if (lowest < 0 || value < points[lowest].value!) lowest = i;
    if (highest < 0 || value > points[highest].value!) highest = i;
  }
  if (lowest < 0) return points.slice(0, 1);
  if (lowest === highest) return [points[lowest]];
  return [points[Math.min(lowest, highest)], points[Math.max(lowest, highest)]];
}
