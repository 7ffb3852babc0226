// What tests need to be on the machine, beside node: tools of other packages, and the right to mount. Where CI is set a
// missing one is an error; elsewhere the tests that need it are skipped, with one line that names the package.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasTool } from './mosquitto.ts';

/** For simulator/system/small-disk.ts. */
export function canMount(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-mount-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory]).status === 0;
  if (mounted) execFileSync('umount', [directory]);
  rmSync(directory, { recursive: true });
  if (mounted) return true;
  const line = 'mounting a tmpfs is not allowed: run as root (mount is in the package mount)';
  if (process.env.CI) throw new Error(line);
  console.warn(`skipped: ${line}`);
  return false;
}

/** For simulator/system/power-cut.ts. */
export function hasCompiler(): boolean {
  return hasTool('cc', 'gcc');
}
