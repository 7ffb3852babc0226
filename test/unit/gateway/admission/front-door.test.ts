import { describe, expect, test } from 'vitest';
import type { ConnectRefusal } from '../../../../gateway/admission/identity/identity.ts';
import { DoorRig, settled } from './door-rig.ts';
import { quotaSettings } from './quota/quota-settings.ts';

const will = { topic: 'not/mine', payload: Buffer.from('gone') };

describe('at the socket', () => {
  test('a connection too many is closed at once, counted and audited', () => {
    const rig = new DoorRig({ quotas: { connections: { perAddressMax: 2 } } });
    expect([rig.knock(), rig.knock()]).not.toContain(null);
    expect(rig.knock()).toBeNull();
    expect(rig.knock({ address: '192.0.2.2' })).not.toBeNull();
    expect(rig.door.refused).toEqual({ 'address-connections': 1 });
    expect(rig.audited).toEqual([
      { event: 'connect-refused', reason: 'address-connections', address: '192.0.2.1' },
    ]);
    expect(rig.limits.counts()).toMatchObject({ connections: 3, pending: 3 });
  });

  test('one that goes without a word leaves nothing behind, however often that is said', () => {
    const rig = new DoorRig();
    const guest = rig.knock()!;
    rig.door.leave(guest);
    rig.door.leave(guest);
    expect(rig.limits.counts()).toMatchObject({ connections: 0, pending: 0, signedIn: 0 });
    expect(rig.left).toEqual([]);
  });
});

describe('at the CONNECT', () => {
  test('pressure, failures, identity, tenant, client id, owner, will, connections of user and group decide, in this order', async () => {
    const rig = new DoorRig({
      access: { groups: { g: { users: ['u'] } }, rules: [{ publish: ['mine'] }], failures: { free: 0 } },
      quotas: { connections: { perUserMax: 1 }, groups: { g: { connectionsMax: 1 } } },
    });
    await rig.visit({ clientId: 'first' }, { address: '192.0.2.2' });
    await rig.verifications.shift()!.accept({ group: 'g' });
    rig.owners.set('forbidden', 'other');
    rig.owners.set('c', 'other');
    for (let i = 0; i < 10; i++) rig.throttle.failed('192.0.2.1', rig.clock.monotonicMs());
    rig.pressure.refusesConnections = true;
    let group = 'no-such-group';
    /** What a client is told of whom, in the end, only this is said. */
    const told = async (request: Parameters<DoorRig['visit']>[0]): Promise<string> => {
      const visit = await rig.visit(request);
      await rig.verifications.shift()?.accept({ group });
      visit.leave();
      return visit.outcome;
    };
    const wrong = { clientId: 'forbidden', will };
    expect(await told(wrong)).toBe('busy');
    rig.pressure.refusesConnections = false;
    expect(await told(wrong)).toBe('too-many-failures');
    rig.isProven = true;
    const refused = await rig.visit(wrong);
    await rig.verifications.shift()!.refuse('bad-credentials');
    expect(refused.outcome).toBe('bad-credentials');
    refused.leave();
    expect(await told(wrong)).toBe('unknown-group');
    group = 'g';
    expect(await told(wrong)).toBe('client-id');
    expect(await told({ clientId: 'c', will })).toBe('session-of-another');
    rig.owners.clear();
    expect(await told({ clientId: 'c', will })).toBe('will');
    expect(await told({ clientId: 'c' })).toBe('user-connections');
    rig.limits.reconfigure(quotaSettings({ groups: { g: { connectionsMax: 1 } } }).quotas);
    expect(await told({ clientId: 'c' })).toBe('group-connections');
    rig.limits.reconfigure(quotaSettings({}).quotas);
    expect(await told({ clientId: 'c' })).toBe('in');
    const reasons = rig.audited.map(({ reason }) => reason);
    expect(rig.door.refused).toEqual(Object.fromEntries(reasons.map((reason) => [reason, 1])));
    expect(reasons).toHaveLength(9);
  });

  test('who is refused is audited with what it called itself', async () => {
    const rig = new DoorRig();
    const visit = await rig.visit({ clientId: 'press-1', username: 'mallory' }, { address: '198.51.100.7' });
    await rig.verifications[0].refuse('unknown-user');
    expect(visit.outcome).toBe('unknown-user');
    expect(rig.audited).toEqual([
      {
        event: 'connect-refused',
        reason: 'unknown-user',
        client: 'press-1',
        user: 'mallory',
        address: '198.51.100.7',
        object: 'tcp:1883',
      },
    ]);
    const certified = await rig.visit({}, { certificate: { user: 'press-2', subject: 'CN=press-2' } });
    await rig.verifications[1].refuse('user-not-of-certificate', 'user name: press-3');
    expect(certified.outcome).toBe('user-not-of-certificate');
    expect(rig.audited[1]).toMatchObject({ user: 'press-2', detail: 'user name: press-3' });
    const nameless = await rig.visit({ username: undefined });
    await rig.verifications[2].refuse('anonymous');
    expect(nameless.outcome).toBe('anonymous');
    expect(rig.audited[2]).not.toHaveProperty('user');
  });

  test('what it shows is what is verified', async () => {
    const rig = new DoorRig();
    const certificate = { user: 'cn', subject: 'CN=cn' };
    await rig.visit(
      { clientId: 'x', version: 4, username: 'n', password: Buffer.from('s') },
      { certificate },
    );
    expect(rig.verifications[0].attempt).toEqual({
      clientId: 'x',
      version: 4,
      username: 'n',
      password: Buffer.from('s'),
      address: '192.0.2.1',
      certificate,
    });
  });

  test('who is let in is known under its mount, with the rights and quotas of its group', async () => {
    const rig = new DoorRig({
      access: {
        groups: { acme: { tenant: 'acme' } },
        rules: [{ groups: ['acme'], publish: ['p/{client}/{user}'], subscribe: ['s/#'] }],
      },
      quotas: { devices: [{ groups: ['acme'], subscriptionsMax: 3 }] },
    });
    const { client } = await rig.enter(
      { clientId: 'd', username: 'bob', will: { ...will, topic: 'p/d/bob' } },
      { group: 'acme' },
    );
    expect([client.clientId, client.ownClientId, client.owner]).toEqual(['acme/d', 'd', 'bob']);
    expect([client.subscriptionsMax, client.address]).toEqual([3, '192.0.2.1']);
    expect(['acme/s/x', 's/x', 'zeta/s/x', 'acme/p'].map((filter) => client.maySubscribe(filter))).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect(['acme/s/x', 's/x', 'acme/$SYS'].map((topic) => client.mayReceive(topic))).toEqual([
      true,
      false,
      false,
    ]);
    expect(rig.quotas.status().devices.known).toBe(1);
    expect(client.quota.limits?.groups).toEqual(['acme']);
  });
});

describe('a session', () => {
  test('is taken over by its own user, also at the limits, and counted once', async () => {
    const rig = new DoorRig({
      access: { groups: { g: {} } },
      quotas: { connections: { perUserMax: 1 }, groups: { g: { connectionsMax: 1 } } },
    });
    const first = await rig.enter({ clientId: 'd' }, { group: 'g' });
    rig.owners.set('d', 'u');
    const second = await rig.enter({ clientId: 'd' }, { group: 'g' });
    expect([first.outcome, second.outcome]).toEqual(['in', 'in']);
    expect(rig.limits.counts()).toMatchObject({ connections: 2, signedIn: 1, users: 1, groups: 1 });
    first.leave();
    expect(rig.limits.counts()).toMatchObject({ connections: 1, signedIn: 1, users: 1, groups: 1 });
    expect((await rig.enter({ clientId: 'other' }, { group: 'g' })).outcome).toBe('user-connections');
    second.leave();
    expect((await rig.enter({ clientId: 'other' }, { group: 'g' })).outcome).toBe('in');
    expect(rig.left).toEqual([first.client, second.client]);
  });

  test('is not that of another user, also not of one without a name', async () => {
    const rig = new DoorRig();
    rig.owners.set('d', 'u');
    rig.owners.set('nobodys', '');
    expect((await rig.enter({ clientId: 'd', username: 'v' })).outcome).toBe('session-of-another');
    expect((await rig.enter({ clientId: 'd' }, { user: '' })).outcome).toBe('session-of-another');
    expect((await rig.enter({ clientId: 'nobodys' })).outcome).toBe('session-of-another');
    expect((await rig.enter({ clientId: 'nobodys' }, { user: '' })).outcome).toBe('in');
    expect((await rig.enter({ clientId: 'd' })).outcome).toBe('in');
  });

  test('belongs to a name under its mount', async () => {
    const rig = new DoorRig({ access: { groups: { acme: { tenant: 'acme' } } } });
    rig.owners.set('acme/d', 'bob');
    expect((await rig.enter({ clientId: 'd', username: 'eve' })).outcome).toBe('in');
    expect((await rig.enter({ clientId: 'd', username: 'eve' }, { group: 'acme' })).outcome).toBe(
      'session-of-another',
    );
    expect((await rig.enter({ clientId: 'acme/d', username: 'bob' })).outcome).toBe('client-id');
    expect((await rig.enter({ clientId: 'd', username: 'bob' }, { group: 'acme' })).outcome).toBe('in');
  });
});

describe('an address from which sign-ins fail', () => {
  const failures = { free: 1, delayMs: 100, delayMaxMs: 200 };

  test('has to wait for the next answer, longer each time, and is refused unheard in the end', async () => {
    const rig = new DoorRig({ access: { failures } });
    const fail = async (): Promise<void> => {
      const visit = await rig.visit();
      await rig.verifications.shift()!.refuse('bad-credentials');
      visit.leave();
    };
    await fail();
    for (const waitMs of [100, 200]) {
      const visit = await rig.visit();
      expect([visit.outcome, rig.verifications.length]).toEqual(['waiting', 0]);
      rig.clock.advance(waitMs - 1);
      await settled();
      expect(rig.verifications).toHaveLength(0);
      rig.clock.advance(1);
      await settled();
      await rig.verifications.shift()!.refuse('bad-credentials');
      expect(visit.outcome).toBe('bad-credentials');
    }
    expect((await rig.visit()).outcome).toBe('too-many-failures');
    expect(rig.verifications).toHaveLength(0);
    rig.isProven = true;
    const known = await rig.visit();
    await rig.verifications.shift()!.accept();
    expect(known.outcome).toBe('in');
  });

  test('does not count what is no guess', async () => {
    const rig = new DoorRig({ access: { failures: { free: 0, delayMs: 100, delayMaxMs: 100 } } });
    for (const reason of ['busy', 'anonymous', 'hook-silent', 'unknown-group'] as ConnectRefusal[]) {
      await rig.visit();
      await rig.verifications.shift()!.refuse(reason);
    }
    rig.owners.set('c', 'other');
    expect((await rig.enter()).outcome).toBe('session-of-another');
    expect(rig.throttle.counters).toEqual({ delayed: 0, refused: 0 });
    await rig.visit();
    await rig.verifications.shift()!.refuse('bad-credentials');
    expect(rig.throttle.check('192.0.2.1', rig.clock.monotonicMs()).kind).toBe('delay');
  });

  test('is trusted again when somebody has shown who he is, which one without a name has not', async () => {
    const rig = new DoorRig({ access: { failures: { free: 0, delayMs: 100, delayMaxMs: 100 } } });
    const judged = (): string => rig.throttle.check('192.0.2.1', rig.clock.monotonicMs()).kind;
    for (let i = 0; i < 2; i++) rig.throttle.failed('192.0.2.1', rig.clock.monotonicMs());
    rig.isProven = true;
    await rig.enter({ clientId: 'x', username: undefined }, { user: '', source: 'anonymous' });
    expect(judged()).toBe('refuse');
    await rig.enter({ clientId: 'y' });
    expect(judged()).toBe('delay');
  });
});

describe('a guest who leaves', () => {
  test('while it has to wait is not heard any more', async () => {
    const rig = new DoorRig({ access: { failures: { free: 0, delayMs: 100, delayMaxMs: 1000 } } });
    rig.throttle.failed('192.0.2.1', rig.clock.monotonicMs());
    const visit = await rig.visit();
    expect(visit.outcome).toBe('waiting');
    visit.leave();
    rig.clock.advance(1000);
    await settled();
    expect(rig.verifications).toHaveLength(0);
    expect(visit.outcome).not.toBe('in');
    expect(rig.limits.counts()).toMatchObject({ connections: 0, pending: 0 });
  });

  test.each(['accept', 'refuse'] as const)(
    'while it is verified leaves nothing, whether it would have been let in: %s',
    async (how) => {
      const rig = new DoorRig();
      const visit = await rig.visit();
      visit.leave();
      if (how === 'accept') await rig.verifications[0].accept();
      else await rig.verifications[0].refuse('bad-credentials');
      expect(visit.outcome).not.toBe('in');
      expect(rig.limits.counts()).toMatchObject({
        connections: 0,
        pending: 0,
        signedIn: 0,
        users: 0,
        groups: 0,
      });
      expect(rig.quotas.status().devices.known).toBe(0);
      expect([rig.left, rig.audited, rig.door.refused]).toEqual([[], [], {}]);
    },
  );

  test('and had been let in gives back everything, once', async () => {
    const rig = new DoorRig();
    const visit = await rig.enter();
    visit.leave();
    visit.leave();
    expect(rig.limits.counts()).toMatchObject({ connections: 0, signedIn: 0, users: 0, groups: 0 });
    expect(rig.left).toEqual([visit.client]);
    expect(rig.quotas.status().devices.known).toBe(1); // remembered,
    expect(visit.client.quota.entry?.connections).toBe(0); // not connected
  });
});
