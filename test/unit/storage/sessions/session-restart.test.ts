// The mirror and the disk say the same after any sequence of operations: seeded random clients, publishes,
// acknowledgements and restarts, with a ledger of what each session is owed.

import { describe, expect, test } from 'vitest';
import type { SessionPacket } from '../../../../storage/sessions/session-packet.ts';
import type { SessionPersistence } from '../../../../storage/sessions/session-persistence.ts';
import { type SeededRandom, seededRandom } from './seeded-random.ts';
import { connect, FakeClient, publish, publishOf, SessionStore } from './session-store.ts';

const clientIds = ['a', 'b', 'c'];
const topics = ['x', 'y', 'x/1', 'y/1'];
const filters = ['x', 'x/#', '+/1', '#'];

/** All that a restart must not change, as far as can be asked for. */
async function describeState(persistence: SessionPersistence): Promise<object> {
  const { connectedSessions: _, ...stats } = persistence.stats();
  const sessions = [];
  for (const id of clientIds) {
    const queue: SessionPacket[] = await persistence.outgoingStream({ id }).toArray();
    const subscriptions = await persistence.subscriptionsByClient({ id });
    const entries = queue.map(({ cmd, messageId, qos, topic, payload }) => [
      cmd,
      messageId,
      qos,
      topic,
      String(payload),
    ]);
    sessions.push({
      id,
      exists: persistence.sessionExists(id),
      subscriptions: subscriptions.map(({ topic, qos }) => `${topic} ${qos}`).toSorted(),
      entries,
    });
  }
  const retained: SessionPacket[] = await persistence.createRetainedStream('#').toArray();
  return {
    stats,
    sessions,
    retained: retained.map(({ topic, payload }) => `${topic} ${payload}`).toSorted(),
  };
}

class Scenario {
  readonly store: SessionStore;
  persistence!: SessionPersistence;
  readonly #random: SeededRandom;
  readonly #clients = new Map<string, FakeClient>();
  readonly #wants = new Map<string, Map<string, number>>();
  /** Payloads that each session was promised and has not acknowledged, in order. */
  readonly #owed = new Map<string, string[]>();
  #published = 0;

  constructor(store: SessionStore, seed: number) {
    this.store = store;
    this.#random = seededRandom(seed);
  }

  async step(): Promise<void> {
    const id = this.#random.pick(clientIds);
    const actions = [
      () => this.#connect(id, this.#random.below(6) === 0),
      () => this.#disconnect(id),
      () => this.#subscribe(id),
      () => this.#unsubscribe(id),
      () => this.#acknowledge(id),
      () => this.#acknowledge(id),
      () => this.#publish(),
      () => this.#publish(),
      () => this.#publish(),
    ];
    await this.#random.pick(actions)();
  }

  async restart(): Promise<void> {
    await this.store.idle();
    const before = await describeState(this.persistence);
    this.persistence = await this.store.restart();
    this.#clients.clear();
    expect(await describeState(this.persistence)).toEqual(before);
  }

  /** Every session gets exactly what it is owed, in order, each under an id of its own. */
  async settle(): Promise<void> {
    await this.restart();
    for (const id of clientIds) {
      const owed = this.#owed.get(id) ?? [];
      const client = new FakeClient(id);
      const pubrels = await connect(this.persistence, client);
      await this.store.idle();
      await client.has(owed.length);
      expect(client.payloads).toEqual(owed);
      const ids = [...pubrels, ...client.sent].map((packet) => packet.messageId);
      expect(new Set(ids).size).toBe(ids.length);
      for (const packet of [...pubrels, ...client.sent])
        await this.persistence.outgoingClearMessageId(client, packet);
    }
    expect(this.store.rows('outgoing')).toEqual([]);
    expect(this.store.rows('outgoing_messages')).toEqual([]);
  }

  async #connect(id: string, cleanStart: boolean): Promise<void> {
    await this.#disconnect(id);
    const client = new FakeClient(id);
    this.#clients.set(id, client);
    if (cleanStart) {
      this.#wants.delete(id);
      this.#owed.delete(id);
    }
    await connect(this.persistence, client, { cleanStart });
  }

  async #disconnect(id: string): Promise<void> {
    const client = this.#clients.get(id);
    if (client === undefined) return;
    client.closed = true;
    this.#clients.delete(id);
    await this.persistence.closeSession(client, { expiryS: 3600 });
  }

  async #subscribe(id: string): Promise<void> {
    const client = this.#clients.get(id);
    if (client === undefined) return;
    const [topic, qos] = [this.#random.pick(filters), this.#random.below(3)];
    const wants = this.#wants.get(id) ?? new Map<string, number>();
    this.#wants.set(id, wants.set(topic, qos));
    await this.persistence.addSubscriptions(client, [{ topic, qos }]);
  }

  async #unsubscribe(id: string): Promise<void> {
    const client = this.#clients.get(id);
    if (client === undefined) return;
    const topic = this.#random.pick(filters);
    this.#wants.get(id)?.delete(topic);
    await this.persistence.removeSubscriptions(client, [topic]);
  }

  async #publish(): Promise<void> {
    const topic = this.#random.pick(topics);
    const payload = `${topic} ${this.#published++}`;
    const packet = publishOf(topic, payload, {
      qos: 1 + this.#random.below(2),
      retain: this.#random.below(4) === 0,
    });
    for (const [id, wants] of this.#wants) {
      const matching = [...wants].filter(([filter, qos]) => qos > 0 && matches(filter, topic));
      if (matching.length > 0) this.#owed.set(id, [...(this.#owed.get(id) ?? []), payload]);
    }
    const prepared =
      this.#random.below(2) === 0
        ? [this.persistence.prepareFanout(packet), this.persistence.prepareRetained(packet)]
        : [];
    this.store.apply(prepared.flatMap((each) => each?.ops ?? []));
    await publish(this.persistence, packet);
  }

  /** Some of what came: PUBACK, or PUBREC with or without PUBCOMP. */
  async #acknowledge(id: string): Promise<void> {
    const client = this.#clients.get(id);
    await this.store.idle();
    const packet = client?.sent.splice(this.#random.below(client.sent.length || 1), 1)[0];
    if (client === undefined || packet === undefined) return;
    const owed = this.#owed.get(id)!;
    owed.splice(owed.indexOf(String(packet.payload)), 1);
    if (packet.qos === 2) await this.persistence.outgoingUpdate(client, { ...packet, cmd: 'pubrel' });
    if (packet.qos === 2 && this.#random.below(2) === 0) return;
    await this.persistence.outgoingClearMessageId(client, { ...packet, cmd: 'puback' });
  }
}

/** Enough for the filters above, and not the code under test. */
function matches(filter: string, topic: string): boolean {
  if (filter === '#' || filter === topic) return true;
  if (filter === '+/1') return topic.endsWith('/1');
  return filter === 'x/#' && topic.startsWith('x');
}

describe('sessions over restarts', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('lose, repeat and reorder nothing (seed %i)', async (seed) => {
    await using store = new SessionStore();
    const scenario = new Scenario(store, seed);
    scenario.persistence = await store.start();
    for (let i = 1; i <= 400; i++) {
      await scenario.step();
      if (i % 50 === 0) await scenario.restart();
    }
    await scenario.settle();
  });
});
