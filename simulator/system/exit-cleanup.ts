// What must not outlive this process is put right also when it ends without waiting for anything: at a second Ctrl-C,
// at `process.exit` wherever it comes from, at a fault that nobody caught. Synchronous, because nothing else happens
// any more by then. After a kill -9 nothing does at all: see process-directory.ts.

import { messageOf } from '../../config/errors.ts';

/** In the order in which they came; carried out from the last to the first. */
const cleanups = new Set<() => void>();

/** Carried out at the end of the process, unless the result is disposed before. */
export function atExit(cleanup: () => void): Disposable {
  if (cleanups.size === 0) process.on('exit', cleanUp);
  const own = () => cleanup(); // one that is handed in twice is done twice
  cleanups.add(own);
  return {
    [Symbol.dispose]() {
      cleanups.delete(own);
      if (cleanups.size === 0) process.off('exit', cleanUp);
    },
  };
}

function cleanUp(): void {
  for (const cleanup of [...cleanups].reverse()) {
    try {
      cleanup();
    } catch (error) {
      process.stderr.write(`sluice: left behind: ${messageOf(error)}\n`);
    }
  }
}
