import { describe, expect, test } from 'vitest';
import { ArrivalAccount } from '../../../../simulator/receive/arrival-account.ts';
import { NameOwners } from '../../../../simulator/receive/name-owners.ts';

function markOf(device: number, sequence: number) {
  return { run: 'r1', device, sequence, timeMs: 0 };
}

describe('the owners of names', () => {
  test('a name stays with the message that had it first, wherever the offsets of a lane begin', () => {
    const owners = new NameOwners(10_000);
    for (const offset of [0, 1023, 1024, 7_000_000_000]) {
      expect(owners.claim(offset, markOf(3, offset))).toBe(true);
      expect(owners.claim(offset, markOf(3, offset))).toBe(true);
      expect(owners.claim(offset, markOf(3, offset + 1))).toBe(false);
      expect(owners.claim(offset, markOf(4, offset))).toBe(false);
    }
  });

  test('beyond its bound it says nothing against anybody', () => {
    const owners = new NameOwners(1024);
    owners.claim(0, markOf(0, 0));
    owners.claim(5000, markOf(0, 1));
    expect(owners.claim(5000, markOf(0, 2))).toBe(true);
    expect(owners.claim(0, markOf(0, 2))).toBe(false);
  });
});

describe('an account that remembers the owners of names', () => {
  test.each([
    [1000, { namesReused: 2, duplicatesSameName: 0 }],
    [0, { namesReused: 0, duplicatesSameName: 2 }],
  ])("with room for %i finds two messages that come again under each other's names", (ownersMax, found) => {
    const account = new ArrivalAccount({ run: 'r1', groupOfDevice: new Uint16Array(1), ownersMax });
    const lane = account.laneOf('gw/main');
    for (const [sequence, offset] of [
      [0, 10],
      [1, 11],
      [0, 11],
      [1, 10],
    ]) {
      account.enter({ mark: markOf(0, sequence), lane, offset, receivedAtMs: 0 });
    }
    expect(account.totals()).toMatchObject({ delivered: 2, duplicatesNewName: 0, ...found });
  });
});
