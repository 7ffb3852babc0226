// The gateway's id is part of every record's name, so it is kept with the records and outlives the
// configuration.

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Database } from 'better-sqlite3';
import { SluiceError } from '../../config/errors.ts';

/**
 * The id kept in the store, made at the first start from `configured` or the host's name and a random part. A
 * configured id that differs from the kept one is refused: the records on disk already bear the other.
 */
export function gatewayIdOf(db: Database, configured: string): string {
  const kept = (
    db.prepare("SELECT value FROM meta WHERE key = 'gateway-id'").get() as { value: string } | undefined
  )?.value;
  if (kept !== undefined && (configured === '' || configured === kept)) return kept;
  if (kept !== undefined) {
    throw new SluiceError(
      'GATEWAY_ID_CHANGED',
      `the store belongs to gateway "${kept}", the configuration says "${configured}"`,
      {
        kind: 'fatal',
        hint: `Set gateway.id to "${kept}", or give the gateway another data.dir.`,
      },
    );
  }
  const host =
    hostname()
      .replace(/[^A-Za-z0-9._-]/g, '-')
      .slice(0, 48) || 'gateway';
  const id = configured === '' ? `${host}-${randomBytes(4).toString('hex')}` : configured;
  db.prepare("INSERT INTO meta (key, value) VALUES ('gateway-id', ?)").run(id);
  return id;
}
