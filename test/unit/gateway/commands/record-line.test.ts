import { describe, expect, test } from 'vitest';
import { receivedRecord, recordLine } from '../../../../gateway/commands/record-line.ts';
import { recordsOf } from '../../../../storage/record-batch/record-batch.ts';
import { type SampleRecord, sampleBatch } from '../../../support/batch-samples.ts';

function lineOf(record: SampleRecord): string {
  const [view] = recordsOf(sampleBatch({ firstOffset: 7 }, [record]));
  return recordLine(receivedRecord(view));
}

const parsed = (record: SampleRecord): Record<string, unknown> => JSON.parse(lineOf(record));

describe('the line of a record', () => {
  test('has its name, where it came from and when, what it was sent as, and what it holds', () => {
    const record = {
      device: 'd',
      topic: 'a/ü',
      timeMs: 250,
      qos: 2,
      retain: true,
      dup: true,
      payload: '{"t":1}',
    } as const;
    expect(lineOf(record)).toBe(
      '{"gateway":"gw-1","lane":"main","offset":7,"device":"d","topic":"a/ü","time":"2026-01-01T00:00:00.250Z",' +
        '"qos":2,"retain":true,"dup":true,"will":false,"payload":"{\\"t\\":1}","properties":{}}',
    );
  });

  test('says of a dead letter that it is one, and why', () => {
    expect(parsed({ deadLetter: true })).toMatchObject({ deadLetter: 'payload-format', payload: '1' });
    expect(parsed({})).not.toHaveProperty('deadLetter');
  });

  test.each(['', 'Grüße 🌍', 'two\nlines\r\n\tindented', '\ufeffwith a mark'])(
    'has %j as text',
    (payload) => {
      expect(parsed({ payload })).toMatchObject({ payload });
      expect(parsed({ payload })).not.toHaveProperty('payloadBase64');
      expect(lineOf({ payload })).not.toContain('\n');
    },
  );

  test.each([
    ['bytes that are not UTF-8', [0xc3, 0x28]],
    ['a zero byte', [0x61, 0x00]],
    ['an escape sequence', [0x1b, 0x5b, 0x32, 0x4a]],
    ['DEL', [0x7f]],
    ['a C1 control character', [0xc2, 0x9b]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
  ])('has %s as base64', (_, bytes) => {
    const line = parsed({ payload: Buffer.from(bytes) });
    expect(line).toMatchObject({ payloadBase64: Buffer.from(bytes).toString('base64') });
    expect(line).not.toHaveProperty('payload');
  });

  test('has the properties by name, and correlation data as text or base64', () => {
    const properties = {
      contentType: 'x',
      correlationData: Buffer.from('id'),
      userProperties: { k: ['1', '2'] },
    };
    expect(parsed({ properties }).properties).toEqual({
      contentType: 'x',
      correlationData: 'id',
      userProperties: { k: ['1', '2'] },
    });
    expect(parsed({ properties: { correlationData: Buffer.from([0xff]) } }).properties).toEqual({
      correlationDataBase64: '/w==',
    });
  });
});
