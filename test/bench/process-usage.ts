// What Linux says about a process: resident memory, bytes written to disk. From /proc/PID (proc(5)).

import { readFileSync } from 'node:fs';

const MIB = 1024 * 1024;
const POLL_MS = 2;

export interface Memory {
  residentMib: number;
  peakMib: number;
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return { residentMib: kibibytes(status, 'VmRSS') / 1024, peakMib: kibibytes(status, 'VmHWM') / 1024 };
}

function kibibytes(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN);
}

/** Bytes that the process caused to be written; what its file system adds (journal, metadata) is not in it. */
export function bytesWrittenBy(pid: number): number {
  return Number(/^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? Number.NaN);
}

/**
 * Sends SIGTERM and returns what the process has written at the very end of its life. Blocks this thread until
 * then: as long as Node does not get to reap its child, the dead process keeps its entry in /proc.
 */
export function bytesWrittenUntilEnd(pid: number, timeoutMs: number): number {
  const until = performance.now() + timeoutMs;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  process.kill(pid, 'SIGTERM');
  while (!hasEnded(pid)) {
    if (performance.now() > until) throw new Error(`process ${pid} does not end after SIGTERM`);
    Atomics.wait(pause, 0, 0, POLL_MS);
  }
  return bytesWrittenBy(pid);
}

function hasEnded(pid: number): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat[stat.lastIndexOf(')') + 2] === 'Z';
}

export function mebibytes(bytes: number): number {
  return bytes / MIB;
}
