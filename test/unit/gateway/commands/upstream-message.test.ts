import type { IPublishPacket } from 'mqtt';
import { describe, expect, test } from 'vitest';
import { parseUpstreamMessage } from '../../../../gateway/commands/upstream-message.ts';
import { encodeBatch } from '../../../../storage/record-batch/codec.ts';
import { sampleBatch } from '../../../support/batch-samples.ts';

const bytes = encodeBatch(sampleBatch({ firstOffset: 3 }, [{}, {}]), { compression: 'zstd', level: 1 });

function packet(payload: Buffer, properties: IPublishPacket['properties'] = {}): IPublishPacket {
  return { cmd: 'publish', topic: 'a/b', payload, qos: 1, dup: false, retain: true, properties };
}

const named = (name: string | string[]) =>
  packet(Buffer.from('1'), { userProperties: { sluice: name, k: 'v' }, contentType: 'x' });

describe('a message from upstream', () => {
  test('is a batch by its content type, and also by its first bytes alone', () => {
    const contentType = 'application/vnd.sluice.batch+cbor';
    expect(parseUpstreamMessage(packet(bytes, { contentType }))).toMatchObject({
      kind: 'batch',
      batch: { firstOffset: 3 },
    });
    expect(parseUpstreamMessage(packet(bytes))).toMatchObject({ kind: 'batch', batch: { count: 2 } });
  });

  test('is a record by the name in its user property, which is not among its properties then', () => {
    expect(parseUpstreamMessage(named('gw-1/main/9007199254740990'))).toEqual({
      kind: 'record',
      record: {
        gateway: 'gw-1',
        lane: 'main',
        offset: 9_007_199_254_740_990,
        device: undefined,
        topic: 'a/b',
        timeMs: undefined,
        qos: 1,
        retain: true,
        dup: undefined,
        will: undefined,
        payload: Buffer.from('1'),
        properties: { contentType: 'x', userProperties: { k: 'v' } },
      },
    });
  });

  test('tells which names were left out before a record, and takes nonsense for no word', () => {
    const told = (range: string) =>
      parseUpstreamMessage(
        packet(Buffer.from('1'), { userProperties: { sluice: 'gw/main/50', 'sluice-left-out': range } }),
      );
    expect(told('10/50')).toMatchObject({ leftOut: { from: 10, to: 50 }, record: { properties: {} } });
    for (const nonsense of ['', '10', '50/10', '-1/5', `1/${2 ** 53}`])
      expect(told(nonsense)).not.toHaveProperty('leftOut');
  });

  test('goes by the last name when an earlier gateway had given it one', () => {
    expect(parseUpstreamMessage(named(['old/main/1', 'gw/main/2']))).toMatchObject({
      record: { gateway: 'gw', offset: 2 },
    });
  });

  test.each([
    '',
    'gw/main',
    'gw/main/',
    'gw/main/-1',
    'gw/main/1.5',
    'gw/MAIN/1',
    'g w/main/1',
    `gw/main/${2 ** 53}`,
  ])('is damaged when the name is %j', (name) => {
    expect(parseUpstreamMessage(named(name))).toMatchObject({ kind: 'damaged' });
  });

  test('is damaged when it says that it is a batch and is none', () => {
    const contentType = 'application/vnd.sluice.batch+cbor';
    expect(parseUpstreamMessage(packet(Buffer.from('x'), { contentType }))).toMatchObject({
      kind: 'damaged',
    });
    expect(parseUpstreamMessage(packet(bytes.subarray(0, -1)))).toMatchObject({ kind: 'damaged' });
  });

  test('is damaged as a whole when the properties of one record are malformed', () => {
    const batch = sampleBatch({}, [{ payload: '' }, { payload: '', properties: { contentType: 'x' } }]);
    batch.data[0] = 0x7f;
    const damaged = encodeBatch(batch, { compression: 'none', level: 1 });
    expect(parseUpstreamMessage(packet(damaged))).toMatchObject({ kind: 'damaged' });
  });

  test("is somebody else's when it bears no mark of ours", () => {
    expect(parseUpstreamMessage(packet(Buffer.from('21.5')))).toEqual({ kind: 'foreign' });
    expect(parseUpstreamMessage(packet(Buffer.alloc(0)))).toEqual({ kind: 'foreign' });
  });
});
