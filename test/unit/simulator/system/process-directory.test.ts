import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ProcessDirectory } from '../../../../simulator/system/process-directory.ts';
import { TemporaryDirectory } from '../../../support/temporary-directory.ts';

let tmp: TemporaryDirectory;

beforeEach(() => {
  tmp = new TemporaryDirectory();
  vi.stubEnv('TMPDIR', tmp.path);
});
afterEach(() => {
  vi.unstubAllEnvs();
  tmp[Symbol.dispose]();
});

/** Of a process that has just ended. */
function deadPid(): number {
  return spawnSync('true').pid;
}

/** As another process of this machine would have called its own. */
function leaveBehind(pid: number, change: (name: string) => string = (name) => name): string {
  using own = new ProcessDirectory('gateway');
  const name = change(basename(own.path).replace(`-${process.pid}-`, `-${pid}-`));
  mkdirSync(tmp.file(name));
  writeFileSync(tmp.file(`${name}/config.yaml`), '');
  return tmp.file(name);
}

describe('the directory of a process under test', () => {
  test('is there until it is disposed, with what is in it', () => {
    const directory = new ProcessDirectory('gateway');
    writeFileSync(directory.file('config.yaml'), '');
    expect(readdirSync(tmp.path)).toEqual([basename(directory.path)]);
    expect(basename(directory.path)).toMatch(new RegExp(`^sluice-sim-\\d+-${process.pid}-gateway-\\w+$`));
    directory[Symbol.dispose]();
    directory[Symbol.dispose]();
    expect(readdirSync(tmp.path)).toEqual([]);
  });

  test('that was given stays', () => {
    const given = tmp.file('mine');
    new ProcessDirectory('gateway', given)[Symbol.dispose]();
    expect(existsSync(given)).toBe(true);
  });

  test('of a process that was killed is taken away by the next one', () => {
    const stale = leaveBehind(deadPid());
    using _next = new ProcessDirectory('mosquitto');
    expect(existsSync(stale)).toBe(false);
  });

  test.each<[string, number, (name: string) => string]>([
    ['of a process that lives', process.ppid, (name) => name],
    ['of another container', deadPid(), (name) => name.replace(/^sluice-sim-\d+/, '$&9')],
    ['of somebody else', deadPid(), (name) => name.replace('sluice-sim', 'sluice-test')],
  ])('%s is left alone', (_, pid, change) => {
    const others = leaveBehind(pid, change);
    using _next = new ProcessDirectory('gateway');
    expect(existsSync(others)).toBe(true);
  });
});
