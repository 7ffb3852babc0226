// Resident memory of a process, from the kernel's account (proc(5), VmRSS).

import { readFileSync } from 'node:fs';

const KIB = 1024;

export function residentBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  if (kib === null) throw new Error(`the kernel tells nothing of the memory of process ${pid}`);
  return Number(kib[1]) * KIB;
}
