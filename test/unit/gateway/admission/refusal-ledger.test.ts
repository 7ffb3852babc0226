import { beforeEach, describe, expect, test } from 'vitest';
import type { AuditEvent } from '../../../../gateway/admission/audit-event.ts';
import type { AdmittedClient } from '../../../../gateway/admission/guest.ts';
import { publishRefusal } from '../../../../gateway/admission/publish-refusal.ts';
import { RefusalLedger } from '../../../../gateway/admission/refusal-ledger.ts';
import type { Random } from '../../../support/mqtt-frame-random.ts';
import { seededRun } from '../../../support/seeded-run.ts';

const { notAuthorized, messageTooLarge, pressure } = publishRefusal;

let nowMs: number;
let told: AuditEvent[];
let ledger: RefusalLedger;

beforeEach(() => {
  [nowMs, told] = [0, []];
  ledger = new RefusalLedger({ write: (event) => told.push(event) }, () => nowMs);
});

function client(name: string): AdmittedClient {
  const identity = { user: `user of ${name}`, group: 'default', source: 'password' };
  return { clientId: name, identity, address: '192.0.2.1' } as unknown as AdmittedClient;
}

const times = () => told.map((event) => event.times ?? 1);

test('the first is told at once, with who and which topic', () => {
  ledger.add(client('a'), notAuthorized, 'x/y');
  expect(told).toEqual([
    {
      event: 'publish-refused',
      reason: 'not-authorized',
      client: 'a',
      user: 'user of a',
      address: '192.0.2.1',
      object: 'x/y',
      times: 1,
    },
  ]);
});

test('a flood is a line a second, each with how many they were and the latest topic', () => {
  const flooder = client('a');
  for (nowMs = 0; nowMs < 5000; nowMs++) ledger.add(flooder, notAuthorized, `t/${nowMs}`);
  expect(times()).toEqual([1, 1000, 1000, 1000, 1000]);
  expect(told.at(-1)?.object).toBe('t/4000');
  expect(ledger.counts).toEqual({ 'not-authorized': 5000 });
});

describe('each client and each reason', () => {
  test('has a line a second of its own', () => {
    const [a, b] = [client('a'), client('b')];
    for (let i = 0; i < 3; i++) {
      ledger.add(a, notAuthorized, 'x');
      ledger.add(a, messageTooLarge, 'x');
      ledger.add(b, notAuthorized, 'x');
    }
    expect(told.map(({ client, reason }) => `${client} ${reason}`)).toEqual([
      'a not-authorized',
      'a message-too-large',
      'b not-authorized',
    ]);
    expect(ledger.counts).toEqual({ 'not-authorized': 6, 'message-too-large': 3 });
  });

  test('is told to the end when the client goes, and that only once', () => {
    const a = client('a');
    for (let i = 0; i < 3; i++) ledger.add(a, notAuthorized, 'x');
    ledger.add(a, pressure, 'y');
    ledger.close(a);
    ledger.close(a);
    expect(told.map(({ reason, times }) => [reason, times])).toEqual([
      ['not-authorized', 1],
      ['pressure', 1],
      ['not-authorized', 2],
    ]);
    ledger.close(client('never refused'));
    expect(told).toHaveLength(3);
  });
});

test('the lines add up to the count, and no client has two within a second for the same reason', () =>
  seededRun(async (random: Random) => {
    const clients = ['a', 'b', 'c', 'd'].map(client);
    const lastMs = new Map<string, number>();
    for (let i = 0; i < 20_000; i++) {
      nowMs += random.int(20);
      const before = told.length;
      ledger.add(random.pick(clients), random.pick([notAuthorized, messageTooLarge, pressure]), 'x');
      for (const { client, reason } of told.slice(before)) {
        const name = `${client} ${reason}`;
        expect(nowMs - (lastMs.get(name) ?? -1000)).toBeGreaterThanOrEqual(1000);
        lastMs.set(name, nowMs);
      }
    }
    for (const one of clients) ledger.close(one);
    expect(times().reduce((sum, count) => sum + count, 0)).toBe(20_000);
    expect(Object.values(ledger.counts).reduce((sum, count) => sum + count, 0)).toBe(20_000);
  }));
