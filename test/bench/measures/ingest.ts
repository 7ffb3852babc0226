// Ingest: how many QoS 1 publishes per second are acknowledged, and what each costs. The gateway without a
// sink keeps them on disk before it acknowledges; mosquitto without persistence acknowledges from memory.

import type { BenchContext, Measure, Measurement, Pair } from '../bench-context.ts';
import { inPairs, seriesOf } from '../bench-context.ts';
import type { PublishResult } from '../load.ts';
import { type Server, startGateway, startMosquitto } from '../servers.ts';
import { type Figure, figureOf, type Target } from '../statistics.ts';

interface Shape {
  connections: number;
  window: number;
  rateTarget?: number;
  cpuTarget?: number;
}

export const shapes: readonly Shape[] = [
  { connections: 50, window: 20, rateTarget: 2, cpuTarget: 0.5 },
  { connections: 500, window: 20, rateTarget: 2 },
  { connections: 500, window: 1, rateTarget: 0.6 },
  { connections: 50, window: 1 },
];

const WARM_UP_S = 1;

export const ingest: Measure = {
  name: 'ingest',
  async run(context) {
    const measurement: Measurement = { figures: [], rounds: [] };
    for (const shape of shapes) {
      const pairs = await measureShape(context, shape);
      measurement.figures.push(...figuresOf(shape, pairs));
      measurement.rounds = [...measurement.rounds, { shape, pairs }];
    }
    return measurement;
  },
};

function measureShape(context: BenchContext, { connections, window }: Shape): Promise<Pair<PublishResult>[]> {
  const { seconds } = context.options;
  const load = async (starting: Promise<Server>): Promise<PublishResult> => {
    await using server = await starting;
    return await context.load.publish({
      port: server.port,
      connections,
      window,
      seconds: WARM_UP_S + seconds,
      warmUpSeconds: WARM_UP_S,
      serverPid: server.pid,
    });
  };
  return inPairs(context, `ingest ${connections} x ${window}`, {
    sluice: () => load(startGateway(context)),
    mosquitto: () => load(startMosquitto(context)),
  });
}

function figuresOf(shape: Shape, pairs: Pair<PublishResult>[]): Figure[] {
  const { connections, window, rateTarget, cpuTarget } = shape;
  const name = `${connections} x ${window}`;
  const rate = seriesOf(pairs, (side) => side.msgs_per_s);
  const cpu = seriesOf(pairs, (side) => side.srv!.cpu_ms_per_1k);
  const peak = seriesOf(pairs, (side) => side.srv!.rss_peak_mb);
  return [
    figureOf({ what: `ingest ${name}`, unit: 'msg/s', ...rate, target: ratio('at-least', rateTarget) }),
    figureOf({ what: `CPU ${name}`, unit: 'ms/1000 msg', ...cpu, target: ratio('at-most', cpuTarget) }),
    figureOf({ what: `peak memory ${name}`, unit: 'MiB', ...peak }),
  ];
}

function ratio(is: Target['is'], value: number | undefined): Target | undefined {
  return value === undefined ? undefined : { of: 'ratio', is, value };
}
