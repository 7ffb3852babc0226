// How much memory the gateway may take: what the machine has, or what its container is given (cgroups, version 2
// and 1), whichever is least. A limit may be set on any group above the process's own.

import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname, join } from 'node:path';

export interface Machine {
  totalBytes: number;
  /** As Node knows it; 0 or very much: none. */
  constrainedBytes: number;
  /** Undefined: there is no such file. */
  readText(path: string): string | undefined;
}

/** Of that the process may have so much before it is under pressure 1. */
const SHARE = 0.75;
const CGROUPS = '/sys/fs/cgroup';

export const thisMachine: Machine = {
  totalBytes: totalmem(),
  constrainedBytes: process.constrainedMemory(),
  readText(path) {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return undefined; // not Linux, no cgroups, or not ours to read: no limit that we could know
    }
  },
};

/** `setting`: pressure.memoryBytesMax, 0 = three quarters of what there is. */
export function memoryBytesMaxOf(setting: number, machine: Machine = thisMachine): number {
  if (setting > 0) return setting;
  const { totalBytes, constrainedBytes } = machine;
  const limits = [constrainedBytes, ...cgroupLimits(machine)].filter((bytes) => bytes > 0);
  return SHARE * Math.min(totalBytes, ...limits);
}

function cgroupLimits({ readText }: Machine): number[] {
  const lines = (readText('/proc/self/cgroup') ?? '').split('\n');
  return lines.flatMap((line) => {
    // hierarchy:controllers:path; version 2 has no controllers here
    const [hierarchy, controllers, path] = line.split(':');
    if (path === undefined) return [];
    const isMemory = controllers.split(',').includes('memory');
    if (hierarchy === '0') return limitsUpwards(CGROUPS, path, 'memory.max', readText);
    return isMemory ? limitsUpwards(join(CGROUPS, 'memory'), path, 'memory.limit_in_bytes', readText) : [];
  });
}

/** Of the group and of all above it; in a container its own group is often the root that it sees. */
function limitsUpwards(root: string, path: string, file: string, readText: Machine['readText']): number[] {
  const limits: number[] = [];
  for (let group = join('/', path); ; group = dirname(group)) {
    limits.push(Number(readText(join(root, group, file)))); // "max", or nothing: NaN
    if (group === '/') return limits;
  }
}
