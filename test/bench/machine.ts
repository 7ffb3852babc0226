// What the figures depend on: the machine, and the versions of everything that took part.

import { spawnSync } from 'node:child_process';
import { readFileSync, statfsSync } from 'node:fs';
import { arch, cpus, loadavg, release, totalmem } from 'node:os';

/** Numbers of file systems (statfs(2)) worth a name here. */
const FILE_SYSTEMS = new Map([
  [0xef53, 'ext4'],
  [0x9123683e, 'btrfs'],
  [0x58465342, 'xfs'],
  [0x01021994, 'tmpfs'],
  [0x794c7630, 'overlayfs'],
  [0x2fc12fc1, 'zfs'],
  [0xf2f52010, 'f2fs'],
]);
const PACKAGES = ['aedes', 'better-sqlite3', 'cbor-x', 'mqtt'];

export interface Machine {
  cpu: string;
  cores: number;
  arch: string;
  memoryGib: number;
  kernel: string;
  fileSystem: string;
  /** Means of the last 1, 5 and 15 minutes when the run began. */
  loadBefore: number[];
}

export function describeMachine(directory: string): Machine {
  const type = statfsSync(directory).type;
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    arch: arch(),
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    fileSystem: FILE_SYSTEMS.get(type) ?? `0x${type.toString(16)}`,
    loadBefore: loadavg(),
  };
}

export function describeVersions(mosquitto: string | null): Record<string, string | null> {
  const versionOf = (path: string): string =>
    (JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { version: string }).version;
  return {
    sluice: versionOf('../../package.json'),
    commit: commit(),
    node: process.versions.node,
    mosquitto,
    ...Object.fromEntries(
      PACKAGES.map((name) => [name, versionOf(`../../node_modules/${name}/package.json`)]),
    ),
  };
}

/** Of the working tree, with a + when it has changes; null outside of a clone. */
function commit(): string | null {
  const git = (...args: string[]) => spawnSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' });
  const head = git('rev-parse', '--short', 'HEAD');
  if (head.status !== 0) return null;
  const changed = git('status', '--porcelain', '--untracked-files=no').stdout !== '';
  return `${head.stdout.trim()}${changed ? '+' : ''}`;
}

/** On one line, for people. */
export function machineText({
  cores,
  cpu,
  arch,
  memoryGib,
  kernel,
  fileSystem,
  loadBefore,
}: Machine): string {
  const load = loadBefore.map((mean) => mean.toFixed(2)).join(' ');
  return `${cores} x ${cpu} (${arch}), ${memoryGib} GiB, Linux ${kernel}, ${fileSystem}; load before the run ${load}`;
}
