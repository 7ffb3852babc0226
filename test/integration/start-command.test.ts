// `sluice start` and `sluice demo` as a person runs them: how they begin, and what they say at the end.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { freePort } from '../../simulator/system/free-port.ts';
import { SluiceCommand } from '../support/sluice-command.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

interface Place extends Disposable {
  config: string;
  port: number;
}

/** A configuration with an upstream of its own, data in a directory of its own, and free ports. */
async function place(host = '127.0.0.1'): Promise<Place> {
  const directory = new TemporaryDirectory();
  const config = directory.file('config.yaml');
  const port = await freePort();
  const upstreamPort = await freePort();
  const settings = {
    data: { dir: directory.file('data') },
    access: { anonymous: true },
    listeners: [{ type: 'tcp', host, port }],
    upstream: { embedded: true, port: upstreamPort },
    sinks: { cloud: { type: 'mqtt', url: `mqtt://127.0.0.1:${upstreamPort}` } },
  };
  writeFileSync(config, JSON.stringify(settings)); // JSON is YAML
  return { config, port, [Symbol.dispose]: () => directory[Symbol.dispose]() };
}

describe('sluice start', () => {
  test('that cannot start says so in one line, and never that it has stopped', async () => {
    using here = await place();
    const taken = createServer().listen(here.port, '127.0.0.1');
    await once(taken, 'listening');
    const { code, stdout, stderr } = await new SluiceCommand(['start', '-c', here.config]).exited();
    taken.close();
    expect(code).toBe(1);
    expect(stderr.trimEnd().split('\n')).toEqual([
      expect.stringMatching(new RegExp(`^sluice: 127\\.0\\.0\\.1:${here.port} is taken`)),
    ]);
    expect(stdout).not.toContain('stopped');
  });

  test('that runs says that it has stopped when it is told to', async () => {
    using here = await place();
    await using command = new SluiceCommand(['start', '-c', here.config]);
    await waitFor(() => command.stdout.includes('"listening"'), { what: () => command.stderr });
    const { code, stdout } = await command.kill('SIGTERM');
    expect(code).toBe(0);
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1)!)).toMatchObject({ msg: 'stopped' });
  });
});

describe('a configuration that is odd', () => {
  const odd = /access\.anonymous: everybody who can reach listeners\.0 \(0\.0\.0\.0:\d+\) is let in unasked/;

  test('is run, and the log says what is odd', async () => {
    using here = await place('0.0.0.0');
    await using command = new SluiceCommand(['start', '-c', here.config]);
    await waitFor(() => command.stdout.includes('"listening"'), { what: () => command.stderr });
    const { stdout, stderr } = await command.kill('SIGTERM');
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines[0]).toMatchObject({ level: 'warn', component: 'config', msg: expect.stringMatching(odd) });
    expect(stderr).not.toMatch(odd);
  });

  test('is checked, and what is odd is told beside the settings', async () => {
    using here = await place('0.0.0.0');
    const { code, stdout, stderr } = await new SluiceCommand(['check', '-c', here.config]).exited();
    expect(code).toBe(0);
    expect(stderr).toMatch(odd);
    expect(stdout).toMatch(/^gateway:/);
  });
});

test('a configuration that lets nobody in is not run', async () => {
  using directory = new TemporaryDirectory();
  const config = directory.file('config.yaml');
  writeFileSync(config, JSON.stringify({ data: { dir: directory.file('data') } }));
  const { code, stdout, stderr } = await new SluiceCommand(['start', '-c', config]).exited();
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(
    /access\.anonymous: is false, and there is no other way in: nobody could connect\. Set .*\n$/,
  );
});

describe('sluice demo', () => {
  test('says at the end what has become of it all', async () => {
    using here = await place();
    const args = ['demo', '-c', here.config, '--devices', '3', '--rate', '50'];
    await using command = new SluiceCommand(args);
    await waitFor(() => command.stdout.split('\n').length > 4, { what: () => command.stderr });
    const { code, stdout, stderr } = await command.kill('SIGINT');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const said =
      /in all +(\d+) received, (\d+) kept, (\d+) delivered, (\d+) pending\n +arrived +(.*)\n$/.exec(stdout);
    const [received, kept, delivered, pending] = said!.slice(1, 5).map(Number);
    expect(received).toBeGreaterThan(50);
    expect({ kept, delivered, pending }).toEqual({ kept: received, delivered: received, pending: 0 });
    expect(said![5]).toBe(
      `nothing lost: all ${received} acknowledged messages have arrived, 0 out of order, 0 duplicates`,
    );
  });
});
