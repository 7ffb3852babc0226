import { describe, expect, test } from 'vitest';
import type { ReceivedRecord } from '../../../../gateway/commands/record-line.ts';
import { fillTemplate } from '../../../../gateway/commands/republisher.ts';

const record: ReceivedRecord = {
  gateway: 'gw-1',
  lane: 'main',
  offset: 7,
  device: 'dev+1#',
  topic: 'plant/{lane}/$&',
  timeMs: 0,
  qos: 1,
  retain: false,
  dup: false,
  will: false,
  payload: Buffer.alloc(0),
  properties: {},
};

describe('the topic under which a record is republished', () => {
  test('is the template with the record in it, and what a name holds is not filled in again', () => {
    expect(fillTemplate('x/{gateway}/{lane}/{topic}', record)).toBe('x/gw-1/main/plant/{lane}/$&');
  });

  test('has no wildcard, also when the device has one in its name', () => {
    expect(fillTemplate('{device}', record)).toBe('dev_1_');
  });

  test('cannot have the device of a record that does not name it', () => {
    expect(fillTemplate('{device}/{topic}', { ...record, device: undefined })).toBeUndefined();
    expect(fillTemplate('{topic}', { ...record, device: undefined })).toBe('plant/{lane}/$&');
  });
});
