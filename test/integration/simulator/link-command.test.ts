// `sluice simulate proxy` as a process, with mosquitto behind it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { connect } from 'mqtt';
import { describe, expect, test } from 'vitest';
import { MosquittoProcess } from '../../../simulator/system/mosquitto-process.ts';
import { hasMosquitto } from '../../support/mosquitto.ts';
import { SluiceCommand } from '../../support/sluice-command.ts';
import { waitFor } from '../../support/wait-for.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** `sluice simulate` with this one command. */
const SIMULATE = `
  import { Command } from 'commander';
  import { registerSimulateProxy } from './gateway/commands/simulate-proxy.ts';
  const simulate = new Command('simulate');
  registerSimulateProxy(simulate);
  await simulate.parseAsync();`;

class ProxyCommand implements AsyncDisposable {
  readonly #process: ChildProcess;
  stdout = '';
  stderr = '';

  constructor(...args: string[]) {
    const node = ['--input-type=module', '-e', SIMULATE, '--', 'proxy', ...args];
    this.#process = spawn(process.execPath, node, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process.stdout!.on('data', (text) => {
      this.stdout += text;
    });
    this.#process.stderr!.on('data', (text) => {
      this.stderr += text;
    });
  }

  /** Resolves to the port, when it listens. */
  async port(): Promise<number> {
    const address = /127\.0\.0\.1:(\d+) -> /;
    await waitFor(() => address.test(this.stdout), { what: () => `the proxy to begin: ${this.stderr}` });
    return Number(address.exec(this.stdout)?.[1]);
  }

  async exitCode(signal?: NodeJS.Signals): Promise<number | null> {
    const isGone = once(this.#process, 'close');
    if (signal !== undefined) this.#process.kill(signal);
    return (await isGone)[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) await this.exitCode('SIGKILL');
  }
}

describe.skipIf(!hasMosquitto())('the proxy command', () => {
  test('carries MQTT over a slow link that is cut again and again, and sums up at Ctrl-C', async () => {
    await using broker = await MosquittoProcess.create();
    await broker.server.start();
    const to = `127.0.0.1:${broker.server.port}`;
    await using command = new ProxyCommand(
      ...['--listen', '127.0.0.1:0', '--to', to, '--latency', '50ms', '--bandwidth', '400kbit/s'],
      ...['--cut-every', '600ms', '--cut-for', '50ms'],
    );
    const url = `mqtt://127.0.0.1:${await command.port()}`;
    expect(command.stdout).toContain(
      'latency 50 to 50 ms, up 400 kbit/s, down 400 kbit/s, cut every 600 ms for 50 ms',
    );
    const client = connect(url, { protocolVersion: 5, reconnectPeriod: 20 });
    client.on('error', () => {}); // refused during a cut; it connects again
    await new Promise((resolve) => client.once('connect', resolve));
    const startMs = performance.now();
    await client.publishAsync('test/x', 'hello', { qos: 1 });
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(99); // there and back
    await new Promise<void>((resolve) => client.once('close', resolve));
    await new Promise((resolve) => client.once('connect', resolve));
    await client.publishAsync('test/x', 'again', { qos: 1 });
    await client.endAsync(true);
    await waitFor(() => /connection 1 closed/.test(command.stdout), {
      what: 'the line of the closed connection',
    });
    expect(await command.exitCode('SIGINT')).toBe(0);
    const lines = command.stdout.trimEnd().split('\n');
    for (const event of ['connection 1 opened', 'cut begins', 'cut ends', 'connection 1 closed']) {
      expect(lines.some((line) => line.endsWith(` s  ${event}`))).toBe(true);
    }
    expect(lines.at(-1)).toMatch(
      /sum: connections \d+ \(open \d\), refused \d+, reset [1-9]\d*, .* up \d+ B, down \d+ B$/,
    );
    expect(command.stderr).toBe('');
  });
});

describe('the proxy command', () => {
  test('refuses what it cannot do with one line, and 3, as all of simulate', async () => {
    await using command = new ProxyCommand('--listen', ':0', '--to', ':1', '--bandwidth', 'much');
    expect(await command.exitCode()).toBe(3);
    expect([command.stdout, command.stderr]).toEqual([
      '',
      "sluice: --bandwidth 'much' is no bandwidth. Write a bandwidth such as 50kbit/s, 2Mbit/s or 400kB/s.\n",
    ]);
  });

  test.each([
    ['an argument that is missing', ['--to', ':1'], /^error: required option '--listen/],
    [
      'an option that it does not know',
      ['--listen', ':0', '--to', ':1', '--colour'],
      /^error: unknown option/,
    ],
    ['an address that is not of this machine', ['--listen', '192.0.2.1:0', '--to', ':1'], /^sluice: /],
  ])('could not be run for %s: 3', async (_, args, wanted) => {
    const { code, stderr } = await new SluiceCommand(['simulate', 'proxy', ...args]).exited();
    expect(stderr).toMatch(wanted);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(3);
  });
});
