// `sluice start` and `sluice demo` as a person runs them: how they begin, and what they say at the end.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { decoyHash } from '../../gateway/admission/identity/password-hash.ts';
import { freePort } from '../../simulator/system/free-port.ts';
import { SluiceCommand } from '../support/sluice-command.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

interface Place extends Disposable {
  config: string;
  port: number;
}

/** A configuration with an upstream of its own, data in a directory of its own, and free ports. */
async function place(
  host = '127.0.0.1',
  access: object = { anonymous: true },
  sinks?: object,
): Promise<Place> {
  const directory = new TemporaryDirectory();
  const config = directory.file('config.yaml');
  const port = await freePort();
  const upstreamPort = await freePort();
  const settings = {
    data: { dir: directory.file('data') },
    access,
    listeners: [{ type: 'tcp', host, port }],
    upstream: { embedded: true, port: upstreamPort },
    sinks: sinks ?? { cloud: { type: 'mqtt', url: `mqtt://127.0.0.1:${upstreamPort}` } },
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

test('says where it stands when it is asked, and that nothing is forwarded without a sink', async () => {
  using here = await place('127.0.0.1', { anonymous: true }, {});
  await using command = new SluiceCommand(['start', '-c', here.config]);
  await waitFor(() => command.stdout.includes('"listening"'), { what: () => command.stderr });
  command.process.kill('SIGUSR2');
  await waitFor(() => command.stdout.includes('"msg":"status"'), { what: () => command.stdout });
  const { code, stdout, stderr } = await command.kill('SIGTERM');
  expect(code).toBe(0);
  const line = stdout.split('\n').find((text) => text.includes('"msg":"status"'))!;
  expect(JSON.parse(line).status).toMatchObject({
    counters: { received: 0, connections: 0, crowdWaits: 0 },
    admission: { pressure: expect.anything() },
    store: expect.anything(),
    sinks: [],
  });
  expect(stdout).toContain('no sink is configured');
  expect(stderr).toContain('forwarded to         nobody');
});

describe('a password file', () => {
  const hash = decoyHash(undefined);
  const rules = [{ publish: ['plant/{user}/#'] }];
  let directory: TemporaryDirectory;
  let usersFile: string;
  beforeEach(() => {
    directory = new TemporaryDirectory();
    usersFile = directory.file('users');
  });
  afterEach(() => directory[Symbol.dispose]());
  const write = (text: string) => writeFileSync(usersFile, text, { mode: 0o600 });

  test('that cannot be parsed is a line of its place at the start, and is found by check', async () => {
    write(`ann:${hash}\nbob\n`);
    using here = await place('127.0.0.1', { usersFile, rules });
    await using command = new SluiceCommand(['start', '-c', here.config]);
    await waitFor(() => command.stdout.includes('"listening"'), { what: () => command.stderr });
    const { code, stdout } = await command.kill('SIGTERM');
    expect(code).toBe(0); // what it has stored is forwarded all the same
    const fault = `${usersFile}:2 has no colon; write user:hash, or # before a comment`;
    const told = stdout.split('\n').filter((line) => line.includes('"level":"error"'));
    expect(told.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({
        msg: 'the password file cannot be used: nobody can sign in by it',
        reason: expect.stringContaining(fault),
      }),
    ]);
    expect(stdout).not.toContain('stack');
    const checked = await new SluiceCommand(['check', '-c', here.config]).exited();
    expect(checked).toMatchObject({ code: 1, stdout: '' });
    expect(checked.stderr).toMatch(/^\S+config\.yaml:1:\d+ access\.usersFile: [^\n]+\n$/);
    expect(checked.stderr).toContain(fault);
    const elsewhere = await new SluiceCommand(['check', '-c', here.config, '--no-files']).exited();
    expect(elsewhere).toMatchObject({ code: 0, stderr: '' });
  });

  test('that turns bad is a line in the log of a gateway that runs on', async () => {
    write(`ann:${hash}\n`);
    using here = await place('127.0.0.1', { usersFile, rules, reloadMs: '100ms' });
    await using command = new SluiceCommand(['start', '-c', here.config]);
    await waitFor(() => command.stdout.includes('"listening"'), { what: () => command.stderr });
    write('bob\n');
    await waitFor(() => command.stdout.includes('cannot be used'), { what: () => command.stdout });
    const { code, stdout } = await command.kill('SIGTERM');
    expect(code).toBe(0);
    const told = stdout.split('\n').filter((line) => line.includes('cannot be used'));
    expect(told.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({
        level: 'warn',
        msg: 'the password file cannot be used: the users known before stay',
        reason: expect.stringContaining(`${usersFile}:1 has no colon`),
      }),
    ]);
    expect(stdout).not.toContain('stack');
  });

  test('is in the command that a start suggests', async () => {
    write(`ann:${hash}\n`);
    using here = await place('127.0.0.1', { usersFile, rules });
    await using command = new SluiceCommand(['start', '-c', here.config]);
    await waitFor(() => command.stderr.includes('mosquitto_pub'), { what: () => command.stdout });
    const { stderr } = await command.kill('SIGTERM');
    const flags = `-h 127.0.0.1 -p ${here.port} -u USER -P PASSWORD`;
    expect(stderr).toContain(`mosquitto_pub ${flags} -q 1 -t plant/USER/temperature -m 21.5\n`);
    expect(stderr).not.toContain('mosquitto_sub'); // nobody may
  });
});

describe('sluice demo', () => {
  test('does not drive devices that nobody would let in', async () => {
    using here = await place('127.0.0.1', { usersFile: '/gone' });
    const { code, stderr } = await new SluiceCommand(['demo', '-c', here.config]).exited();
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^sluice: access\.anonymous is false, and the devices of the demo have no user name\. /,
    );
  });

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
