// What is held of clients that have gone must not grow with their number: their connection, and all that hangs on it,
// is let go. So also while a store takes nothing because the disk is full, perhaps for hours, and clients connect,
// send, give up and come back.

import { describe, expect, test } from 'vitest';
import { GatewayProcess, type GatewaySettings } from '../support/gateway-process.ts';
import { HeapProbe } from '../support/heap-probe.ts';
import type { ClientVersion } from '../support/mqtt-frame-packets.ts';
import { type ConnectFields, connectPacket, RawClient } from '../support/raw-client.ts';
import { waitFor } from '../support/wait-for.ts';

/** What a client with its connection takes in the gateway's memory, at least. */
const CLIENT_BYTES = 15 * 1024;
/** The same while its session is being opened, at most. */
const WAITING_CLIENT_BYTES = 35 * 1024;
/** What group-commit.ts admits (AWAITED_MAX), and those that are signing in by then. */
const WAITING_MAX = 1100;
const AT_A_TIME = 50;

/** A gateway, and how much it holds. */
class MeasuredGateway implements AsyncDisposable {
  readonly #probe = new HeapProbe();
  #gateway!: GatewayProcess;

  static async start(settings: GatewaySettings = {}): Promise<MeasuredGateway> {
    const measured = new MeasuredGateway();
    const env = { ...measured.#probe.env, SLUICE_LOG__LEVEL: 'warn' };
    measured.#gateway = await GatewayProcess.start({ env, settings });
    return measured;
  }

  /** Its store takes nothing. */
  static stalled(settings: GatewaySettings = {}): Promise<MeasuredGateway> {
    return MeasuredGateway.start({
      buffer: { minFreeDiskBytes: '1TiB' }, // no disk here has as much
      pressure: { refuseConnections: 1, stopReading: 1 }, // never
      ...settings,
    });
  }

  connect(clientId: string, version: ClientVersion = 4, fields: ConnectFields = {}): Promise<RawClient> {
    return RawClient.connect(this.#gateway.port, version, { clientId, ...fields });
  }

  open(): Promise<RawClient> {
    return RawClient.open(this.#gateway.port, 4);
  }

  get heldBytes(): Promise<number> {
    return this.#probe.heldBytes(this.#gateway);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#gateway[Symbol.asyncDispose]();
    this.#probe[Symbol.dispose]();
  }
}

async function each(count: number, visit: (index: number) => Promise<void>): Promise<void> {
  for (let from = 0; from < count; from += AT_A_TIME)
    await Promise.all(Array.from({ length: AT_A_TIME }, (_, i) => visit(from + i)));
}

test('clients whose session stays are let go, and those whose will is still to come', async () => {
  await using gateway = await MeasuredGateway.start();
  const will = { topic: 'a/gone', payload: 'gone', properties: { willDelayInterval: 3600 } };
  const fields = { clean: false, properties: { sessionExpiryInterval: 3600 }, will };
  const visit = async (index: number): Promise<void> => {
    using client = await gateway.connect(`device-${index}`, 5, fields);
    await client.ping();
  };
  await each(100, visit);
  const beforeBytes = await gateway.heldBytes;
  await each(800, (index) => visit(100 + index));
  expect(((await gateway.heldBytes) - beforeBytes) / 800).toBeLessThan(CLIENT_BYTES / 2);
});

describe('while the store is stalled', () => {
  test('clients that have gone are let go, though acknowledgements are owed to them', async () => {
    await using gateway = await MeasuredGateway.stalled();
    const visit = async (index: number): Promise<void> => {
      using client = await gateway.connect(`device-${index}`);
      client.publish('a/b', 'reading', { qos: 1, messageId: 1 });
      await client.ping(); // the publish has been taken
    };
    await each(100, visit);
    const beforeBytes = await gateway.heldBytes;
    await each(800, (index) => visit(100 + index));
    expect(((await gateway.heldBytes) - beforeBytes) / 800).toBeLessThan(CLIENT_BYTES / 4);
  });

  test('clients that were taken over are let go, though they waited for room', async () => {
    await using gateway = await MeasuredGateway.stalled({ commit: { recordsMax: 256 } });
    const visit = async (index: number): Promise<void> => {
      using client = await gateway.connect(`device-${index % AT_A_TIME}`);
      client.publish('a/b', 'reading', { qos: 1, messageId: 1 });
    };
    await each(600, visit); // more than two commits
    const beforeBytes = await gateway.heldBytes;
    await each(800, visit);
    expect(((await gateway.heldBytes) - beforeBytes) / 800).toBeLessThan(CLIENT_BYTES / 4);
  });

  test('a bounded number of clients waits for a session to be opened, and no others are taken on', async () => {
    await using gateway = await MeasuredGateway.stalled({
      mqtt: { connectTimeoutMs: '1s' },
      access: { anonymous: true, failures: { delayMaxMs: '100ms' } },
      quotas: { connections: { pendingMax: 10_000, pendingPerAddressMax: 10_000 } }, // they all come from here
    });
    const guest = async (index: number): Promise<void> => {
      using client = await gateway.connect(`guest-${index}`);
      await client.ping();
    };
    await each(100, guest);
    const beforeBytes = await gateway.heldBytes;
    await each(3000, async (index) => {
      using client = await gateway.open();
      client.send(connectPacket(4, { clientId: `device-${index}`, clean: false }));
    });
    await guest(100); // served, though it came behind all of them
    const heldBytes = async () => (await gateway.heldBytes) - beforeBytes;
    await waitFor(async () => (await heldBytes()) < WAITING_MAX * WAITING_CLIENT_BYTES, {
      what: 'those that were not taken on to be let go',
    });
    // Nobody who was taken on is turned away: as many as may wait do.
    expect(await heldBytes()).toBeGreaterThan((WAITING_MAX / 2) * CLIENT_BYTES);
  });
});
