// What a gateway has written to its audit log, and the wait until it has written something.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditEvent } from '../../gateway/admission/audit-event.ts';
import { waitFor } from './wait-for.ts';

/** `first`: of a line that stands for several. */
export type AuditLine = AuditEvent & { readonly time: string; readonly first?: string };

/** Of the file that is being written, in a data directory. */
export function auditLines(directory: string): AuditLine[] {
  let text: string;
  try {
    text = readFileSync(join(directory, 'audit', 'audit.log'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []; // nothing was refused yet
    throw error;
  }
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as AuditLine]));
}

/** The first line that has all of this; it is written some time after what it tells of. */
export async function auditLine(directory: string, wanted: Partial<AuditLine>): Promise<AuditLine> {
  const isWanted = (line: AuditLine): boolean =>
    Object.entries(wanted).every(([key, value]) => line[key as keyof AuditLine] === value);
  const found = (): AuditLine | undefined => auditLines(directory).find(isWanted);
  await waitFor(() => found() !== undefined, {
    what: () => `${JSON.stringify(wanted)} among ${JSON.stringify(auditLines(directory))}`,
  });
  return found()!;
}
