// What a process takes of the machine, from Linux's /proc; elsewhere there is no answer.

import { readFileSync } from 'node:fs';

export interface ProcessUsage {
  rssBytes: number;
  /** Since it began, user and system, all threads; a share of a core is a difference over time. */
  cpuMs: number;
}

/** The kernel's USER_HZ: 100 on every architecture that Node runs on (proc(5), times(7)). */
const MS_PER_TICK = 10;
/** Of /proc/PID/stat, counted after the name in parentheses, which may hold spaces. */
const UTIME = 11;
const STIME = 12;

/** Undefined when there is no such process, or no /proc. */
export function processUsage(pid: number): ProcessUsage | undefined {
  let stat: string;
  let status: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    status = readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return undefined; // it has ended in the meantime
  }
  const rss = /^VmRSS:\s+(\d+) kB$/m.exec(status);
  if (rss === null) return undefined; // dead, and nobody has asked for its exit code yet
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    rssBytes: Number(rss[1]) * 1024,
    cpuMs: (Number(fields[UTIME]) + Number(fields[STIME])) * MS_PER_TICK,
  };
}
