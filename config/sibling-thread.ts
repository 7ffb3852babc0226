// The URL of a worker's entry file beside (or below) the calling module: `.ts` when run from source, `.js`
// when compiled.

import { extname } from 'node:path';

/** `siblingThread(import.meta.url, './store-thread')` */
export function siblingThread(moduleUrl: string, path: string): URL {
  return new URL(`${path}${extname(new URL(moduleUrl).pathname)}`, moduleUrl);
}
