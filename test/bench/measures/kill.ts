// Kill: the server is killed (SIGKILL) under load while upstream is away, and started again when upstream is
// back. How many of the messages that it had acknowledged never arrive there? Compared by the ledgers of
// mqload.

import { join } from 'node:path';
import { type BenchContext, inPairs, type Measure, seriesOf } from '../bench-context.ts';
import type { LedgerComparison } from '../load.ts';
import { gatewayServer, mosquittoServer, type Server } from '../servers.ts';
import { figureOf } from '../statistics.ts';

const MESSAGES_PER_S = 50_000;
/** How often the bridging mosquitto saves everything: as often as its settings allow. */
const AUTOSAVE_S = 1;
/** By then the bridging mosquitto has saved what it had, at least twice. */
const KILL_AFTER_MS_MIN = 4000;
const PUBLISH_S_MAX = 60;
const SILENCE_S = 4;
const ARRIVE_S_MAX = 90;
/** A device of its own, whose one message starts the receiver's count of silence where nothing else comes. */
const STARTING_DEVICE = 900_000;

export const kill: Measure = {
  name: 'kill',
  async run(context) {
    if (context.mosquittoVersion === null) {
      return { figures: [], rounds: [], notes: ['The kill test needs a mosquitto as upstream: not made.'] };
    }
    // Yes or no, not a figure that needs a median: test/fault kills far more often.
    const once = { ...context, options: { ...context.options, rounds: 1 } };
    const pairs = await inPairs(once, 'kill -9 in an outage', {
      sluice: () =>
        killInOutage(context, (upstreamPort) => gatewayServer(context, { upstreamPort, format: 'each' })),
      mosquitto: () =>
        killInOutage(context, (bridgeTo) => mosquittoServer(context, { bridgeTo, autosaveS: AUTOSAVE_S })),
    });
    return {
      figures: [
        figureOf({
          what: 'acknowledged messages lost by a kill -9',
          unit: 'msg',
          ...seriesOf(pairs, ({ acked_lost }) => acked_lost),
          target: { of: 'figure', is: 'at-most', value: 0 },
        }),
        figureOf({
          what: 'of so many acknowledged',
          unit: 'msg',
          ...seriesOf(pairs, ({ acked }) => acked),
        }),
      ],
      rounds: pairs,
      notes: NOTES,
    };
  },
};

async function killInOutage(
  context: BenchContext,
  serverFor: (upstreamPort: number) => Promise<Server>,
): Promise<LedgerComparison> {
  const { load, options } = context;
  await using upstream = await mosquittoServer(context); // not started: the outage
  await using server = await serverFor(upstream.port);
  await server.start();
  const acknowledged = join(upstream.directory, 'acknowledged');
  const received = join(upstream.directory, 'received');
  const publishing = load.publish({
    port: server.port,
    connections: 50,
    window: 20,
    messagesPerS: MESSAGES_PER_S,
    seconds: PUBLISH_S_MAX,
    ledger: acknowledged,
    serverDies: true,
  });
  const killing = new Promise((resolve) =>
    setTimeout(resolve, Math.max(KILL_AFTER_MS_MIN, options.seconds * 1500)),
  ).then(() => server.stop('SIGKILL'));
  await Promise.all([publishing, killing]);
  await upstream.start();
  const subscription = load.subscribe({
    port: upstream.port,
    seconds: ARRIVE_S_MAX,
    idleSeconds: SILENCE_S,
    ledger: received,
  });
  await subscription.subscribed;
  await server.start();
  const startsCount = { port: upstream.port, connections: 1, window: 1, messages: 1, seconds: 10 };
  await load.publish({ ...startsCount, firstDevice: STARTING_DEVICE });
  const startMs = performance.now();
  const { endedAtMs } = await subscription.result;
  if (endedAtMs - startMs > (ARRIVE_S_MAX - SILENCE_S) * 1000) throw new Error('messages still arrive');
  return await load.compare(acknowledged, received);
}

const NOTES = [
  'Kill: 50 k msg/s while upstream is away, SIGKILL, upstream back, restart on the same data. The ' +
    'bridging mosquitto has `persistence true` and `autosave_interval 1`, the most often it can save; ' +
    'what it acknowledged after its last save is lost. A SIGKILL is not a power cut: what a process has ' +
    'written stays in the page cache.',
];
