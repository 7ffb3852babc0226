import { describe, expect, test } from 'vitest';
import type { OutboundMessage } from '../../../../simulator/fleet/device-client.ts';
import { FlightRing, FlightState } from '../../../../simulator/fleet/flight-ring.ts';

const message = (sequence: number): OutboundMessage => ({
  topic: 't',
  payload: Buffer.alloc(0),
  qos: 1,
  retain: false,
  sequence,
});

/** Sequences under way in the order in which they would be sent again. */
function order(ring: FlightRing): (number | undefined)[] {
  const found: (number | undefined)[] = [];
  for (let position = ring.firstPosition; position < ring.endPosition; position++) {
    const packetId = ring.packetIdAt(position);
    if (ring.stateOf(packetId) !== FlightState.free) found.push(ring.messageOf(packetId)?.sequence);
  }
  return found;
}

describe('the ring of messages under way', () => {
  test('keeps the order over many turns, whatever the order of the answers', () => {
    const ring = new FlightRing(4);
    const ids = new Map<number, number>();
    for (let sequence = 0; sequence < 1000; sequence++) {
      if (ring.used === 4) {
        const answered = [...ids.keys()][sequence % 3 === 0 ? 1 : 0];
        ring.free(ids.get(answered)!);
        ids.delete(answered);
      }
      const packetId = ring.push(message(sequence), sequence);
      expect([...ids.values()]).not.toContain(packetId);
      expect(packetId).toBeGreaterThan(0);
      ids.set(sequence, packetId);
      expect(order(ring)).toEqual([...ids.keys()]);
      expect([ring.used, ring.unacknowledged]).toEqual([ids.size, ids.size]);
    }
  });

  test('is full when the first is never answered and all slots after it were used', () => {
    const ring = new FlightRing(1);
    ring.push(message(0), 0);
    let pushed = 0;
    while (!ring.isFull) {
      ring.free(ring.push(message(++pushed), 0));
    }
    expect([pushed, ring.used]).toEqual([15, 1]);
    ring.free(ring.packetIdAt(ring.firstPosition));
    expect([ring.isFull, ring.used]).toEqual([false, 0]);
  });

  test('a released message keeps its id and place, and is acknowledged', () => {
    const ring = new FlightRing(4);
    const packetId = ring.push(message(7), 3);
    expect(ring.sentAtMs(packetId)).toBe(3);
    ring.release(packetId);
    expect(ring.stateOf(packetId)).toBe(FlightState.released);
    expect([ring.messageOf(packetId), ring.used, ring.unacknowledged]).toEqual([undefined, 1, 0]);
    ring.free(packetId);
    expect([ring.used, ring.unacknowledged, ring.firstPosition]).toEqual([0, 0, 1]);
  });

  test('knows nothing of ids that it has not given', () => {
    const ring = new FlightRing(4);
    for (const packetId of [0, 1, 16, 17, 65_535]) expect(ring.stateOf(packetId)).toBe(FlightState.free);
  });
});
