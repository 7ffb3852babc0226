// What simulator/system/power-cut.ts needs to be on the machine. Where CI is set a missing tool is an error; elsewhere
// the tests that need it are skipped.

import { hasTool } from './mosquitto.ts';

export function hasCompiler(): boolean {
  return hasTool('cc', 'gcc');
}
