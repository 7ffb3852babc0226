// A device that always has more to send gets its rate within 2 %, from 0.1/s to 1000/s, and loses nothing. Ten seconds
// by default; TEST_LONG=1 takes a minute.
//
// Judged is what the gateway has taken, by the times in its log, and not what reached the devices when. Of a bucket of
// `burst` messages that is full at the first one, n messages may be taken by (n - burst) / rate: never more, on any
// machine. Less is taken when the process cannot run for longer than the bucket makes up for; how long that was is
// measured beside it, by pings.

import { expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway-process.ts';
import { LoadDevice } from '../support/load-device.ts';
import { RawClient } from '../support/raw-client.ts';
import { type Admission, admissionsByDevice } from '../support/stored-records.ts';
import { pause, waitFor } from '../support/wait-for.ts';

const SECONDS = process.env.TEST_LONG ? 60 : 10.4; // of 0.1/s the second message comes after ten
const TOLERANCE = 0.02;
/** What a quota is cut to. */
const TICK_MS = 10;
/** The log has the wall clock, quotas the other one: read one after the other, and put right by a time server. */
const CLOCKS_MS = 30;
const CLOCKS_DRIFT = 0.001;
/** A timer that is late by less costs a device nothing, and makes one as much early (quota/token-bucket.ts). */
const SLACK_MS = 50;
const PING_EVERY_MS = 20;
/** A ping that takes longer was held up: neither was anything else done meanwhile. */
const STALL_MS = 30;

/** As in the settings: `setting` a second or minute. The burst is a second's worth. */
const rates = [
  { perS: 0.1, setting: '6/m' },
  { perS: 0.5, setting: '30/m' },
  ...[1, 5, 10, 50, 100, 500, 1000].map((perS) => ({ perS, setting: `${perS}/s` })),
];
const nameOf = (perS: number): string => `device-${perS}`;

function deviceOf(port: number, perS: number, index: number): LoadDevice {
  const device = new LoadDevice({
    index,
    name: nameOf(perS),
    port,
    version: index % 2 === 0 ? 4 : 5,
    window: Math.max(3, perS * 2),
    topicOf: () => 't',
    qosOf: () => 1,
    payloadOf: (sequence) => Buffer.from(`${sequence}`),
  });
  device.credit = Number.POSITIVE_INFINITY;
  return device;
}

/** How long gateway or test could not run, each time, until `isOver`. */
async function stalls(port: number, isOver: () => boolean): Promise<number[]> {
  using probe = await RawClient.connect(port, 4, { clientId: 'probe' });
  const found: number[] = [];
  while (!isOver()) {
    const sinceMs = performance.now();
    await probe.ping();
    await pause(PING_EVERY_MS);
    const lateMs = performance.now() - sinceMs - PING_EVERY_MS;
    if (lateMs > STALL_MS) found.push(lateMs);
  }
  return found;
}

/** Throws when more was taken than the rate allows, at any time. */
function expectNoneEarly(admissions: readonly Admission[], perS: number): void {
  const [{ timeMs: firstMs }] = admissions;
  for (const [i, { timeMs }] of admissions.entries()) {
    const earliestMs = ((i * 1000) / perS - aheadMs(perS)) * (1 - CLOCKS_DRIFT) - CLOCKS_MS;
    if (timeMs - firstMs >= earliestMs) continue;
    throw new Error(`at ${perS}/s message ${i} came after ${timeMs - firstMs} ms, before ${earliestMs}`);
  }
}

/** How far ahead of its rate a device may be. */
function aheadMs(perS: number): number {
  return Math.max(SLACK_MS, ((Math.max(1, perS) - 1) * 1000) / perS);
}

test(`devices with rates from 0.1/s to 1000/s get them within 2 % over ${SECONDS} s, and lose nothing`, async () => {
  const devices = rates.map(({ perS, setting }) => ({ clients: [nameOf(perS)], messagesPerS: setting }));
  const access = { anonymous: true };
  await using gateway = await GatewayProcess.start({ settings: { access, quotas: { devices } } });
  const senders = rates.map(({ perS }, index) => deviceOf(gateway.port, perS, index));
  for (const sender of senders) sender.start();
  await waitFor(() => senders.every(({ acked }) => acked.size > 0), { what: 'the first acknowledgements' });
  const untilMs = performance.now() + SECONDS * 1000;
  const stallsMs = await stalls(gateway.port, () => performance.now() >= untilMs);
  const endMs = Date.now();
  const acknowledged = senders.map(({ acked }) => acked.size);
  for (const sender of senders) sender.credit = 0;

  const taken = admissionsByDevice(gateway.dataDir);
  for (const [i, { perS }] of rates.entries()) {
    const admissions = taken.get(nameOf(perS))!.filter(({ timeMs }) => timeMs < endMs);
    expectNoneEarly(admissions, perS);
    expect(acknowledged[i]).toBeLessThanOrEqual(admissions.length);
    const elapsedMs = endMs - admissions[0].timeMs;
    const burst = 1 + (aheadMs(perS) * perS) / 1000;
    // A shorter one is made up for.
    const lostMs = stallsMs.reduce((sum, stallMs) => sum + Math.max(0, stallMs - aheadMs(perS)), 0);
    const least = burst + ((elapsedMs * (1 - TOLERANCE) - TICK_MS - lostMs) * perS) / 1000;
    const told = `${perS}/s for ${elapsedMs} ms, ${lostMs} ms lost in stalls`;
    expect(admissions.length, told).toBeGreaterThanOrEqual(Math.floor(least));
  }

  // What is under way would take its time, at 0.1/s: from now on there is no limit.
  await gateway.reload({ access });
  await waitFor(() => senders.every(({ inFlight }) => inFlight === 0), { what: 'all acknowledgements' });
  const kept = admissionsByDevice(gateway.dataDir);
  for (const { name, sent, disconnects, refused } of senders) {
    expect({ name, disconnects, refused }).toEqual({ name, disconnects: 0, refused: 0 });
    const payloads = kept.get(name)!.map(({ payload }) => payload);
    expect(payloads).toEqual(Array.from({ length: sent }, (_, sequence) => `${sequence}`));
  }
  for (const sender of senders) sender.stop();
});
