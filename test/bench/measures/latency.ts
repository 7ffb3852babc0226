// Latency: how long an acknowledgement takes at half of the rate that the server can take, counted from the
// moment the message was due. A generator that sends each message when it is due writes one at a time, which
// costs both sides more than windows written at once: the maximum is found with the same pacing, by asking for
// as much as a run at full speed took and looking at what came of it. Each side gets half of its own.

import type { BenchContext, Measure, Measurement } from '../bench-context.ts';
import { inPairs, seriesOf } from '../bench-context.ts';
import type { PublishResult } from '../load.ts';
import { type Server, startGateway, startMosquitto } from '../servers.ts';
import { type Figure, figureOf } from '../statistics.ts';

const SHAPES = [
  { connections: 50, window: 20 },
  { connections: 500, window: 20 },
];
const WARM_UP_S = 1;
const P99_MS_MAX = 25;

interface HalfRateRun {
  maximumPerS: number;
  /** With each message sent when it is due. */
  pacedMaximumPerS: number;
  half: PublishResult;
}

export const latency: Measure = {
  name: 'latency',
  async run(context) {
    const measurement: Measurement = { figures: [], rounds: [] };
    for (const shape of SHAPES) {
      const pairs = await inPairs(context, `latency ${shape.connections} x ${shape.window}`, {
        sluice: () => measureHalfRate(context, startGateway(context), shape),
        mosquitto: () => measureHalfRate(context, startMosquitto(context), shape),
      });
      measurement.figures.push(...figuresOf(shape, pairs));
      measurement.rounds = [...measurement.rounds, { shape, pairs }];
    }
    return measurement;
  },
};

/** Both runs on the same process, so that the second one meets warm code. */
async function measureHalfRate(
  context: BenchContext,
  starting: Promise<Server>,
  shape: (typeof SHAPES)[number],
): Promise<HalfRateRun> {
  await using server = await starting;
  const { seconds } = context.options;
  const load = { ...shape, port: server.port, warmUpSeconds: WARM_UP_S };
  const full = await context.load.publish({ ...load, seconds: WARM_UP_S + seconds / 2 });
  const probe = { ...load, seconds: WARM_UP_S + seconds / 2, messagesPerS: Math.round(full.msgs_per_s) };
  const paced = await context.load.publish(probe);
  const messagesPerS = Math.round(paced.msgs_per_s / 2);
  const half = await context.load.publish({ ...load, seconds: WARM_UP_S + seconds, messagesPerS });
  return { maximumPerS: full.msgs_per_s, pacedMaximumPerS: paced.msgs_per_s, half };
}

function figuresOf(
  { connections, window }: (typeof SHAPES)[number],
  pairs: Awaited<ReturnType<typeof inPairs<HalfRateRun>>>,
): Figure[] {
  const name = `at half rate, ${connections} x ${window}`;
  const rate = seriesOf(pairs, ({ half }) => half.msgs_per_s);
  const p50 = seriesOf(pairs, ({ half }) => half.lat_ms.p50);
  const p99 = seriesOf(pairs, ({ half }) => half.lat_ms.p99);
  return [
    figureOf({ what: `rate ${name}`, unit: 'msg/s', ...rate }),
    figureOf({ what: `ack p50 ${name}`, unit: 'ms', ...p50 }),
    figureOf({
      what: `ack p99 ${name}`,
      unit: 'ms',
      ...p99,
      target: { of: 'figure', is: 'at-most', value: P99_MS_MAX },
    }),
  ];
}
