// A decoder that shares no line with ours (test/support/decode_batch.py, Debian's python3-cbor2 and python3-zstandard)
// reads what we write, and prints what we print.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { decodeStream } from '../../gateway/commands/decode.ts';
import { type Compression, encodeBatch } from '../../storage/record-batch/codec.ts';
import { randomBatch, sampleBatch, withDeadLetters } from '../support/batch-samples.ts';

const PYTHON = '/usr/bin/python3';
const SCRIPT = fileURLToPath(new URL('../support/decode_batch.py', import.meta.url));

/** Throws where CI is set and the packages are not there. */
function hasPythonPackages(): boolean {
  if (spawnSync(PYTHON, ['-c', 'import cbor2, zstandard']).status === 0) return true;
  const line = "python3-cbor2 or python3-zstandard is missing: install Debian's packages of these names";
  if (process.env.CI) throw new Error(line);
  console.warn(`skipped: ${line}`);
  return false;
}

function python(input: Buffer): { status: number | null; lines: string[]; stderr: string } {
  const { status, stdout, stderr } = spawnSync(PYTHON, [SCRIPT], { input, maxBuffer: 64 * 1024 * 1024 });
  return { status, lines: linesOf(stdout.toString()), stderr: stderr.toString() };
}

async function ours(input: Buffer): Promise<string[]> {
  const lines: string[] = [];
  const chunks = async function* (): AsyncGenerator<Buffer> {
    yield input;
  };
  await decodeStream(chunks(), (line) => void lines.push(line));
  return lines;
}

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '');
const parsed = (lines: string[]): unknown[] => lines.map((line) => JSON.parse(line));

describe.skipIf(!hasPythonPackages())('record batches read by Python', () => {
  test.each<Compression>(['none', 'gzip', 'zstd'])('say the same as ours (%s)', async (compression) => {
    const batches = Array.from({ length: 60 }, (_, seed) => randomBatch(seed + 1));
    batches.push(withDeadLetters(randomBatch(1)));
    const input = Buffer.concat(batches.map((batch) => encodeBatch(batch, { compression, level: 3 })));
    const theirs = python(input);
    expect(theirs.stderr).toBe('');
    const lines = await ours(input);
    expect(parsed(theirs.lines)).toEqual(parsed(lines));
    expect(lines).toHaveLength(batches.reduce((sum, batch) => sum + batch.count, 0));
  });

  test('have offsets beyond 32 bits and batches larger than a chunk', async () => {
    const payload = Buffer.alloc(500_000, 'x');
    const batch = sampleBatch({ firstOffset: 2 ** 53 - 10 }, [{ payload }, { payload }, { payload: '' }]);
    const input = encodeBatch(batch, { compression: 'zstd', level: 1 });
    const theirs = parsed(python(input).lines);
    expect(theirs).toEqual(parsed(await ours(input)));
    expect(theirs).toMatchObject([
      { offset: 2 ** 53 - 10 },
      { offset: 2 ** 53 - 9 },
      { offset: 2 ** 53 - 8, payload: '' },
    ]);
  });

  test('are refused by it too when they are damaged', () => {
    const bytes = encodeBatch(randomBatch(1), { compression: 'none', level: 1 });
    bytes[bytes.length - 20] ^= 1;
    expect(python(bytes)).toMatchObject({
      status: 1,
      lines: [],
      stderr: expect.stringContaining('checksum'),
    });
  });

  test('are those of the documented vectors', async () => {
    const page = readFileSync(new URL('../../storage/README.md', import.meta.url), 'utf8');
    const vectors = Array.from(page.matchAll(/```hex\n([0-9a-f\n]+)```/g), ([, hex]) =>
      hex.replaceAll('\n', ''),
    );
    const input = Buffer.from(vectors.join(''), 'hex');
    const theirs = parsed(python(input).lines);
    expect(theirs).toHaveLength(2 + 3 + 4 + 1 + 2);
    expect(theirs).toEqual(parsed(await ours(input)));
  });
});
