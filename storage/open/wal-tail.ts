// The end of a write-ahead log that SQLite will not read: frames of a last transaction that do not check.
// Perhaps it was never finished, perhaps it was acknowledged and then damaged; its batches prove themselves,
// so they are taken over either way (a record that was not acknowledged and is kept all the same breaks no
// promise).

import { type LogRow, logShape, readLogRow } from './log-row.ts';
import { looseRows } from './sqlite-file/loose-rows.ts';
import type { PageSource } from './sqlite-file/page-source.ts';
import type { TableLayout } from './store-schema.ts';
import type { LaneRow } from './store-values.ts';

/** Whole batches in the tail that come after everything their lane has. */
export function walTailRows(source: PageSource, layout: TableLayout, lanes: LaneRow[]): LogRow[] {
  const pages = source.over(source.wal.tail);
  const rows = new Map<string, LogRow>();
  for (const { page, at } of source.wal.tail) {
    for (const raw of looseRows({ page, bytes: source.walPage(at) }, pages, logShape(layout))) {
      const found = readLogRow(raw, layout);
      if (found.kind !== 'row' || found.row.names === undefined) continue;
      const { first, names } = found.row;
      const lane = lanes.find(({ name }) => name === names.lane);
      if (lane === undefined || first < lane.nextOffset) continue;
      rows.set(`${lane.number} ${first}`, { ...found.row, number: lane.number });
    }
  }
  return [...rows.values()].sort((a, b) => a.number - b.number || a.first - b.first);
}
