// A simulator that is ended at once, or killed, or that fails: nothing of it is left, no process and no directory.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SluiceCommand } from '../../support/sluice-command.ts';
import { TemporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';

const SCENARIO = `
name: long
why: Nobody waits for its end.
sampleEvery: 100ms
system: { type: sluice, upstream: embedded }
groups:
  meter: { devices: 2, profile: { type: fixed, rate: 20/s }, payload: { type: bytes } }
timeline: [{ name: steady, for: 10m }]
`;

let files: TemporaryDirectory;
let tmp: TemporaryDirectory;

beforeEach(() => {
  files = new TemporaryDirectory();
  tmp = new TemporaryDirectory();
  writeFileSync(files.file('long.yaml'), SCENARIO);
  vi.stubEnv('TMPDIR', tmp.path);
});
afterEach(() => {
  vi.unstubAllEnvs();
  for (const directory of [files, tmp]) directory[Symbol.dispose]();
});

/** Ids of processes that were started with a path in the directory for temporary files. */
function processesOfIt(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(tmp.path);
      } catch {
        return false; // it has ended in the meantime
      }
    })
    .map(Number);
}

async function running(): Promise<SluiceCommand> {
  const command = new SluiceCommand(['simulate', files.file('long.yaml'), '--json']);
  await waitFor(() => /"acked":[1-9]/.test(command.stdout), {
    timeoutMs: 60_000,
    what: () => `the first acknowledgements: ${command.stderr}`,
  });
  expect(readdirSync(tmp.path)).toHaveLength(1);
  expect(processesOfIt().length).toBeGreaterThan(0);
  return command;
}

async function nothingIsLeft(): Promise<void> {
  await waitFor(() => processesOfIt().length === 0, { what: () => `the end of ${processesOfIt()}` });
}

describe.skipIf(process.platform !== 'linux')('a simulator', () => {
  test.each<[NodeJS.Signals, NodeJS.Signals]>([
    ['SIGINT', 'SIGTERM'],
    ['SIGTERM', 'SIGINT'],
  ])('that is told twice to end (%s, %s) takes everything along at once', async (first, second) => {
    await using command = await running();
    command.process.kill(first);
    const { code } = await command.kill(second);
    expect(code).toBe(130);
    expect(readdirSync(tmp.path)).toEqual([]);
    await nothingIsLeft();
  });

  test('that is told to end before it has begun says so, and that it is no verdict', async () => {
    const command = new SluiceCommand(['simulate', files.file('long.yaml'), '--plain']);
    await waitFor(() => processesOfIt().length > 0, { what: 'the gateway' });
    const { code, stdout, stderr } = await command.kill('SIGINT');
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toBe('sluice: ended before anything was sent\n');
    expect(readdirSync(tmp.path)).toEqual([]);
    await nothingIsLeft();
  });

  test('that fails by a fault of its own does not look like a verdict', async () => {
    // Fails as soon as somebody would hear of it.
    const script =
      "setInterval(()=>{if(process.listenerCount('uncaughtException')>0)throw new Error('oops')},50).unref()";
    vi.stubEnv('NODE_OPTIONS', `--import=data:text/javascript,${encodeURIComponent(script)}`);
    const command = new SluiceCommand(['simulate', files.file('long.yaml'), '--plain']);
    const { code, stderr } = await command.exited();
    expect({ code, line: stderr.split('\n')[0] }).toEqual({ code: 3, line: 'sluice: oops' });
    expect(readdirSync(tmp.path)).toEqual([]);
    await nothingIsLeft();
  });

  test('that is killed leaves no process, and its directory to the next one', async () => {
    await using killed = await running();
    await killed.kill('SIGKILL');
    await nothingIsLeft();
    expect(readdirSync(tmp.path)).toHaveLength(1);
    await using next = await running(); // which finds one directory: its own
    await next.kill('SIGINT');
    expect(readdirSync(tmp.path)).toEqual([]);
    await nothingIsLeft();
  });
});
