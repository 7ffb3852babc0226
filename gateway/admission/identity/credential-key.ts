// Names for credentials that are remembered in memory: a keyed hash (HMAC-SHA-256) with a key that lives as long as
// the process, so that a dump of the tables shows no password and cannot be searched for one without the key.

import { createHmac, randomBytes } from 'node:crypto';

const processKey = randomBytes(32);

/** Parts are told apart by their lengths: no two lists of parts have the same name. */
export function credentialKey(...parts: readonly (string | Buffer)[]): string {
  const hmac = createHmac('sha256', processKey);
  for (const part of parts) hmac.update(`${Buffer.byteLength(part)}:`).update(part);
  return hmac.digest('base64');
}
