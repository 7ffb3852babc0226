// What is wrong with a store, in a form for names of files, log lines and decisions.

import { SluiceError } from '../../config/errors.ts';

export interface Damage {
  /** A short word for file names: header, wal, pages, ... */
  reason: string;
  /** A sentence for people. */
  detail: string;
}

const DAMAGE_CODES = /^SQLITE_(CORRUPT|NOTADB|FORMAT|IOERR_(READ|SHORT_READ|CORRUPTFS|DATA)|CANTOPEN_ISDIR)/;

/**
 * Whether something thrown while the store was used says that the store is damaged; undefined: something else
 * is wrong.
 */
export function damageOf(thrown: unknown): Damage | undefined {
  const { code, message } = thrown as { code?: unknown; message?: unknown };
  if (typeof code !== 'string' || !DAMAGE_CODES.test(code)) return undefined;
  const reason = code.replace('SQLITE_', '').toLowerCase().replaceAll('_', '-');
  return { reason, detail: `SQLite: ${String(message)} (${code})` };
}

/** What was read from the store cannot be what was written: whoever runs the store salvages it then. */
export function storeDamaged(detail: string, cause?: unknown): SluiceError {
  return new SluiceError('STORE_DAMAGED', detail, { kind: 'fatal', cause });
}

/** Whether the disk, or the store's bound, had no room for it. */
export function isForWantOfRoom(error: unknown): boolean {
  return /^(SQLITE_(FULL|IOERR_(WRITE|SHMSIZE))|ENOSPC|EDQUOT)$/.test(
    String((error as { code?: unknown }).code),
  );
}
