// The validators against mqtt-packet, over generated frames of every type and version, valid and damaged.
// What is accepted here mqtt-packet must read the same way; what is refused here and not there must be
// refused for a reason that holds of mqtt-packet's own reading.

import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { explain, type ReasonName, reason } from '../../../../../gateway/listener/frames/reasons.ts';
import type { ClientVersion } from '../../../../support/mqtt-frame-packets.ts';
import { frameSource, type GeneratedFrame } from '../../../../support/mqtt-frames.ts';
import { judgeFrame } from '../../../../support/mqtt-judgement.ts';
import { parseByReference, referenceFields } from '../../../../support/mqtt-reference.ts';
import { isDupOfMqtt31, isKnownLeniency } from '../../../../support/mqtt-reference-leniencies.ts';

const usualSeed = 20_260_101;
const seed = Number(process.env.SLUICE_FRAME_SEED ?? usualSeed);

/**
 * What is wrong with the gateway's judgement of `bytes`, if anything; counts reasons and verdicts in `seen`.
 */
function disagreement(bytes: Buffer, version: ClientVersion, seen: Map<string, number>): string | undefined {
  // A copy: the gateway clears MQTT 3.1's DUP in the buffer.
  const judgement = judgeFrame(Buffer.from(bytes), version);
  const label = judgement.verdict === 'refused' ? explain(judgement.why).name : judgement.verdict;
  seen.set(label, (seen.get(label) ?? 0) + 1);
  if (judgement.verdict === 'accepted') {
    const own = bytes.subarray(0, judgement.end);
    const reference = parseByReference(own, version);
    if (reference.kind !== 'packet')
      return isDupOfMqtt31(bytes, version) ? undefined : `accepted, reference: ${JSON.stringify(reference)}`;
    const expected = referenceFields(reference.packet, version);
    if (isDeepStrictEqual(judgement.fields, expected)) return undefined;
    return `read as ${JSON.stringify(judgement.fields)}, by the reference as ${JSON.stringify(expected)}`;
  }
  const reference = parseByReference(firstFrame(bytes), version);
  if (judgement.verdict === 'incomplete') {
    if (reference.kind === 'incomplete' || isDupOfMqtt31(bytes, version)) return undefined;
    return `incomplete, reference: ${JSON.stringify(reference)}`;
  }
  if (reference.kind !== 'packet') return undefined;
  const name = explain(judgement.why).name;
  if (isKnownLeniency(name, reference.packet, firstFrame(bytes), version)) return undefined;
  return `refused as ${name}, reference: ${JSON.stringify(reference)}`;
}

/** The bytes up to the end that the remaining length gives, or all of them. */
function firstFrame(bytes: Buffer): Buffer {
  let length = 0;
  for (let i = 1; i <= 4 && i < bytes.length; i++) {
    length |= (bytes[i]! & 0x7f) << (7 * (i - 1));
    if (bytes[i]! < 0x80) return bytes.subarray(0, i + 1 + length);
  }
  return bytes;
}

function describeFrame(generated: GeneratedFrame, index: number): string {
  const how = `${generated.cmd} ${generated.mutations.join(', ')}`;
  return `seed ${seed}, frame ${index} (${how}): ${generated.bytes.subarray(0, 200).toString('hex')}`;
}

describe.each([3, 4, 5] as const)('frames of version %i', (version) => {
  test('every valid frame is accepted and read as mqtt-packet reads it', () => {
    const source = frameSource(seed, version, { mutatedPercent: 0 });
    for (let index = 0; index < 5_000; index++) {
      const generated = source.next();
      const seen = new Map<string, number>();
      const wrong = disagreement(generated.bytes, version, seen);
      expect(wrong, describeFrame(generated, index)).toBeUndefined();
      expect([...seen.keys()], describeFrame(generated, index)).toEqual(['accepted']);
    }
  });

  test('damaged frames are accepted only where mqtt-packet agrees, and refused only for good reason', () => {
    const source = frameSource(seed + version, version, { mutatedPercent: 100 });
    const seen = new Map<string, number>();
    for (let index = 0; index < 17_000; index++) {
      const generated = source.next();
      const wrong = disagreement(generated.bytes, version, seen);
      if (wrong) expect.fail(`${wrong}; ${describeFrame(generated, index)}`);
    }
    if (seed !== usualSeed) return; // rare reasons need luck
    // The damage must reach every corner, or agreement says nothing.
    expect(seen.get('accepted')).toBeGreaterThan(1_000);
    const missed = expectedReasons(version).filter((name) => !seen.has(name));
    expect(missed, `of ${JSON.stringify(Object.fromEntries(seen))}`).toEqual([]);
  });
});

/**
 * All reasons but those that other versions have, that need the connection's state, or that need a huge
 * frame.
 */
function expectedReasons(version: ClientVersion): ReasonName[] {
  const stateful = [
    'ok',
    'connectExpected',
    'secondConnect',
    'packetTooLarge',
    'topicAliasUnknown',
    'authNotNegotiated',
    'receiveMaximumExceeded',
    'quotaExceeded',
    'filtersTooMany',
    'sessionExpiryRaised',
  ];
  const others = version === 5 ? onlyBeforeMqtt5 : onlyMqtt5;
  return (Object.keys(reason) as ReasonName[]).filter(
    (name) => !stateful.includes(name) && !others.includes(name),
  );
}

const onlyBeforeMqtt5 = ['authBeforeMqtt5', 'passwordWithoutUsername', 'clientIdEmpty'];
const namesOfMqtt5 = [
  'property',
  'topicAlias',
  'responseTopic',
  'subscriptionId',
  'authData',
  'authMethod',
  'shared',
  'retainHandling',
  'reasonCode',
  'lengthNotMinimal',
];
const onlyMqtt5 = Object.keys(reason).filter((name) => namesOfMqtt5.some((start) => name.startsWith(start)));
