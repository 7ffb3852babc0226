import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { encodeBatch } from '../../storage/record-batch/codec.ts';
import { randomBatch, sampleBatch } from '../support/batch-samples.ts';
import { SluiceCommand } from '../support/sluice-command.ts';

const directory = mkdtempSync(join(tmpdir(), 'sluice-decode-'));
const file = join(directory, 'batches');
const batches = [1, 2, 3].map((seed) => encodeBatch(randomBatch(seed), { compression: 'zstd', level: 1 }));
const records = [1, 2, 3].reduce((sum, seed) => sum + randomBatch(seed).count, 0);
writeFileSync(file, Buffer.concat(batches));
afterAll(() => rmSync(directory, { recursive: true }));

const lines = (text: string): string[] => text.split('\n').slice(0, -1);

describe('sluice decode', () => {
  test('prints the records of a file', async () => {
    const { code, stdout, stderr } = await new SluiceCommand(['decode', file]).exited();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(lines(stdout)).toHaveLength(records);
    expect(JSON.parse(lines(stdout)[0])).toMatchObject({
      gateway: 'gw-1',
      offset: randomBatch(1).firstOffset,
    });
  });

  test('prints the records that come through a pipe, as they come', async () => {
    await using command = new SluiceCommand(['decode']);
    command.process.stdin!.write(batches[0]);
    while (lines(command.stdout).length < randomBatch(1).count) await once(command.process.stdout!, 'data');
    command.process.stdin!.end(Buffer.concat(batches.slice(1)));
    const { code, stdout } = await command.exited();
    expect(code).toBe(0);
    expect(lines(stdout)).toHaveLength(records);
  });

  test('prints what is good, then one line about what is damaged and where, and fails', async () => {
    await using command = new SluiceCommand(['decode', '-']);
    command.process.stdin!.end(Buffer.concat([batches[0], batches[1].subarray(0, -3)]));
    const { code, stdout, stderr } = await command.exited();
    expect(code).toBe(1);
    expect(lines(stdout)).toHaveLength(randomBatch(1).count);
    expect(lines(stderr)).toEqual([expect.stringContaining(`batch 2 at byte ${batches[0].length}: `)]);
  });

  test('says in one line that there is no such file', async () => {
    const { code, stdout, stderr } = await new SluiceCommand(['decode', join(directory, 'none')]).exited();
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(lines(stderr)).toEqual([
      expect.stringMatching(/^sluice: cannot read .*none: ENOENT.*\. Name a file/),
    ]);
  });

  test('says in one line that there is nothing to decode', async () => {
    await using command = new SluiceCommand(['decode']);
    command.process.stdin!.end();
    const { code, stdout, stderr } = await command.exited();
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(lines(stderr)).toEqual([expect.stringMatching(/^sluice: there is no batch in standard input/)]);
  });

  test('ends without a word when nobody reads on', async () => {
    const large = sampleBatch(
      {},
      Array.from({ length: 5000 }, () => ({ payload: 'x'.repeat(1000) })),
    );
    const bytes = encodeBatch(large, { compression: 'zstd', level: 1 });
    await using command = new SluiceCommand(['decode']);
    command.process.stdout!.once('data', () => command.process.stdout!.destroy());
    for (let i = 0; i < 20; i++) command.process.stdin!.write(bytes);
    const { code, stderr } = await command.exited();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('ends at an interrupt while it waits for more', async () => {
    await using command = new SluiceCommand(['decode']);
    command.process.stdin!.write(batches[0]);
    await once(command.process.stdout!, 'data');
    const { code, stderr } = await command.kill('SIGINT');
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
  });
});
