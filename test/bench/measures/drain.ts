// Drain: upstream is away while messages are taken, then it is back while devices go on at a steady rate. How
// fast does what has piled up go out, compared with what comes in, and is anything of the live load lost?

import { BatchReceiver } from '../batch-receiver.ts';
import { type BenchContext, inRounds, type Measure } from '../bench-context.ts';
import { mosquittoServer, startGateway } from '../servers.ts';
import { figureOf } from '../statistics.ts';

const LIVE_PER_S = 5000;
/** Longer than other runs, so that it outlasts the wait to reconnect and the drain. */
const LIVE_SECONDS_FACTOR = 2;
const DRAIN_RATIO_MIN = 5;
const FILL_S_MAX = 120;
const DONE_MS_MAX = 120_000;

interface DrainRun {
  outageRecords: number;
  /** Upstream listens again -> its first batch; mostly the wait between two attempts to connect. */
  reconnectedAfterMs: number;
  /** From the moment upstream listens again, waiting to connect included. */
  drainedPerS: number;
  /** From the first batch there: what the path can do. */
  drainedPerSOnceConnected: number;
  liveAcked: number;
  liveLost: number;
  liveAckP99Ms: number;
  duplicates: number;
}

export const drain: Measure = {
  name: 'drain',
  async run(context) {
    if (context.mosquittoVersion === null) {
      return { figures: [], rounds: [], notes: ['Draining needs a mosquitto as upstream: not measured.'] };
    }
    const rounds = await inRounds(context, 'drain after an outage', () => measureDrain(context));
    const least = DRAIN_RATIO_MIN * LIVE_PER_S;
    return {
      figures: [
        figureOf({
          what: `drain, live load ${LIVE_PER_S / 1000} k msg/s`,
          unit: 'msg/s',
          sluice: rounds.map(({ drainedPerS }) => drainedPerS),
          target: { of: 'figure', is: 'at-least', value: least },
        }),
        figureOf({
          what: 'drain once connected',
          unit: 'msg/s',
          sluice: rounds.map(({ drainedPerSOnceConnected }) => drainedPerSOnceConnected),
        }),
        figureOf({
          what: 'live messages lost meanwhile',
          unit: 'msg',
          sluice: rounds.map(({ liveLost }) => liveLost),
          target: { of: 'figure', is: 'at-most', value: 0 },
        }),
        figureOf({
          what: 'live ack p99 meanwhile',
          unit: 'ms',
          sluice: rounds.map(({ liveAckP99Ms }) => liveAckP99Ms),
        }),
        figureOf({
          what: 'upstream back to first batch',
          unit: 'ms',
          sluice: rounds.map(({ reconnectedAfterMs }) => reconnectedAfterMs),
        }),
      ],
      rounds,
      notes: NOTES,
    };
  },
};

async function measureDrain(context: BenchContext): Promise<DrainRun> {
  const { load, options } = context;
  // Its session outlives the outage: nothing that upstream accepts misses the subscriber.
  await using upstream = await mosquittoServer(context, { autosaveS: 1800 });
  await upstream.start();
  await using receiver = await BatchReceiver.connect({ port: upstream.port, persistent: true });
  await upstream.stop();
  await using gateway = await startGateway(context, { upstreamPort: upstream.port, format: 'batch' });
  const outage = { port: gateway.port, connections: 50, window: 20, messages: options.outageRecords };
  const { acked: outageRecords } = await load.publish({ ...outage, seconds: FILL_S_MAX });
  await upstream.start();
  const backAtMs = performance.now();
  const [live, drainedAtMs] = await Promise.all([
    load.publish({
      port: gateway.port,
      connections: 50,
      window: 20,
      firstDevice: 1000,
      messagesPerS: LIVE_PER_S,
      seconds: options.seconds * LIVE_SECONDS_FACTOR,
    }),
    receiver.received(outageRecords, DONE_MS_MAX),
  ]);
  const expected = outageRecords + live.acked;
  const liveLost = await receiver.received(expected, DONE_MS_MAX).then(
    () => 0,
    () => expected - receiver.nextOffset,
  );
  return {
    outageRecords,
    reconnectedAfterMs: receiver.firstAtMs - backAtMs,
    drainedPerS: outageRecords / ((drainedAtMs - backAtMs) / 1000),
    drainedPerSOnceConnected: outageRecords / ((drainedAtMs - receiver.firstAtMs) / 1000),
    liveAcked: live.acked,
    liveLost,
    liveAckP99Ms: live.lat_ms.p99,
    duplicates: receiver.account.duplicates,
  };
}

const NOTES = [
  'Drain: from the moment that upstream accepts connections again (so the wait before the gateway’s ' +
    'next attempt counts) until its subscriber has all that was taken during the outage, devices going on' +
    ' at the live rate meanwhile. Order is kept within the lane, so live messages follow the backlog. ' +
    'Once connected: from the first batch on.',
];
