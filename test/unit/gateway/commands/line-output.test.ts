import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { LineOutput } from '../../../../gateway/commands/line-output.ts';

/** Takes a chunk only when told to. */
class SlowStream extends Writable {
  readonly taken: string[] = [];
  release: (error?: Error) => void = () => {};

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.taken.push(chunk.toString());
    this.release = done;
  }
}

describe('line output', () => {
  test('collects lines and asks to wait only when there are many', () => {
    const output = new LineOutput(new SlowStream());
    expect(output.write('short')).toBeUndefined();
    expect(output.write('x'.repeat(100_000))).toBeInstanceOf(Promise);
  });

  test('says that lines are out only when the stream has taken them', async () => {
    const stream = new SlowStream();
    const output = new LineOutput(stream);
    void output.write('one');
    void output.write('two');
    let flushed = false;
    const flushing = output.flush().then(() => {
      flushed = true;
    });
    await Promise.resolve();
    expect(flushed).toBe(false);
    stream.release();
    await flushing;
    expect(stream.taken).toEqual(['one\ntwo\n']);
  });

  test('comes to an end when nobody reads any more, and knows it', async () => {
    const stream = new SlowStream();
    stream.on('error', () => {});
    const output = new LineOutput(stream);
    void output.write('one');
    const flushing = output.flush();
    stream.release(new Error('EPIPE'));
    await flushing;
    expect(output.closed).toBe(true);
    void output.write('two');
    await output.flush();
    expect(stream.taken).toHaveLength(1);
  });
});
