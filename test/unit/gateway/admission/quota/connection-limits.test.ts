import { describe, expect, test } from 'vitest';
import {
  ConnectionLimits,
  ConnectionTicket,
} from '../../../../../gateway/admission/quota/connection-limits.ts';
import { quotaBounds } from '../../../../../gateway/admission/quota/quota-bounds.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';
import { seededRun } from '../../../../support/seeded-run.ts';
import { quotaSettings } from './quota-settings.ts';

function rig(connections: object, groups: object = {}) {
  const clock = new FakeClock();
  const limits = new ConnectionLimits(quotaSettings({ connections, groups }).quotas, clock);
  let devices = 0;
  return {
    clock,
    limits,
    admit: (address = '192.0.2.1') => {
      const ticket = new ConnectionTicket();
      return { ticket, why: limits.admit(ticket, address) };
    },
    /** Of a device of its own unless it is named. */
    signIn: (user: string, group = 'default', deviceKey = `device-${devices++}`) => {
      const ticket = new ConnectionTicket();
      limits.admit(ticket, '192.0.2.1');
      return { ticket, why: limits.signedIn(ticket, { user, group, deviceKey }) };
    },
  };
}

describe('of one address', () => {
  test('so many connections may be there at a time', () => {
    const { limits, admit } = rig({ perAddressMax: 2 });
    const first = admit();
    expect([first.why, admit().why, admit().why]).toEqual([null, null, 'address-connections']);
    expect(admit('192.0.2.2').why).toBeNull();
    limits.closed(first.ticket);
    expect(admit().why).toBeNull();
    expect(limits.counts().refused['address-connections']).toBe(1);
  });

  test('IPv6 addresses count by their network, and IPv4 ones however they are written', () => {
    const { admit } = rig({ perAddressMax: 1 });
    expect(admit('2001:db8:1:2::1').why).toBeNull();
    expect(admit('2001:db8:1:2:ffff::9').why).toBe('address-connections');
    expect(admit('2001:db8:1:3::1').why).toBeNull();
    expect(admit('192.0.2.7').why).toBeNull();
    expect(admit('::ffff:192.0.2.7').why).toBe('address-connections');
  });

  test('so many may be new in a second, also when they are gone again at once', () => {
    const { clock, limits, admit } = rig({ newPerAddressPerS: '5/s' });
    const attempts = (count: number) => {
      let admitted = 0;
      for (let i = 0; i < count; i++) {
        const { ticket, why } = admit();
        if (why === null) admitted++;
        limits.closed(ticket);
      }
      return admitted;
    };
    expect(attempts(50)).toBe(5);
    clock.advance(1000);
    expect(attempts(50)).toBe(5);
    expect(limits.counts().refused['address-rate']).toBe(90);
  });

  test('so many may be there that have not signed in', () => {
    const { limits, admit } = rig({ pendingPerAddressMax: 2, pendingMax: 3 });
    const first = admit();
    admit();
    expect(admit().why).toBe('pending-address');
    limits.signedIn(first.ticket, { user: 'u', group: 'default', deviceKey: 'd' });
    expect(admit().why).toBeNull();
    expect(admit('192.0.2.2').why).toBeNull();
    expect(admit('192.0.2.3').why).toBe('pending');
  });

  test('of one that is turned away nothing is remembered but its rate', () => {
    const { limits, admit } = rig({ pendingMax: 1 });
    admit('192.0.2.1');
    for (let i = 0; i < 100; i++) expect(admit(`10.0.0.${i}`).why).toBe('pending');
    expect(limits.counts().addresses).toBe(1);
  });

  test('addresses that are gone are forgotten when their rate has recovered, and bounded until then', () => {
    const { clock, limits, admit } = rig({ newPerAddressPerS: '1/m' });
    for (let i = 0; i < quotaBounds.idleAddressesMax + 500; i++) {
      limits.closed(admit(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`).ticket);
    }
    expect(limits.counts().addresses).toBe(quotaBounds.idleAddressesMax);
    clock.advance(61_000);
    limits.closed(admit().ticket);
    expect(limits.counts().addresses).toBe(1);
  });
});

describe('of one user or group', () => {
  test('so many connections may be signed in at a time', () => {
    const { limits, signIn } = rig({ perUserMax: 2 }, { line: { connectionsMax: 3 } });
    expect([signIn('a').why, signIn('a').why, signIn('a').why]).toEqual([null, null, 'user-connections']);
    const first = signIn('b', 'line');
    expect([first.why, signIn('c', 'line').why, signIn('d', 'line').why]).toEqual([null, null, null]);
    expect(signIn('e', 'line').why).toBe('group-connections');
    limits.closed(first.ticket);
    expect(signIn('e', 'line').why).toBeNull();
  });

  test('clients without a user name are not one user', () => {
    const { signIn } = rig({ perUserMax: 1 });
    expect([signIn('').why, signIn('').why]).toEqual([null, null]);
  });

  test('a client that connects again takes the place of its old connection, which then frees nothing', () => {
    const { limits, signIn } = rig({ perUserMax: 1 }, { line: { connectionsMax: 1 } });
    const old = signIn('a', 'line', 'press');
    const again = signIn('a', 'line', 'press');
    expect([old.why, again.why]).toEqual([null, null]);
    limits.closed(old.ticket);
    expect(signIn('a', 'line', 'other').why).toBe('user-connections');
    limits.closed(again.ticket);
    expect(signIn('a', 'line', 'other').why).toBeNull();
  });

  test('one that is turned away is still waiting to sign in until it is closed', () => {
    const { limits, signIn } = rig({ perUserMax: 1 });
    signIn('a');
    const { ticket } = signIn('a');
    expect(limits.counts()).toMatchObject({ pending: 1, signedIn: 1, connections: 2 });
    limits.closed(ticket);
    expect(limits.counts()).toMatchObject({ pending: 0, signedIn: 1, connections: 1 });
  });
});

test('other settings hold for those that come; those there stay', () => {
  const { limits, admit } = rig({ perAddressMax: 5, newPerAddressPerS: '1/s' });
  expect([admit().why, admit().why]).toEqual([null, 'address-rate']);
  limits.reconfigure(quotaSettings({ connections: { perAddressMax: 2 } }).quotas);
  expect([admit().why, admit().why]).toEqual([null, 'address-connections']);
});

test('a ticket that was not admitted, or is closed already, is counted nowhere', () => {
  const { limits, admit } = rig({ perAddressMax: 1 });
  const { ticket } = admit();
  limits.closed(admit().ticket);
  expect(limits.counts().connections).toBe(1);
  limits.closed(ticket);
  limits.closed(ticket);
  expect(limits.signedIn(ticket, { user: 'a', group: 'g', deviceKey: 'd' })).toBeNull();
  expect(limits.counts()).toMatchObject({ connections: 0, pending: 0, signedIn: 0, users: 0 });
});

test('whatever comes, signs in and goes in whatever order: the counts are those of a recount, and end at none', () =>
  seededRun(async (random) => {
    const groups = { g0: { connectionsMax: 4 }, g1: {} };
    const settings = { perUserMax: 3, perAddressMax: 6, pendingMax: 12, pendingPerAddressMax: 4 };
    const { clock, limits } = rig({ ...settings, newPerAddressPerS: '20/s' }, groups);
    interface Live {
      ticket: ConnectionTicket;
      address: string;
      signIn: { user: string; group: string; deviceKey: string } | null;
    }
    const live: Live[] = [];
    const signedIn = (where: (one: NonNullable<Live['signIn']>) => boolean) =>
      live.filter(({ signIn }) => signIn !== null && where(signIn)).length;
    for (let step = 0; step < 5000; step++) {
      clock.advance(random.int(30));
      const pick = live[random.int(live.length || 1)];
      if (random.chance(40) || pick === undefined) {
        const address = `10.0.0.${random.int(5)}`;
        const ticket = new ConnectionTicket();
        const why = limits.admit(ticket, address);
        const ofAddress = live.filter((one) => one.address === address);
        const pending = ofAddress.filter(({ signIn }) => signIn === null).length;
        if (why === null) live.push({ ticket, address, signIn: null });
        expect(why === 'address-connections').toBe(ofAddress.length >= 6);
        if (ofAddress.length < 6) expect(why === 'pending-address').toBe(pending >= 4);
      } else if (random.chance(55) && pick.signIn === null) {
        const device = random.int(8);
        const signIn = { user: `u${device % 3}`, group: `g${device % 2}`, deviceKey: `d${device}` };
        const others = (where: (one: NonNullable<Live['signIn']>) => boolean) =>
          signedIn((one) => where(one) && one.deviceKey !== signIn.deviceKey);
        const isFull = others(({ user }) => user === signIn.user) >= 3;
        const isGroupFull = signIn.group === 'g0' && others(({ group }) => group === 'g0') >= 4;
        const why = limits.signedIn(pick.ticket, signIn);
        expect(why).toBe(isFull ? 'user-connections' : isGroupFull ? 'group-connections' : null);
        if (why !== null) continue;
        // Whoever had the client id before has lost it; its connection is there until it is closed.
        for (const one of live) {
          if (one.signIn?.deviceKey === signIn.deviceKey) one.signIn = { user: '', group: '', deviceKey: '' };
        }
        pick.signIn = signIn;
      } else {
        limits.closed(pick.ticket);
        live.splice(live.indexOf(pick), 1);
      }
      expect(limits.counts()).toMatchObject({
        connections: live.length,
        pending: live.filter(({ signIn }) => signIn === null).length,
        signedIn: signedIn(({ deviceKey }) => deviceKey !== ''),
      });
    }
    for (const { ticket } of live) limits.closed(ticket);
    clock.advance(2000);
    const last = new ConnectionTicket();
    limits.admit(last, '10.0.0.1');
    limits.closed(last);
    clock.advance(2000);
    limits.closed(last);
    expect(limits.counts()).toMatchObject({ connections: 0, pending: 0, signedIn: 0, users: 0, groups: 0 });
    expect(limits.counts().addresses).toBeLessThanOrEqual(1);
  }));
