// Backlog: does the gateway start at once, however much it still has to send? Starts with a big backlog are
// compared with starts on an empty directory. Upstream is away throughout.

import { freePort } from '../../support/mosquitto.ts';
import type { BenchContext, Measure } from '../bench-context.ts';
import { type Memory, memoryOf } from '../process-usage.ts';
import { gatewayServer, type Server } from '../servers.ts';
import { figureOf, median } from '../statistics.ts';

const ACCEPT_MS_MAX = 2000;
const RESIDENT_MIB_MORE_MAX = 20;
/** After the start: what is read in the background has been read by then. */
const SETTLE_MS = 2000;
const FILL_S_MAX = 300;

interface StartRun {
  before: 'SIGKILL' | 'SIGTERM' | 'empty';
  acceptedAfterMs: number;
  memory: Memory;
}

export const backlog: Measure = {
  name: 'backlog',
  async run(context) {
    const sink = { upstreamPort: await freePort(), format: 'batch' } as const;
    await using full = await gatewayServer(context, sink);
    const filled = await fill(context, full);
    const rounds: { full: StartRun; empty: StartRun }[] = [];
    for (let round = 0; round < context.options.rounds; round++) {
      context.say(`start with and without a backlog, round ${round + 1} of ${context.options.rounds}`);
      // The first start follows a SIGKILL, the others an orderly stop.
      const afterFull = await measureStart(full, round === 0 ? 'SIGKILL' : 'SIGTERM');
      await using empty = await gatewayServer(context, sink);
      rounds.push({ full: afterFull, empty: await measureStart(empty, 'empty') });
    }
    return { figures: figuresOf(context, rounds), rounds: [{ filled }, { rounds }], notes: NOTES };
  },
};

/** Ends with SIGKILL, when all of it is acknowledged. */
async function fill(context: BenchContext, server: Server) {
  const messages = context.options.backlogRecords;
  context.say(`filling a backlog of ${messages} messages`);
  await server.start();
  const load = { port: server.port, connections: 50, window: 20, messages, seconds: FILL_S_MAX };
  const result = await context.load.publish({ ...load, serverPid: server.pid });
  await server.stop('SIGKILL');
  return result;
}

async function measureStart(server: Server, before: StartRun['before']): Promise<StartRun> {
  await server.start();
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const memory = memoryOf(server.pid);
  await server.stop();
  return { before, acceptedAfterMs: server.acceptedAfterMs, memory };
}

function figuresOf({ options }: BenchContext, rounds: readonly { full: StartRun; empty: StartRun }[]) {
  const name = `backlog of ${options.backlogRecords.toLocaleString('en')}`;
  const slowest = Math.max(...rounds.map(({ full }) => full.acceptedAfterMs));
  const emptyMib = median(rounds.map(({ empty }) => empty.memory.residentMib));
  return [
    figureOf({
      what: `start to first CONNACK, ${name}`,
      unit: 'ms',
      sluice: rounds.map(({ full }) => full.acceptedAfterMs),
      target: { of: 'figure', is: 'at-most', value: ACCEPT_MS_MAX },
    }),
    figureOf({ what: 'slowest of these (one follows a SIGKILL)', unit: 'ms', sluice: [slowest] }),
    figureOf({
      what: 'start to first CONNACK, empty',
      unit: 'ms',
      sluice: rounds.map(({ empty }) => empty.acceptedAfterMs),
    }),
    figureOf({
      what: `memory more than an empty start, ${name}`,
      unit: 'MiB',
      sluice: rounds.map(({ full }) => full.memory.residentMib - emptyMib),
      target: { of: 'figure', is: 'at-most', value: RESIDENT_MIB_MORE_MAX },
    }),
    figureOf({
      what: 'memory of an empty start',
      unit: 'MiB',
      sluice: rounds.map(({ empty }) => empty.memory.residentMib),
    }),
  ];
}

const NOTES = [
  'Start: from the creation of the process to its first CONNACK, with the files in the page cache; ' +
    'resident memory two seconds later, with upstream away. The first start follows a SIGKILL of the ' +
    'process that had just filled the backlog.',
];
