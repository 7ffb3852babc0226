// Whose a session is: who else is let in under the same client id, and for how long not.

import { describe, expect, test } from 'vitest';
import type { SessionPersistence } from '../../../../storage/sessions/session-persistence.ts';
import { connect, FakeClient, HandClock, publish, publishOf, SessionStore } from './session-store.ts';
import { subscription } from './session-traffic.ts';

const anothers = { kind: 'refused', reason: 'session-of-another' };

/** Opens a session of client `c`, or is refused. */
async function open(
  persistence: SessionPersistence,
  owner: string | undefined,
  { expiryS = 3600, cleanStart = false } = {},
) {
  const client = new FakeClient('c');
  const options = { owner, expiryS, cleanStart, protocolVersion: 5 };
  return { client, opened: await persistence.openSession(client, options) };
}

describe('a session', () => {
  test('belongs to the user who made it while he is connected, while he is away, and after a restart', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    const { client } = await open(persistence, 'ann');
    await persistence.addSubscriptions(client, [subscription]);
    for (const moment of ['connected', 'away', 'restarted']) {
      if (moment === 'away') await persistence.closeSession(client, { expiryS: 3600 });
      if (moment === 'restarted') persistence = await store.restart();
      expect(persistence.ownerOf('c'), moment).toBe('ann');
      for (const owner of ['bob', '', undefined, 'Ann', 'ann ']) {
        for (const cleanStart of [false, true]) {
          expect((await open(persistence, owner, { cleanStart })).opened, moment).toEqual(anothers);
          expect((await open(persistence, owner, { cleanStart, expiryS: 0 })).opened, moment).toEqual(
            anothers,
          );
        }
      }
    }
    expect((await persistence.subscriptionsByClient(client)).length).toBe(1);
    expect((await open(persistence, 'ann')).opened).toEqual({ kind: 'opened', sessionPresent: true });
  });

  test('may be taken over and begun anew by its owner, and stays his', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const first = await open(persistence, 'ann');
    await open(persistence, 'ann');
    await persistence.closeSession(first.client, { expiryS: 3600 }); // of the connection that was taken over
    expect(persistence.ownerOf('c')).toBe('ann');
    const { client, opened } = await open(persistence, 'ann', { cleanStart: true });
    expect(opened).toEqual({ kind: 'opened', sessionPresent: false });
    await persistence.cleanSubscriptions(client); // of aedes
    expect(persistence.ownerOf('c')).toBe('ann');
    expect(store.rows('session_owners')).toHaveLength(1);
    expect((await store.restart()).ownerOf('c')).toBe('ann');
  });

  test('still has its owner when everything in it is cleared', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    const { client } = await open(persistence, 'ann');
    await persistence.addSubscriptions(client, [subscription]);
    await persistence.cleanSubscriptions(client);
    persistence = await store.restart();
    expect(persistence.ownerOf('c')).toBe('ann');
  });

  test('is free for anybody when it has ended, by its expiry or by its end', async () => {
    const clock = new HandClock();
    await using store = new SessionStore({ clock });
    const persistence = await store.start();
    const { client } = await open(persistence, 'ann', { expiryS: 10 });
    await persistence.closeSession(client, { expiryS: 10 });
    clock.advance(9_999);
    expect((await open(persistence, 'bob')).opened).toEqual(anothers);
    clock.advance(1);
    expect(persistence.ownerOf('c')).toBeUndefined();
    const second = await open(persistence, 'bob');
    expect(second.opened).toEqual({ kind: 'opened', sessionPresent: false });
    expect(persistence.ownerOf('c')).toBe('bob');
    await persistence.closeSession(second.client, { expiryS: 0 });
    expect(persistence.ownerOf('c')).toBeUndefined();
    expect(store.rows('session_owners')).toEqual([]);
  });

  test('that does not outlive its connection belongs to its user until then', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const { client } = await open(persistence, 'ann', { expiryS: 0, cleanStart: true });
    expect(persistence.ownerOf('c')).toBe('ann');
    expect((await open(persistence, 'bob')).opened).toEqual(anothers);
    expect((await open(persistence, undefined, { expiryS: 0 })).opened).toEqual(anothers);
    const again = await open(persistence, 'ann', { expiryS: 0 });
    await persistence.closeSession(client, { expiryS: 0 });
    expect((await open(persistence, 'bob')).opened).toEqual(anothers);
    await persistence.closeSession(again.client, { expiryS: 0 });
    expect(persistence.ownerOf('c')).toBeUndefined();
    expect((await open(persistence, 'bob')).opened).toMatchObject({ kind: 'opened' });
  });

  test('of a client without a user is nobody’s, and becomes that of the first user who opens it', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    const { client } = await open(persistence, '');
    await persistence.addSubscriptions(client, [subscription]);
    await persistence.closeSession(client, { expiryS: 3600 });
    persistence = await store.restart();
    expect(persistence.ownerOf('c')).toBeUndefined();
    expect((await open(persistence, undefined)).opened).toEqual({ kind: 'opened', sessionPresent: true });
    expect((await open(persistence, 'ann')).opened).toEqual({ kind: 'opened', sessionPresent: true });
    expect((await open(persistence, '')).opened).toEqual(anothers);
    persistence = await store.restart();
    expect((await open(persistence, 'bob')).opened).toEqual(anothers);
    expect((await persistence.subscriptionsByClient(client)).length).toBe(1);
  });

  test('two users who come at the same moment do not both get', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const opened = await Promise.all(['ann', 'bob'].map((owner) => open(persistence, owner)));
    expect(opened.map(({ opened: { kind } }) => kind)).toEqual(['opened', 'refused']);
  });

  test('is not opened for a connection that has ended already, and nobody is kept out by it', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const gone = new FakeClient('c');
    gone.closed = true;
    for (const expiryS of [0, 3600]) {
      const options = { owner: 'ann', expiryS, cleanStart: true, protocolVersion: 5 };
      const ended = { kind: 'refused', reason: 'connection-ended' };
      expect(await persistence.openSession(gone, options)).toEqual(ended);
    }
    expect(persistence.stats()).toMatchObject({ sessions: 0, connectedSessions: 0 });
    expect((await open(persistence, 'bob')).opened).toMatchObject({ kind: 'opened' });
  });

  test('that was refused changes nothing for the one who is there', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const ann = new FakeClient('c');
    await connect(persistence, ann, { owner: 'ann' });
    await persistence.addSubscriptions(ann, [subscription]);
    const { client: bob } = await open(persistence, 'bob', { cleanStart: true });
    await persistence.closeSession(bob, { expiryS: 0 });
    await publish(persistence, publishOf('cmd/1', 'x'));
    await store.idle();
    expect(ann.payloads).toEqual(['x']);
    expect(persistence.ownerOf('c')).toBe('ann');
  });
});

describe('on disk', () => {
  test('an owner is written when it changes, not at each connect and disconnect', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const changes = () => store.db.prepare('SELECT total_changes()').pluck().get() as number;
    const { client } = await open(persistence, 'ann');
    const before = changes();
    await persistence.closeSession(client, { expiryS: 3600 });
    expect(changes() - before).toBe(1); // the session alone
  });

  test('what an older version left behind of an ended session is not taken for that of another', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    const { client } = await open(persistence, 'ann');
    const [{ sid }] = store.rows('session_owners');
    await persistence.closeSession(client, { expiryS: 3600 });
    // The older version ends the session, forgets the owner, and gives its number to another client.
    store.db.exec('DELETE FROM sessions');
    store.db.prepare('INSERT INTO sessions VALUES (?, ?, 4, 4294967295, 0)').run(sid, 'other');
    persistence = store.build();
    expect(persistence.sessionExists('other')).toBe(true);
    expect(persistence.ownerOf('other')).toBeUndefined();
    expect(persistence.ownerOf('c')).toBeUndefined();
  });

  test('numbers of sessions stay above those of owners that were left behind, which are removed', async () => {
    await using store = new SessionStore();
    store.db.prepare('INSERT INTO session_owners VALUES (41, ?, ?)').run('gone', 'ann');
    expect(store.load().nextSid).toBe(42);
    expect(store.rows('session_owners')).toEqual([]);
  });

  test('an owner that cannot be read leaves the session to the first who opens it, and is named', async () => {
    await using store = new SessionStore();
    await open(await store.start(), 'ann');
    store.db.exec("UPDATE session_owners SET owner = x'00'");
    expect(store.load()).toMatchObject({
      damaged: [{ table: 'session_owners', reason: 'owner is no text' }],
      sessions: [{ client: 'c' }],
    });
    expect(store.build().ownerOf('c')).toBeUndefined();
  });
});
