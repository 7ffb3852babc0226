// How `sluice simulate` and its sub-commands end when there is no verdict: with a line and a code that no verdict has.

import { faultLine } from './foreground.ts';

/** 0, 1 and 2 are verdicts: pass, fail, inconclusive. */
export const EXIT_NOT_RUN = 3;

/** Told in a line; returns the exit code. */
export function notRun(error: unknown): number {
  process.stderr.write(`${faultLine(error)}\n`);
  return EXIT_NOT_RUN;
}

/** A fault of the simulator itself. Left to Node, it would end with 1, and look like a verdict. */
export function endByFault(error: Error): never {
  process.stderr.write(`${faultLine(error)}\n${error.stack}\n`);
  process.exit(EXIT_NOT_RUN);
}
