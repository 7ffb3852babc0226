// Memory: resident memory with 1,000 connections that publish 2,000 messages a second, all of them forwarded
// upstream.

import { type BenchContext, inPairs, type Measure, seriesOf } from '../bench-context.ts';
import { type Memory, memoryOf } from '../process-usage.ts';
import { type Server, startGateway, startMosquitto } from '../servers.ts';
import { figureOf } from '../statistics.ts';

const MIB_MAX = 200;
const LOAD = { connections: 1000, window: 20, messagesPerS: 2000 };
/** Longer than other runs: a heap takes its time to grow. */
const SECONDS_FACTOR = 1.5;

interface MemoryRun extends Memory {
  ackP99Ms: number;
}

export const memory: Measure = {
  name: 'memory',
  async run(context) {
    const pairs = await inPairs(context, 'memory', {
      sluice: async () => {
        if (context.mosquittoVersion === null) return await measureMemory(context, startGateway(context));
        await using upstream = await startMosquitto(context);
        return await measureMemory(
          context,
          startGateway(context, { upstreamPort: upstream.port, format: 'batch' }),
        );
      },
      mosquitto: async () => {
        await using upstream = await startMosquitto(context);
        return await measureMemory(context, startMosquitto(context, { bridgeTo: upstream.port }));
      },
    });
    return {
      figures: [
        figureOf({
          what: 'peak memory, 1,000 connections, 2 k msg/s',
          unit: 'MiB',
          ...seriesOf(pairs, ({ peakMib }) => peakMib),
          target: { of: 'figure', is: 'at-most', value: MIB_MAX },
        }),
        figureOf({
          what: 'ack p99 meanwhile',
          unit: 'ms',
          ...seriesOf(pairs, ({ ackP99Ms }) => ackP99Ms),
        }),
      ],
      rounds: pairs,
    };
  },
};

async function measureMemory(context: BenchContext, starting: Promise<Server>): Promise<MemoryRun> {
  await using server = await starting;
  const seconds = context.options.seconds * SECONDS_FACTOR;
  const { lat_ms: latency } = await context.load.publish({ ...LOAD, port: server.port, seconds });
  return { ...memoryOf(server.pid), ackP99Ms: latency.p99 };
}
