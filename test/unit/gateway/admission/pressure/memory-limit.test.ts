import { expect, test } from 'vitest';
import {
  type Machine,
  memoryBytesMaxOf,
  thisMachine,
} from '../../../../../gateway/admission/pressure/memory-limit.ts';

const GiB = 1024 ** 3;

function machine(files: { [path: string]: string }, over: Partial<Machine> = {}): Machine {
  return { totalBytes: 8 * GiB, constrainedBytes: 0, readText: (path) => files[path], ...over };
}

test('the setting is taken as it is', () => {
  expect(memoryBytesMaxOf(5, machine({}))).toBe(5);
});

test.each<[string, Machine, number]>([
  ['the machine has, without any group', machine({}), 8 * GiB],
  ['the machine has, when Node knows no bound', machine({}, { constrainedBytes: 2 ** 64 }), 8 * GiB],
  ['Node knows of', machine({}, { constrainedBytes: 2 * GiB }), 2 * GiB],
  [
    'a group of version 2 may take',
    machine({ '/proc/self/cgroup': '0::/app/sluice\n', '/sys/fs/cgroup/app/sluice/memory.max': `${GiB}\n` }),
    GiB,
  ],
  [
    'a group above it may take',
    machine({
      '/proc/self/cgroup': '0::/app/sluice\n',
      '/sys/fs/cgroup/app/sluice/memory.max': 'max\n',
      '/sys/fs/cgroup/app/memory.max': `${3 * GiB}\n`,
    }),
    3 * GiB,
  ],
  [
    'a container may take that sees its own group as the root',
    machine({ '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/memory.max': `${GiB}\n` }),
    GiB,
  ],
  [
    'a group of version 1 may take',
    machine({
      '/proc/self/cgroup': '5:cpu,cpuacct:/x\n4:memory:/box\n0::/\n',
      '/sys/fs/cgroup/memory/box/memory.limit_in_bytes': `${2 * GiB}`,
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712',
    }),
    2 * GiB,
  ],
])('0 is three quarters of what %s', (_, given, bytes) => {
  expect(memoryBytesMaxOf(0, given)).toBe(0.75 * bytes);
});

test('this machine has some', () => {
  expect(memoryBytesMaxOf(0)).toBeGreaterThan(0);
  expect(memoryBytesMaxOf(0)).toBeLessThanOrEqual(0.75 * thisMachine.totalBytes);
});
