// SIGHUP: quotas, access rules and users that change while devices are connected, some of them waiting. One gateway
// process for all tests, each of which begins with settings of its own.

import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashPassword } from '../../gateway/admission/identity/password-hash.ts';
import { auditLine } from '../support/audit-lines.ts';
import { GatewayProcess, type GatewaySettings } from '../support/gateway-process.ts';
import { call, codeOf, enter, Onlooker, topicsOf } from '../support/guarded-gateway.ts';
import { type Packet, RawClient } from '../support/raw-client.ts';
import { storedRecords } from '../support/stored-records.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

const QUOTA_EXCEEDED = 0x97;
const ADMINISTRATIVE_ACTION = 0x98;
const NOT_AUTHORIZED = 0x87;
const REFUSED = 'configuration not taken into use; the one before stays';

let directory: TemporaryDirectory;
let gateway: GatewayProcess;
let usersFile: string;

const open = { access: { anonymous: true } };
const devices = (...entries: object[]) => ({ ...open, quotas: { devices: entries } });
const connect = (clientId: string, version: 4 | 5 = 5): Promise<RawClient> =>
  RawClient.connect(gateway.port, version, { clientId });
const payloadsOf = (device: string): string[] =>
  storedRecords(gateway.dataDir)
    .filter((record) => record.device === device)
    .map(({ payload }) => payload);
const codesOf = (answers: readonly Packet[]): number[] => answers.map(({ reasonCode = 0 }) => reasonCode);

/** Takes them into use. */
async function reload(settings: GatewaySettings): Promise<void> {
  expect(await gateway.reload(settings)).toMatchObject({
    msg: expect.stringMatching(/^configuration read again/),
  });
}

async function writeUsers(file: string, ...users: string[]): Promise<void> {
  const lines = users.map(async (user) => `${user}:${await hashPassword(user, { ln: 10, r: 1, p: 1 })}\n`);
  writeFileSync(file, (await Promise.all(lines)).join(''), { mode: 0o600 });
}

beforeAll(async () => {
  directory = new TemporaryDirectory();
  usersFile = directory.file('users');
  await writeUsers(usersFile, 'ann', 'bob');
  gateway = await GatewayProcess.start({ settings: open });
});
afterAll(async () => {
  const { code } = await gateway.server.stop();
  await gateway?.[Symbol.asyncDispose]();
  directory?.[Symbol.dispose]();
  expect(code).toBe(0);
});

describe('quotas', () => {
  test('hold for devices that are connected and wait: what they had sent is kept, in its order', async () => {
    await reload(devices({ clients: ['waiting*'], messagesPerS: '1/m', messagesBurst: 1 }));
    using client = await connect('waiting');
    using other = await connect('waiting too', 4);
    const payloads = Array.from({ length: 100 }, (_, i) => `${i + 1}`);
    for (const one of [client, other])
      for (const payload of payloads) one.publish('t', payload, { qos: 1, messageId: Number(payload) });
    for (const one of [client, other]) {
      await one.next('puback');
      await one.ping();
      expect(one.pending).toEqual([]);
    }
    await reload(devices({ clients: ['waiting*'], messagesPerS: '200/s', messagesBurst: 1 }));
    for (const one of [client, other]) {
      const answers = await one.take('puback', 99);
      expect(answers.map(({ messageId }) => `${messageId}`)).toEqual(payloads.slice(1));
    }
    expect([payloadsOf('waiting'), payloadsOf('waiting too')]).toEqual([payloads, payloads]);
  });

  test('refuse what they delayed before, and nothing any more when they are gone', async () => {
    await reload(devices({ clients: ['turned'], messagesPerS: '1/m', messagesBurst: 1 }));
    using client = await connect('turned');
    for (let messageId = 1; messageId <= 3; messageId++)
      client.publish('t', `${messageId}`, { qos: 1, messageId });
    await client.next('puback');
    await client.ping();
    await reload(devices({ clients: ['turned'], messagesPerS: '1/m', messagesBurst: 1, over: 'refuse' }));
    expect(codesOf(await client.take('puback', 2))).toEqual([QUOTA_EXCEEDED, QUOTA_EXCEEDED]);
    await reload(open);
    for (let messageId = 4; messageId <= 20; messageId++) client.publish('t', 'free', { qos: 1, messageId });
    expect(codesOf(await client.take('puback', 17))).toEqual(Array(17).fill(0));
  });

  test('of a group come and go while its members wait', async () => {
    const access = { anonymous: true, groups: { plant: { users: ['*'] } } };
    const total = (messagesPerS: string) => ({ groups: { plant: { messagesPerS, messagesBurst: 1 } } });
    await reload({ access, quotas: total('1/m') });
    const clients = await Promise.all(['m1', 'm2', 'm3'].map((name) => connect(name)));
    for (const client of clients)
      for (let messageId = 1; messageId <= 10; messageId++) client.publish('t', 'x', { qos: 1, messageId });
    for (const client of clients) client.send({ cmd: 'pingreq' });
    let acknowledged = 0;
    const take = async (client: RawClient, count: number): Promise<void> => {
      while (count > 0) {
        const { cmd } = await client.any();
        if (cmd === 'puback') acknowledged++;
        else expect(cmd).toBe('pingresp');
        count--;
      }
    };
    await Promise.all(clients.map((client) => take(client, 1)));
    expect(acknowledged).toBeLessThanOrEqual(1);
    await reload({ access, quotas: total('0') });
    await Promise.all(clients.map((client) => take(client, 10)));
    expect(acknowledged).toBe(30);
    for (const client of clients) client[Symbol.dispose]();
  });
});

describe('access rules', () => {
  const granted = (publish: string[], subscribe: string[]) => ({
    access: { anonymous: true, rules: [{ publish, subscribe }] },
  });

  test('hold for what connected clients publish, and for what is delivered to them, whatever they had subscribed to', async () => {
    await reload(granted(['a/#', 'b'], ['a/#']));
    using reader = new Onlooker(await connect('reader'));
    using writer = await connect('writer');
    expect((await reader.client.subscribe('a/#', 0)).granted).toEqual([0]);
    /** What the writer is told of each topic, and which of them the reader gets. */
    const outcome = async (): Promise<[codes: number[], delivered: string[]]> => {
      for (const [i, topic] of ['a/x', 'a/y', 'b'].entries())
        writer.publish(topic, 'x', { qos: 1, messageId: i + 1 });
      const codes = codesOf(await writer.take('puback', 3));
      const delivered = topicsOf(await reader.until(writer, 'a/x'));
      await writer.next('puback');
      return [codes, delivered];
    };
    expect(await outcome()).toEqual([
      [0, 0, 0],
      ['a/x', 'a/y'],
    ]);
    await reload(granted(['a/#'], ['a/x', 'c']));
    expect(await outcome()).toEqual([[0, 0, NOT_AUTHORIZED], ['a/x']]);
    expect((await reader.client.subscribe('a/#', 0)).granted).toEqual([NOT_AUTHORIZED]);
    await reload(granted(['a/x', 'b'], ['a/#']));
    expect(await outcome()).toEqual([[0, NOT_AUTHORIZED, 0], ['a/x']]);
    await auditLine(gateway.dataDir, { event: 'identity-data', reason: 'settings' });
  });

  test('a group that is gone, or in another tenant, takes its members with it; others stay', async () => {
    const rules = [{ publish: ['#'], subscribe: ['#'] }];
    const access = (groups: object) => ({ access: { usersFile, rules, groups } });
    await reload(access({ g: { users: ['ann'], tenant: 'acme' }, h: { users: ['bob'] } }));
    using ann = await enter(gateway.port, { user: 'ann', clientId: 'ann' });
    using bob = await enter(gateway.port, { user: 'bob', clientId: 'bob' });
    await reload(access({ g: { users: ['ann'], tenant: 'other' }, h: { users: ['bob'] } }));
    expect(await ann.next('disconnect')).toMatchObject({ reasonCode: ADMINISTRATIVE_ACTION });
    await ann.end();
    await bob.ping();
    using annAgain = await enter(gateway.port, { user: 'ann', clientId: 'ann' });
    await reload(access({ g: { users: ['ann'], tenant: 'other' } }));
    expect(await bob.next('disconnect')).toMatchObject({ reasonCode: ADMINISTRATIVE_ACTION });
    await annAgain.ping();
  });
});

test('users: those of another file are who may come, and who is not among them is put out', async () => {
  const rules = [{ publish: ['#'] }];
  const other = directory.file('other-users');
  await writeUsers(other, 'bob', 'carl');
  await reload({ access: { anonymous: true, usersFile, rules } });
  using ann = await enter(gateway.port, { user: 'ann', clientId: 'ann' });
  using bob = await enter(gateway.port, { user: 'bob', clientId: 'bob' });
  using nameless = await connect('nameless');
  await reload({ access: { usersFile: other, rules } });
  expect(await ann.next('disconnect')).toMatchObject({ reasonCode: ADMINISTRATIVE_ACTION });
  await bob.ping();
  await nameless.ping(); // holds for the next one
  using carl = await enter(gateway.port, { user: 'carl', clientId: 'carl' });
  await carl.ping();
  expect(codeOf((await call(gateway.port, { clientId: 'late' })).connack)).toBe(NOT_AUTHORIZED);
  expect(codeOf((await call(gateway.port, { user: 'ann', clientId: 'ann' })).connack)).toBe(0x86);
});

describe('a configuration', () => {
  test('is taken into use while connections are there that have not said who they are', async () => {
    using silent = await RawClient.open(gateway.port, 5);
    using begun = await RawClient.open(gateway.port, 5);
    begun.write(Buffer.of(0x10));
    await reload(devices({ packetBytesMax: 20 }));
    await reload({ ...open, quotas: {} });
    expect(codeOf(await silent.sendConnect({ clientId: 'silent so far' }))).toBe(0);
    await silent.ping();
  });

  test('that is no good is told of, line by line, and the one before stays in effect', async () => {
    await reload(devices({ clients: ['strict'], messagesPerS: '1/m', messagesBurst: 1, over: 'refuse' }));
    using client = await connect('strict');
    const bad = { ...open, quotas: { devices: [{ messagesPerS: 'many', burst: 3 }] } };
    const line = await gateway.reload(bad);
    expect(line).toMatchObject({ level: 'error', msg: REFUSED });
    const problems = (): string[] =>
      gateway.lines.filter(({ msg }) => msg === REFUSED).map(({ problem }) => String(problem));
    await waitFor(() => problems().length === 2, { what: () => problems().join('\n') });
    expect(problems().map((problem) => /quotas\.devices\.0\.(\w+)/.exec(problem)?.[1])).toEqual([
      'messagesPerS',
      'burst',
    ]);
    for (const messageId of [1, 2]) client.publish('t', 'x', { qos: 1, messageId });
    expect(codesOf(await client.take('puback', 2))).toEqual([0, QUOTA_EXCEEDED]);
  });

  test('that would let nobody in any more is not taken into use', async () => {
    await reload(open);
    expect(await gateway.reload({ access: {} })).toMatchObject({ level: 'error', msg: REFUSED });
    using client = await connect('as before');
    await client.ping();
  });

  test('of which some needs a restart is taken into use as far as may be, and the rest is named', async () => {
    await reload(open);
    const quotas = { devices: [{ packetBytesMax: 50 }], heldBytesMax: '32KiB' };
    await reload({ ...open, quotas, mqtt: { receiveMaximum: 7 } });
    await waitFor(() => gateway.said('these settings hold from the next start on') !== undefined, {
      what: 'what needs a restart',
    });
    const { needRestart, level } = gateway.said('these settings hold from the next start on')!;
    expect([level, needRestart]).toEqual([
      'warn',
      expect.arrayContaining(['mqtt.receiveMaximum', 'quotas.heldBytesMax']),
    ]);
    using client = await connect('partly');
    client.publish('t', 'x'.repeat(100), { qos: 1, messageId: 1 });
    expect(await client.next('puback')).toMatchObject({ reasonCode: QUOTA_EXCEEDED });
  });

  test('that is told to be read many times at once ends up as the file is', async () => {
    const rate = (packetBytesMax: number) => devices({ clients: ['hasty'], packetBytesMax });
    await reload(rate(1000));
    using client = await connect('hasty');
    const answers = [1, 2, 3, 4, 5].map((i) => gateway.reload(rate(i * 10)));
    await Promise.all(answers);
    await reload({ ...rate(50), pressure: {} });
    client.publish('t', 'x'.repeat(60), { qos: 1, messageId: 1 });
    client.publish('t', 'x'.repeat(30), { qos: 1, messageId: 2 });
    expect(codesOf(await client.take('puback', 2))).toEqual([QUOTA_EXCEEDED, 0]);
    expect(gateway.lines.filter(({ level }) => level === 'fatal')).toEqual([]);
  });
});
