// `sluice receive` as a process: its output, exit code, signals, and how it tells a fault.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { Receiver, upstreamOf } from '../support/receiver.ts';
import { SluiceCommand } from '../support/sluice-command.ts';
import { TestBroker, until } from '../support/test-broker.ts';

describe('the receive command', () => {
  test('prints the summary as its only output with --summary, and fails when something is missing', async () => {
    await using broker = await TestBroker.start();
    await using upstream = await upstreamOf(broker);
    await using command = new SluiceCommand(['receive', '--from', broker.url, '--summary', '--count', '3']);
    await until(() => command.stderr.includes('received'));
    await upstream.batch(0, 1);
    await upstream.batch(5, 2);
    const { code, stdout } = await command.exited();
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, records: 3, gaps: 1, missing: 4 });
  });

  test('can be interrupted while it waits for a broker that does not answer', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    const connections: Socket[] = [];
    silent.on('connection', (socket) => void connections.push(socket));
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    await using command = new SluiceCommand(['receive', '--from', `mqtt://127.0.0.1:${port}`]);
    await once(silent, 'connection');
    const { code, stderr } = await command.kill('SIGINT');
    expect({ code, lines: stderr.trimEnd().split('\n').length }).toEqual({ code: 0, lines: 1 });
    for (const socket of connections) socket.destroy();
    silent.close();
  });

  test('says how it stands when that has changed, and ends in order at an interrupt', async () => {
    await using broker = await TestBroker.start();
    await using upstream = await upstreamOf(broker);
    await using command = new SluiceCommand(['receive', '--from', broker.url]);
    await until(() => command.stderr.includes('received'));
    await upstream.batch(0, 2);
    await until(() =>
      command.stderr.includes('received 1, batches 1, records 2, duplicates 0, gaps 0, out of order 0'),
    );
    const { code, stdout, stderr } = await command.kill('SIGINT');
    expect(code).toBe(0);
    expect(stdout.split('\n')).toHaveLength(3);
    expect(JSON.parse(stderr.trimEnd().split('\n').at(-1)!)).toMatchObject({ ok: true, records: 2 });
  });

  test('ends when nobody reads what it prints, and what was not read stays upstream', async () => {
    await using broker = await TestBroker.start();
    await using upstream = await upstreamOf(broker);
    const args = ['receive', '--from', broker.url, '--client-id', 'r1', '--persistent'];
    await using command = new SluiceCommand(args);
    await until(() => command.stderr.includes('received'));
    await upstream.batch(0, 1);
    await until(() => command.stdout !== '');
    command.process.stdout!.destroy();
    await upstream.batch(1, 1);
    const { code, stderr } = await command.exited();
    expect(code).toBe(0);
    expect(stderr).not.toContain('    at ');
    await using second = await new Receiver({ from: broker.url, clientId: 'r1', persistent: true }).started();
    await until(() => second.lines.length > 0);
    expect(second.offsets).toEqual([1]);
  });

  test.each([
    [
      ['--from', 'mqtt://127.0.0.1:1'],
      /^sluice: cannot subscribe to 'sluice\/#' at mqtt:\/\/127\.0\.0\.1:1: .*ECONNREFUSED.*\. Check/,
    ],
    [['--from', 'nonsense'], /^sluice: 'nonsense' is no address of a broker\. Write mqtt:/],
    [['--from', 'mqtt://127.0.0.1:1', '--persistent'], /^sluice: --persistent .*\. Add --client-id\./],
  ])('tells a fault in one line, with what to do, and fails (%j)', async (args, expected) => {
    const { code, stdout, stderr } = await new SluiceCommand(['receive', ...args]).exited();
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(expected)]);
  });
});
