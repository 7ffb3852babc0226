// `sluice decode [FILE]`: record batches, as they lie in a file or come through a pipe one after the other, become one
// JSON line per record. What comes before a damaged place is printed; the damaged place is named, and nothing after it
// is guessed at.

import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { messageOf, SluiceError } from '../../config/errors.ts';
import { decodeBatch } from '../../storage/record-batch/codec.ts';
import { EnvelopeCutter } from '../../storage/record-batch/envelope-cutter.ts';
import { recordsOf } from '../../storage/record-batch/record-batch.ts';
import { exitCodeOf, runInForeground } from './foreground.ts';
import { LineOutput } from './line-output.ts';
import { receivedRecord, recordLine } from './record-line.ts';

export interface DecodeCounts {
  records: number;
  batches: number;
}

/** Takes a line without its newline; returns a promise when the next one has to wait. */
export type WriteLine = (line: string) => void | Promise<void>;

/**
 * Decodes everything that `input` has. Throws BATCH_DAMAGED or BATCH_VERSION with the number of the batch and where it
 * begins, after all records of the batches before it have been written.
 */
export async function decodeStream(input: AsyncIterable<Buffer>, write: WriteLine): Promise<DecodeCounts> {
  const cutter = new EnvelopeCutter();
  const counts: DecodeCounts = { records: 0, batches: 0 };
  const drain = async (ended: boolean): Promise<void> => {
    for (;;) {
      const position = cutter.position;
      const lines = located(position, counts.batches + 1, () => {
        const envelope = cutter.next();
        if (envelope === undefined && ended) cutter.end();
        return envelope === undefined ? undefined : linesOf(envelope);
      });
      if (lines === undefined) return;
      for (const line of lines) {
        const room = write(line);
        if (room !== undefined) await room;
      }
      counts.batches++;
      counts.records += lines.length;
    }
  };
  for await (const chunk of input) {
    cutter.push(chunk);
    await drain(false);
  }
  await drain(true);
  return counts;
}

/** All or nothing: a batch in which anything is wrong prints no record. */
function linesOf(envelope: Buffer): string[] {
  const lines: string[] = [];
  for (const view of recordsOf(decodeBatch(envelope))) lines.push(recordLine(receivedRecord(view)));
  return lines;
}

function located<T>(position: number, number: number, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const code = cause instanceof SluiceError ? cause.code : 'BATCH_DAMAGED';
    const hint = cause instanceof SluiceError ? cause.hint : undefined;
    const message = `batch ${number} at byte ${position}: ${messageOf(cause)}`;
    throw new SluiceError(code, message, { kind: 'permanent', hint, cause });
  }
}

export function registerDecode(program: Command): void {
  program
    .command('decode')
    .description('Print the records of record batches, one JSON line each.')
    .argument('[file]', 'file with one or several batches; standard input when it is missing or -')
    .action((file: string | undefined) => runInForeground((signal) => decode(file, signal)));
}

async function decode(file: string | undefined, signal: AbortSignal): Promise<number> {
  const input = file === undefined || file === '-' ? process.stdin : createReadStream(file);
  const onAbort = (): void => void input.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  const output = new LineOutput(process.stdout);
  try {
    const { batches } = await decodeStream(chunksOf(input, file ?? '-', output), (line) =>
      output.write(line),
    );
    if (batches === 0 && !signal.aborted) throw nothingIn(file);
  } catch (error) {
    if (!signal.aborted) throw error; // otherwise it is the end of an input that we closed ourselves
  } finally {
    await output.flush();
    signal.removeEventListener('abort', onAbort);
    input.destroy();
  }
  return signal.aborted ? exitCodeOf(signal) : 0;
}

/** Before it waits for the next chunk, what was made of the last one goes out: a pipe may be slow. */
async function* chunksOf(input: Readable, name: string, output: LineOutput): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of input) {
      yield chunk as Buffer;
      await output.flush();
    }
  } catch (cause) {
    throw new SluiceError('INPUT_UNREADABLE', `cannot read ${name}: ${messageOf(cause)}`, {
      kind: 'permanent',
      hint: 'Name a file that holds record batches, or pipe them in.',
      cause,
    });
  }
}

function nothingIn(file: string | undefined): SluiceError {
  const what = file === undefined || file === '-' ? 'standard input' : file;
  return new SluiceError('INPUT_EMPTY', `there is no batch in ${what}`, {
    kind: 'permanent',
    hint: 'Name a file that holds record batches, or pipe them in.',
  });
}
