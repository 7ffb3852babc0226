// Random weather against forwarder and sender: appends, some of dead letters, acknowledgements, refusals, poison,
// broken connections, restarts and time, from a seed. What must hold at every step and at the end is all that is
// known about the right behaviour. A failing seed is in the test's name; run it alone with SLUICE_MODEL_SEED.

import { describe, expect, test } from 'vitest';
import { Forwarder } from '../../../bridge/forwarder.ts';
import { Sender, type SendSettings } from '../../../bridge/sender.ts';
import { seededRandom } from '../../../simulator/seeded-random.ts';
import type { Advance } from '../../../storage/log/log-port.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { recordBatch } from '../../support/record-batches.ts';
import { MemoryLog } from './memory-log.ts';
import { ModelUpstream } from './model-upstream.ts';
import { settled } from './settled.ts';

const LANES = ['main', 'alarm'];
const STEPS = 300;

const settings: SendSettings = {
  batch: { maxBytes: 1500, maxMessages: 25, lingerMs: 20 },
  inFlight: { batchesMax: 5, bytesMax: 6000 },
  reconnect: { minMs: 10, maxMs: 200, stableAfterMs: 1000 },
  ackTimeoutMs: 500,
  breaker: { failures: 4, openMs: 300 },
};

interface Weather {
  takes: 'encoded' | 'records';
  /** The upstream only ever fails by breaking the connection. */
  breaksOnly: boolean;
}

/** A gateway that can be restarted: log and cursors live on. */
class ModelGateway {
  readonly clock = new FakeClock();
  readonly log = new MemoryLog();
  readonly upstream: ModelUpstream;
  readonly #books = LANES.map(() => ({ cursor: 0, delivered: 0, deadLettered: 0, dead: new Set<number>() }));
  readonly #ends = LANES.map(() => 0);
  #forwarders: Forwarder[] = [];
  #sender: Sender | null = null;

  constructor(takes: Weather['takes']) {
    this.upstream = new ModelUpstream(takes);
    this.start();
  }

  start(): void {
    const { clock, upstream } = this;
    this.#forwarders = LANES.map(
      (name, number) =>
        new Forwarder({
          sink: 'cloud',
          lane: { name, number },
          cursor: this.#books[number].cursor,
          nextOffset: this.#ends[number],
          takes: upstream.takes,
          compression: 'none',
          lingerMs: settings.batch.lingerMs,
          backoff: settings.reconnect,
          reader: this.log,
          clock,
          post: (advance) => this.#book(number, advance),
        }),
    );
    const forwarders = this.#forwarders;
    this.#sender = new Sender({
      settings,
      sink: upstream,
      forwarders,
      clock,
      log: () => {},
      changed: () => {},
    });
    const sender = this.#sender;
    upstream.lost = (reason) => sender.lost(reason);
    sender.wake();
  }

  async restart(): Promise<void> {
    await this.stop();
    this.start();
  }

  async stop(): Promise<void> {
    const stopped = this.#sender!.stop(0);
    this.clock.advance(0);
    await stopped;
    expect(this.clock.timers).toBe(0);
  }

  /** Of the kept dead letters those that have not become one yet. */
  readonly keptDead = LANES.map(() => new Set<number>());

  /** The records of device 0 are kept as dead letters, when `withDead`. */
  append(lane: number, devices: number[], withDead: boolean): void {
    const records = devices.map((device, i) => {
      const deadLetter = withDead && device === 0;
      if (deadLetter) this.keptDead[lane].add(this.#ends[lane] + i);
      return { device: `dev-${device}`, payload: 'x'.repeat(device * 3), deadLetter };
    });
    this.#ends[lane] = this.log.append(
      lane,
      recordBatch(records, { lane: LANES[lane], firstOffset: this.#ends[lane] }),
    );
    this.#forwarders[lane].appended(this.#ends[lane]);
    this.#sender!.wake();
  }

  /** What the upstream has, without what was given up in the end (it may have taken an earlier copy). */
  get delivered(): ModelUpstream['accepted'] {
    return this.upstream.accepted.filter(
      ({ lane, offset }) => !this.#books[LANES.indexOf(lane)].dead.has(offset),
    );
  }

  get isDelivered(): boolean {
    return this.#books.every(({ cursor }, lane) => cursor === this.#ends[lane]);
  }

  /**
   * The cursor passes a record only when the upstream has it, or it is a dead letter; and every step adds up.
   */
  #book(lane: number, { nextOffset, delivered, deadLettered, missing, deadLetters }: Advance): void {
    const books = this.#books[lane];
    for (const { firstOffset, count, reason } of deadLetters) {
      for (let offset = firstOffset; offset < firstOffset + count; offset++) {
        if (books.dead.has(offset)) throw new Error(`${LANES[lane]}/${offset} is a dead letter twice`);
        books.dead.add(offset);
        expect(this.keptDead[lane].delete(offset)).toBe(reason === 'payload-format');
      }
    }
    const has = new Set(
      this.upstream.accepted.filter((record) => record.lane === LANES[lane]).map(({ offset }) => offset),
    );
    for (let offset = books.cursor; offset < nextOffset; offset++) {
      if (!has.has(offset) && !books.dead.has(offset))
        throw new Error(`${LANES[lane]}/${offset} was passed over`);
    }
    expect(nextOffset).toBeGreaterThan(books.cursor);
    expect(nextOffset - books.cursor).toBe(delivered + deadLettered + missing);
    expect(missing).toBe(0);
    books.cursor = nextOffset;
  }
}

async function live(gateway: ModelGateway, random: () => number, weather: Weather): Promise<void> {
  const below = (n: number) => Math.floor(random() * n);
  const { upstream, clock } = gateway;
  for (let step = 0; step < STEPS; step++) {
    const dice = random();
    if (dice < 0.25)
      gateway.append(
        below(LANES.length),
        Array.from({ length: 1 + below(60) }, () => below(6)),
        random() < 0.4,
      );
    else if (dice < 0.5) upstream.accept();
    else if (dice < 0.7) upstream.answerNext();
    else if (dice < 0.78) clock.advance(below(120));
    else if (dice < 0.88) upstream.decideConnect(random() < 0.7);
    else if (dice < 0.91) upstream.break();
    else if (dice < 0.93) await gateway.restart();
    else if (!weather.breaksOnly && dice < 0.97) upstream.refuse(random());
    else if (!weather.breaksOnly && dice < 0.98) upstream.reject(random());
    await settled();
    expect(upstream.unanswered).toBeLessThanOrEqual(settings.inFlight.batchesMax);
  }
}

/** From now on everything works: it must all arrive, without anything new being appended. */
async function drain(gateway: ModelGateway): Promise<void> {
  const { upstream, clock } = gateway;
  for (let i = 0; i < 3000 && !gateway.isDelivered; i++) {
    upstream.decideConnect(true);
    upstream.accept();
    upstream.answerNext();
    await settled();
    if (upstream.unanswered === 0) clock.advance(50);
    await settled();
  }
  expect(gateway.isDelivered).toBe(true);
}

/**
 * Every device's records end up in order: the last copy of each comes after the last copy of those before it.
 */
function expectOrder(accepted: ModelUpstream['accepted'], firstCopies: boolean): void {
  const sequences = Map.groupBy(accepted, ({ lane, device }) => `${lane}/${device}`);
  for (const [name, records] of sequences) {
    const copies = firstCopies ? records : records.toReversed();
    const once = [...new Set(copies.map(({ offset }) => offset))];
    const inOrder = firstCopies ? once : once.toReversed();
    expect(inOrder, name).toEqual(inOrder.toSorted((a, b) => a - b));
  }
}

async function run(seed: number, weather: Weather): Promise<void> {
  const gateway = new ModelGateway(weather.takes);
  await live(gateway, seededRandom(seed), weather);
  await drain(gateway);
  await gateway.stop();
  expect(gateway.keptDead.map(({ size }) => size)).toEqual([0, 0]);
  expectOrder(gateway.delivered, false);
  if (weather.breaksOnly) expectOrder(gateway.delivered, true);
}

const only = process.env.SLUICE_MODEL_SEED;
const seeds = only === undefined ? Array.from({ length: 25 }, (_, i) => i + 1) : [Number(only)];

describe.each([
  { takes: 'encoded', breaksOnly: false },
  { takes: 'records', breaksOnly: false },
  { takes: 'encoded', breaksOnly: true },
  { takes: 'records', breaksOnly: true },
] satisfies Weather[])('$takes, connections break, refusals: not $breaksOnly', (weather) => {
  test.each(seeds)('everything arrives, in order, and the cursor never runs ahead (seed %i)', (seed) =>
    run(seed, weather),
  );
});
