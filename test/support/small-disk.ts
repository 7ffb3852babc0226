// Whether simulator/system/small-disk.ts can be used: mounting needs root. Where CI is set that is an error, elsewhere
// the tests that need it are skipped with one line.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

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
