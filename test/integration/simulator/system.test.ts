// Processes that the simulator starts: they accept, are killed, come back on what they have, and never outlive it. The
// harm that is done to their disks.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectAsync } from 'mqtt';
import { describe, expect, test } from 'vitest';
import { LinkProxy } from '../../../simulator/faults/link-proxy.ts';
import { DiskFill } from '../../../simulator/system/fill-disk.ts';
import { freePort } from '../../../simulator/system/free-port.ts';
import { PowerCut } from '../../../simulator/system/power-cut.ts';
import { ServerProcess, type ServerProcessOptions } from '../../../simulator/system/server-process.ts';
import { SluiceProcess } from '../../../simulator/system/sluice-process.ts';
import { SmallDisk } from '../../../simulator/system/small-disk.ts';
import { canMount, hasCompiler } from '../../support/machine-tools.ts';
import { TemporaryDirectory } from '../../support/temporary-directory.ts';
import { TestBroker } from '../../support/test-broker.ts';
import { waitFor } from '../../support/wait-for.ts';

const CLI = fileURLToPath(new URL('../../../gateway/cli.ts', import.meta.url));
const POWERCUT_C = fileURLToPath(new URL('../../../simulator/system/powercut.c', import.meta.url));
const SERVER_PROCESS = new URL('../../../simulator/system/server-process.ts', import.meta.url).href;
/** The one of `npm start`: starting takes half as long. */
/** Listens on the port that it is given, and says so. */
const LISTEN =
  "require('net').createServer().listen(+process.argv[1], '127.0.0.1', () => console.log('here'));";

async function serverOptions(script: string): Promise<ServerProcessOptions> {
  const port = await freePort();
  const command = [process.execPath, '-e', script, String(port)];
  return { name: 'the server', command, cwd: '/', env: { PATH: process.env.PATH }, port };
}

/** As signal 0 tells it; a zombie that nobody has asked for its exit code counts as gone. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false; // no such process
  }
}

describe('a server process', () => {
  test('is up when it accepts, can be killed and started again, and is stopped in order', async () => {
    const lines: string[] = [];
    const polite = `${LISTEN} process.on('SIGTERM', () => { console.log('bye'); process.exit(7); });`;
    await using server = new ServerProcess({
      ...(await serverOptions(polite)),
      onLine: (line) => void lines.push(line),
    });
    await server.start();
    const first = server.pid as number;
    await waitFor(() => lines.length === 1, { what: 'its first words' });
    expect(server.usage?.rssBytes).toBeGreaterThan(10 * 1024 * 1024);
    await server.kill();
    await server.kill();
    expect([isAlive(first), server.isRunning]).toEqual([false, false]);
    expect(await server.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await server.start();
    expect(server.pid).not.toBe(first);
    expect(await server.stop()).toEqual({ code: 7, signal: null });
    expect(await server.stop()).toEqual({ code: 7, signal: null });
    expect(lines).toEqual(['here', 'here', 'bye']);
    expect([server.starts, server.usage]).toEqual([2, undefined]);
  });

  test('that ends by itself is told from one that was ended', async () => {
    const failing = `${LISTEN.replace('createServer()', 'createServer(() => process.exit(4))')}`;
    await using broken = new ServerProcess(await serverOptions(failing));
    await broken.start();
    await broken.exited;
    expect(broken.ownEndings).toEqual(['the server ended by itself (code 4)']);
    await using server = new ServerProcess(await serverOptions(LISTEN));
    await server.start();
    await server.kill();
    await server.start();
    await server.stop();
    expect(server.ownEndings).toEqual([]);
    await server.start();
    process.kill(server.pid as number, 'SIGKILL');
    await server.exited;
    expect(server.ownEndings).toEqual(['the server ended by itself (signal SIGKILL)']);
  });

  test('that does not end when asked is killed', async () => {
    await using server = new ServerProcess(await serverOptions(`process.on('SIGTERM', () => {}); ${LISTEN}`));
    await server.start();
    expect(await server.stop(100)).toEqual({ code: null, signal: 'SIGKILL' });
  });

  test('that ends instead of starting is told with its last words', async () => {
    const { port, ...rest } = await serverOptions("console.error('no such bean'); process.exit(3);");
    await using server = new ServerProcess({ ...rest, port });
    await expect(server.start()).rejects.toMatchObject({
      code: 'SERVER_ENDED',
      message: 'the server ended instead of starting: no such bean',
    });
    expect(await server.exited).toMatchObject({ code: 3 });
  });

  test('that cannot be run at all is a fault, not a wait', async () => {
    const options = await serverOptions('');
    await using server = new ServerProcess({ ...options, command: ['/no/such/program'] });
    await expect(server.start()).rejects.toMatchObject({ code: 'SERVER_ENDED' });
    await using homeless = new ServerProcess({ ...options, cwd: '/no/such/directory' });
    await expect(homeless.start()).rejects.toMatchObject({ code: 'SERVER_ENDED' });
  });

  test('and what it has started are gone when the simulator is killed', async () => {
    const { command, port } = await serverOptions(LISTEN);
    const options = {
      name: 'x',
      cwd: '/',
      env: {},
      port,
      command: ['/bin/sh', '-c', '"$@"; true', 'sh', ...command],
    };
    const simulator = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { ServerProcess } from '${SERVER_PROCESS}';
        const server = new ServerProcess(${JSON.stringify(options)});
        await server.start();
        console.log(server.pid);`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [pid] = await once(simulator.stdout, 'data');
    expect(isAlive(Number(pid))).toBe(true);
    simulator.kill('SIGKILL');
    await waitFor(() => !isAlive(Number(pid)), { what: 'the server to go with the simulator' });
    await using next = new ServerProcess({ ...options, command, name: 'the next one' });
    await next.start(); // the port is free: the child of the shell has gone too
    expect(next.isRunning).toBe(true);
  });
});

/** A gateway whose messages arrive in `arrived` when the link lets them. */
async function gatewayRig() {
  await using stack = new AsyncDisposableStack();
  const broker = stack.use(await TestBroker.start());
  const link = stack.use(await LinkProxy.start({ target: { port: Number(new URL(broker.url).port) } }));
  const arrived = new Set<string>();
  broker.broker.on('publish', (packet) => {
    if (packet.topic.startsWith('test/')) arrived.add(packet.payload.toString());
  });
  const gateway = stack.use(
    await SluiceProcess.create({
      command: [process.execPath, CLI],
      settings: {
        sinks: {
          cloud: { type: 'mqtt', format: 'each', topic: '{topic}', reconnect: { minMs: 20, maxMs: 100 } },
        },
      },
      upstreamUrl: `mqtt://127.0.0.1:${link.port}`,
    }),
  );
  const moved = stack.move();
  return { link, gateway, arrived, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}

/** Resolves when the gateway has acknowledged them. */
async function publish(url: string, names: readonly string[]): Promise<void> {
  const client = await connectAsync(url, { protocolVersion: 5 });
  await Promise.all(names.map((name) => client.publishAsync('test/x', name, { qos: 1 })));
  await client.endAsync();
}

const names = (prefix: string) => Array.from({ length: 20 }, (_, i) => `${prefix}-${i}`);

describe('the gateway as a process', () => {
  test('delivers after a kill what it acknowledged before, and stops in order', async () => {
    await using rig = await gatewayRig();
    const { link, gateway, arrived } = rig;
    link.set({ isRefusing: true });
    await gateway.server.start();
    await publish(gateway.url, names('before'));
    await gateway.killAndRestart();
    await publish(gateway.url, names('after'));
    link.heal();
    await waitFor(() => arrived.size === 40, { what: () => `all messages, ${arrived.size} are there` });
    expect(gateway.version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(await gateway.stop()).toBe(true);
    expect(gateway.server.output).toContain('"msg"');
  });

  test.skipIf(!hasCompiler())('has after a power cut what it acknowledged before', async () => {
    await using rig = await gatewayRig();
    const { link, gateway, arrived } = rig;
    using power = new PowerCut({ server: gateway.server, dataDir: gateway.dataDir, sourceFile: POWERCUT_C });
    link.set({ isRefusing: true });
    await gateway.server.start();
    await publish(gateway.url, names('first'));
    const unsynced = join(gateway.dataDir, 'unsynced');
    writeFileSync(unsynced, 'never synced');
    await power.cutAndRestart();
    expect(existsSync(unsynced)).toBe(false);
    link.heal();
    await waitFor(() => arrived.size === 20, { what: () => `all messages, ${arrived.size} are there` });
    expect(power.cuts).toBe(1);
    await gateway.server.kill();
  });

  test('keeps a directory that it was given, and leaves none of its own', async () => {
    using directory = new TemporaryDirectory();
    const given = join(directory.path, 'kept');
    const make = (options: { directory?: string }) =>
      SluiceProcess.create({
        command: [process.execPath, CLI],
        upstreamUrl: 'mqtt://127.0.0.1:1',
        ...options,
      });
    const kept = await make({ directory: given });
    const own = await make({});
    const paths = [kept.directory, own.directory];
    await kept[Symbol.asyncDispose]();
    await own[Symbol.asyncDispose]();
    expect(paths.map((path) => existsSync(path))).toEqual([true, false]);
    expect(JSON.parse(readFileSync(join(given, 'config.yaml'), 'utf8'))).toMatchObject({
      data: { dir: join(given, 'data') },
      sinks: { cloud: { type: 'mqtt', url: 'mqtt://127.0.0.1:1' } },
    });
  });
});

describe('a disk', () => {
  test('that is not small is never filled', () => {
    expect(() => new DiskFill(process.cwd())).toThrow(
      expect.objectContaining({ code: 'DISK_TOO_LARGE', message: expect.stringContaining('GiB') }),
    );
  });

  test.skipIf(!canMount())('is filled to what is to be left, and emptied again', async () => {
    const MiB = 1024 * 1024;
    await using disk = SmallDisk.mount(8 * MiB);
    using fill = new DiskFill(disk.directory);
    fill.fill(3 * MiB);
    expect(Math.abs(disk.freeBytes - 3 * MiB)).toBeLessThanOrEqual(64 * 1024);
    writeFileSync(join(disk.directory, 'data'), Buffer.alloc(2 * MiB));
    fill.fill(0);
    expect(disk.freeBytes).toBe(0);
    expect(() => writeFileSync(join(disk.directory, 'more'), Buffer.alloc(MiB))).toThrow(/ENOSPC/);
    fill.release();
    expect(disk.freeBytes).toBeGreaterThan(5 * MiB);
  });

  test.skipIf(!canMount())('is unmounted at the end, also when something on it is still open', async () => {
    const disk = SmallDisk.mount(1024 * 1024);
    mkdirSync(join(disk.directory, 'busy'));
    const user = spawn('sleep', ['60'], { cwd: join(disk.directory, 'busy') });
    await once(user, 'spawn');
    await disk[Symbol.asyncDispose]();
    await disk[Symbol.asyncDispose]();
    user.kill('SIGKILL');
    expect(existsSync(disk.directory)).toBe(false);
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(disk.directory.replace(/\/disk$/, ''));
  });
});
