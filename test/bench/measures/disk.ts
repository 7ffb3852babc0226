// Disk: bytes written for each message of 100 bytes, over the whole life of the process after its start:
// write-ahead log, checkpoints, what an orderly stop still writes, and with a sink the cursors and deletions
// as well.

import { type BenchContext, inRounds, type Measure, type Measurement } from '../bench-context.ts';
import { bytesWrittenBy, bytesWrittenUntilEnd } from '../process-usage.ts';
import { startGateway, startMosquitto } from '../servers.ts';
import { figureOf } from '../statistics.ts';

const CASES = [
  { what: 'kept', messagesPerS: 5000, forwarded: false },
  { what: 'kept', messagesPerS: 20_000, forwarded: false },
  { what: 'kept and forwarded', messagesPerS: 5000, forwarded: true },
  { what: 'kept and forwarded', messagesPerS: 20_000, forwarded: true },
];
const BYTES_MAX = 400;
const STOP_MS_MAX = 10_000;

export const disk: Measure = {
  name: 'disk',
  async run(context) {
    const measurement: Measurement = { figures: [], rounds: [], notes: NOTES };
    for (const given of CASES) {
      if (given.forwarded && context.mosquittoVersion === null) continue;
      const what = `disk, ${given.what}, ${given.messagesPerS / 1000} k msg/s`;
      const rounds = await inRounds(context, what, () => measureBytes(context, given));
      measurement.figures.push(
        figureOf({
          what,
          unit: 'B/msg',
          sluice: rounds.map(({ bytesPerMessage }) => bytesPerMessage),
          target: { of: 'figure', is: 'at-most', value: BYTES_MAX },
        }),
      );
      measurement.rounds = [...measurement.rounds, { what, rounds }];
    }
    return measurement;
  },
};

interface DiskRun {
  acked: number;
  bytesWritten: number;
  bytesPerMessage: number;
}

async function measureBytes(
  context: BenchContext,
  { messagesPerS, forwarded }: (typeof CASES)[number],
): Promise<DiskRun> {
  await using upstream = forwarded ? await startMosquitto(context) : null;
  await using gateway = await startGateway(
    context,
    upstream === null ? undefined : { upstreamPort: upstream.port, format: 'batch' },
  );
  const before = bytesWrittenBy(gateway.pid);
  const { seconds } = context.options;
  const load = { port: gateway.port, connections: 50, window: 20, messagesPerS, seconds };
  const { acked } = await context.load.publish(load);
  const bytesWritten = bytesWrittenUntilEnd(gateway.pid, STOP_MS_MAX) - before;
  return { acked, bytesWritten, bytesPerMessage: bytesWritten / acked };
}

const NOTES = [
  'Disk: bytes that the process caused to be written (/proc/PID/io, write_bytes) from its first CONNACK' +
    ' to its end, so the last checkpoint is in it. The file system’s journal is not. Of the 100 bytes of ' +
    'payload 76 are filler from a pool of 64 KiB: random, but large batches meet the same stretches again' +
    ' and compress a little. Real telemetry compresses far better: see `--telemetry`.',
];
