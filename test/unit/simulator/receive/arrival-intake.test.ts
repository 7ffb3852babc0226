import { describe, expect, test } from 'vitest';
import { writeMark } from '../../../../simulator/mark.ts';
import { ArrivalAccount } from '../../../../simulator/receive/arrival-account.ts';
import { ArrivalIntake } from '../../../../simulator/receive/arrival-intake.ts';
import { encodeBatch } from '../../../../storage/record-batch/codec.ts';
import { recordBatch } from '../../../support/record-batches.ts';

function rig(): { account: ArrivalAccount; intake: ArrivalIntake } {
  const account = new ArrivalAccount({ run: 'r1', groupOfDevice: new Uint16Array(4) });
  return { account, intake: new ArrivalIntake(account) };
}

function payloadOf(device: number, sequence: number, timeMs = 0): Buffer {
  return Buffer.from(JSON.stringify({ t: 21.5, mark: writeMark({ run: 'r1', device, sequence, timeMs }) }));
}

function batchOf(firstOffset: number, payloads: Buffer[], gateway = 'gw'): Buffer {
  const batch = recordBatch(
    payloads.map((payload) => ({ payload })),
    { firstOffset, gateway },
  );
  return encodeBatch(batch, { compression: 'zstd', level: 1 });
}

describe('what an upstream message brings', () => {
  test('a batch brings all its records, by their names', () => {
    const { account, intake } = rig();
    const payload = batchOf(100, [payloadOf(0, 0, 50), payloadOf(1, 0, 60), payloadOf(0, 1, 70)]);
    intake.take({ payload }, 170);
    expect(account.totals()).toMatchObject({ delivered: 3, foreign: 0, reordered: 0 });
    expect(account.lanes()).toEqual([{ name: 'gw/main', records: 3, missing: 100 }]);
    expect(account.latency().all).toMatchObject({ count: 3, max: 120 });
    expect(intake.counts).toEqual({ upstreamMessages: 1, upstreamBytes: payload.length, damaged: 0 });
  });

  test('a batch that comes again brings duplicates under the same names; another gateway has other names', () => {
    const { account, intake } = rig();
    intake.take({ payload: batchOf(0, [payloadOf(0, 0), payloadOf(0, 1)]) }, 0);
    intake.take({ payload: batchOf(0, [payloadOf(0, 0), payloadOf(0, 1)]) }, 0);
    intake.take({ payload: batchOf(0, [payloadOf(0, 0)], 'other') }, 0);
    expect(account.totals()).toMatchObject({ delivered: 2, duplicatesSameName: 2, duplicatesNewName: 1 });
  });

  test('a single record has the name of its user property, the same as in a batch', () => {
    const { account, intake } = rig();
    intake.take({ payload: payloadOf(0, 0), recordName: 'gw/main/7' }, 0);
    intake.take({ payload: batchOf(7, [payloadOf(0, 0)]) }, 0);
    expect(account.totals()).toMatchObject({ delivered: 1, duplicatesSameName: 1, duplicatesNewName: 0 });
  });

  test('a message without a name is taken by its mark alone', () => {
    const { account, intake } = rig();
    intake.take({ payload: payloadOf(3, 9) }, 0);
    intake.take({ payload: Buffer.from('hello') }, 0);
    expect(account.totals()).toMatchObject({ delivered: 1, foreign: 1 });
  });

  test.each(['main/x', 'gw/main/', 'gw/main/99999999999999999', '', '/5', 'gw/main/9007199254740991'])(
    'a record with the name %j counts as damaged, and is delivered without a name',
    (recordName) => {
      const { account, intake } = rig();
      intake.take({ payload: payloadOf(0, 0), recordName }, 0);
      expect(account.totals().delivered).toBe(1);
      expect(account.lanes()).toEqual([]);
      expect(intake.counts.damaged).toBe(1);
      expect(intake.firstDamage).toContain('is no name of a record');
    },
  );

  test('a damaged batch brings nothing, and is counted with its reason', () => {
    const { account, intake } = rig();
    const payload = batchOf(0, [payloadOf(0, 0)]);
    payload[30] ^= 1;
    intake.take({ payload }, 0);
    intake.take({ payload: Buffer.from('{}'), contentType: 'application/vnd.sluice.batch+cbor' }, 0);
    expect(account.totals()).toMatchObject({ delivered: 0, foreign: 0 });
    expect(intake.counts.damaged).toBe(2);
    expect(intake.firstDamage).toBe('the checksum is wrong');
  });

  test('a payload that is not what was sent is damaged and foreign, however good its mark is', () => {
    const account = new ArrivalAccount({ run: 'r1', groupOfDevice: new Uint16Array(4) });
    const intake = new ArrivalIntake(account, (payload, { device, sequence }) =>
      payload.equals(payloadOf(device, sequence)),
    );
    const altered = payloadOf(2, 1);
    altered[altered.indexOf('21.5')] = 0x33;
    intake.take({ payload: batchOf(0, [payloadOf(2, 0), altered]) }, 0);
    expect(account.totals()).toMatchObject({ delivered: 1, foreign: 1 });
    expect(intake.counts.damaged).toBe(1);
    expect(intake.firstDamage).toBe('device 2 sent message 1 otherwise');
  });
});
