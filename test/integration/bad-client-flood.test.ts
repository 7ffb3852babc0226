// Many clients that send nonsense end one by one, each counted, without filling the log.

import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { RunningGateway } from '../support/running-gateway.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';

const CLIENTS = 300;
const LINES_MAX = 20;

/** Resolves when the gateway has ended the connection. */
function sendNonsense(port: number, bytes: number[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(Buffer.from(bytes)));
    socket.on('error', reject);
    socket.resume().on('close', () => resolve());
  });
}

test('a flood of bad clients is a few lines and a sum by reason, and the count is exact', async () => {
  using directory = new TemporaryDirectory();
  const gateway = await RunningGateway.start(directory.path);
  const reserved = [0x00, 0x00]; // type 0
  const publish = [0x30, 0x05, 0x00, 0x01, 0x61, 0x78, 0x78]; // before CONNECT
  const all = Array.from({ length: CLIENTS }, (_, i) =>
    sendNonsense(gateway.port, i % 3 ? reserved : publish),
  );
  await Promise.all(all);
  const { protocolViolations } = await gateway.counters();
  await gateway.stop();
  expect(protocolViolations).toBe(CLIENTS);
  const single = gateway.lines.filter(({ event }) => event === 'protocol-violation');
  expect(single.length).toBe(LINES_MAX);
  const sums = gateway.lines.filter(({ event }) => event === 'connections-ended');
  expect(sums.length).toBeLessThan(LINES_MAX);
  const reasons = sums.flatMap((line) => Object.entries(line.reasons as Record<string, number>));
  const summed = reasons.reduce((sum, [, count]) => sum + count, 0);
  expect(single.length + summed).toBe(CLIENTS);
  expect(sums.reduce((sum, { count }) => sum + Number(count), 0)).toBe(summed);
  expect(new Set(reasons.map(([reason]) => reason)).size).toBe(2);
});
