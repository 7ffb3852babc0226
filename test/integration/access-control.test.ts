// Who is let in and who is not, what each is told, and what the audit log says of it; and what becomes of clients that
// are connected when their users are taken out of the password file.

import { renameSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashPassword } from '../../gateway/admission/identity/password-hash.ts';
import { type AuditLine, auditLine, auditLines } from '../support/audit-lines.ts';
import { type Caller, call, codeOf, enter, startGuarded } from '../support/guarded-gateway.ts';
import { RawClient } from '../support/raw-client.ts';
import type { RunningGateway } from '../support/running-gateway.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';

const versions = [4, 5] as const;
type Version = (typeof versions)[number];
const ADMINISTRATIVE_ACTION = 0x98;
const SESSION_TAKEN_OVER = 0x8e;

const users = ['ann', 'bob', 'carl', 'dora', 'eve'];
const access = {
  reloadMs: '100ms',
  failures: { free: 1000 },
  groups: { few: { users: ['dora', 'eve'] } },
  rules: [{ publish: ['by/{user}/#'], subscribe: ['to/{user}/#'] }],
};
const quotas = { connections: { perUserMax: 2 }, groups: { few: { connectionsMax: 1 } } };

let directory: TemporaryDirectory;
let gateway: RunningGateway;

beforeAll(async () => {
  directory = new TemporaryDirectory();
  gateway = await startGuarded(directory, { users, access, quotas });
});
afterAll(async () => {
  await gateway?.stop();
  directory?.[Symbol.dispose]();
});

/** Refused: what its CONNACK says, once the connection is closed. */
async function refusal(caller: Caller): Promise<{ code: number; why: unknown }> {
  const { client, connack } = await call(gateway.port, caller);
  await client.end();
  expect(client.pending).toEqual([]);
  return { code: codeOf(connack), why: connack.properties?.reasonString };
}

const audited = (wanted: Partial<AuditLine>) => auditLine(directory.path, wanted);

describe.each(versions)('by MQTT level %i', (version) => {
  const of = (v4: number, v5: number): number => (version === 5 ? v5 : v4);
  const idOf = (name: string): string => `${name}.v${version}`;

  test('nobody is let in without a name', async () => {
    const clientId = idOf('nameless');
    const { code, why } = await refusal({ version, clientId });
    expect(code).toBe(of(0x05, 0x87));
    if (version === 5) expect(why).toBe('a user name is needed');
    const line = await audited({ event: 'connect-refused', reason: 'anonymous', client: clientId });
    expect(line).toMatchObject({ address: '127.0.0.1', object: expect.stringMatching(/^tcp:\d+$/) });
    expect(line).not.toHaveProperty('user');
  });

  test('a wrong password and a user that there is not are answered alike', async () => {
    const told = { code: of(0x04, 0x86), why: version === 5 ? 'user name or password is wrong' : undefined };
    const wrong = { version, clientId: idOf('guesser'), username: 'ann', password: 'guess' };
    expect(await refusal(wrong)).toEqual(told);
    expect(await refusal({ ...wrong, username: 'nobody' })).toEqual(told);
    const client = wrong.clientId;
    await audited({
      event: 'connect-refused',
      reason: 'bad-credentials',
      client,
      user: 'ann',
      address: '127.0.0.1',
    });
    await audited({ event: 'connect-refused', reason: 'unknown-user', client, user: 'nobody' });
  });

  test('what comes behind the CONNECT of one who is not let in is not taken', async () => {
    using client = await RawClient.open(gateway.port, version);
    const connect = client.sendConnect({ clientId: idOf('eager'), username: 'ann', password: 'guess' });
    client.publish('by/ann/x', 'eager', { qos: 1, messageId: 1 });
    client.publish('by/ann/x', 'eager', { qos: 0 });
    expect(codeOf(await connect)).toBe(of(0x04, 0x86));
    await client.end();
    expect(client.pending).toEqual([]);
    expect(gateway.records().filter(({ payload }) => payload === 'eager')).toEqual([]);
  });

  test('what comes behind the CONNECT of one who is let in is', async () => {
    using client = await RawClient.open(gateway.port, version);
    const connect = client.sendConnect({ clientId: idOf('quick'), username: 'ann', password: 'ann' });
    client.publish('by/ann/x', idOf('quick'), { qos: 1, messageId: 1 });
    expect(codeOf(await connect)).toBe(0);
    expect(await client.next('puback')).toMatchObject({ messageId: 1 });
    expect(gateway.records().map(({ payload }) => payload)).toContain(idOf('quick'));
  });

  test('a will that its client may not publish keeps it out', async () => {
    const will = (topic: string) => ({ topic, payload: Buffer.from('gone'), qos: 1, retain: false });
    const caller = { user: 'ann', version, clientId: idOf('testator') };
    const { code, why } = await refusal({ ...caller, will: will('by/bob/x') });
    expect(code).toBe(of(0x05, 0x87));
    if (version === 5) expect(why).toBe('the will is more than this client may publish');
    await audited({ event: 'connect-refused', reason: 'will', client: caller.clientId, user: 'ann' });
    const client = await enter(gateway.port, { ...caller, will: will('by/ann/x') });
    await client.drop();
  });

  test('a publish or subscription that no rule allows is audited with its topic', async () => {
    const client = idOf('curious');
    using curious = await enter(gateway.port, { user: 'bob', version, clientId: client });
    for (let messageId = 1; messageId <= 3; messageId++)
      curious.publish('by/ann/x', 'x', { qos: 1, messageId });
    const answers = await curious.take('puback', 3);
    expect(answers.map(({ reasonCode }) => reasonCode ?? 0)).toEqual(Array(3).fill(of(0, 0x87)));
    if (version === 5)
      expect(answers[0].properties?.reasonString).toBe('no rule lets this client publish to this topic');
    expect((await curious.subscribe('to/ann/#', 1)).granted).toEqual([of(0x80, 0x87)]);
    const who = { client, user: 'bob', address: '127.0.0.1' };
    await audited({ event: 'publish-refused', reason: 'not-authorized', object: 'by/ann/x', ...who });
    await audited({ event: 'subscribe-refused', reason: 'not-authorized', object: 'to/ann/#', ...who });
  });

  test('a user has so many connections and no more, but may always take over one of them', async () => {
    const caller = (name: string) => ({ user: 'carl', version, clientId: idOf(name) });
    using first = await enter(gateway.port, caller('one'));
    using second = await enter(gateway.port, caller('two'));
    const tooMany = {
      code: of(0x03, 0x97),
      why: version === 5 ? 'this user has as many connections as may be' : undefined,
    };
    expect(await refusal(caller('three'))).toEqual(tooMany);
    await audited({
      event: 'connect-refused',
      reason: 'user-connections',
      client: idOf('three'),
      user: 'carl',
    });
    using again = await enter(gateway.port, caller('one'));
    if (version === 5)
      expect(await first.next('disconnect')).toMatchObject({ reasonCode: SESSION_TAKEN_OVER });
    await first.end();
    expect(await refusal(caller('three'))).toEqual(tooMany);
    await again.ping();
    await second.disconnect();
    using third = await enter(gateway.port, caller('three'));
    await third.disconnect();
    await again.disconnect();
  });

  test('a group has so many connections and no more', async () => {
    using dora = await enter(gateway.port, { user: 'dora', version, clientId: idOf('d') });
    expect((await refusal({ user: 'eve', version, clientId: idOf('e') })).code).toBe(of(0x03, 0x97));
    await audited({ event: 'connect-refused', reason: 'group-connections', client: idOf('e'), user: 'eve' });
    await dora.disconnect();
    using eve = await enter(gateway.port, { user: 'eve', version, clientId: idOf('e') });
    await eve.disconnect();
  });
});

describe('the password file', () => {
  const file = (): string => directory.file('users');
  const cheap = { ln: 10, r: 1, p: 1 };
  const lineOf = async (user: string, password = user): Promise<string> =>
    `${user}:${await hashPassword(password, cheap)}\n`;

  /** As `sluice passwd` writes it: whole, or not at all. */
  async function write(...lines: Promise<string>[]): Promise<void> {
    const fresh = directory.file('users.new');
    writeFileSync(fresh, (await Promise.all(lines)).join(''), { mode: 0o600 });
    renameSync(fresh, file());
  }

  test('is followed: who is added comes in, who is removed is put out, all others stay', async () => {
    using ann = await enter(gateway.port, { user: 'ann', clientId: 'a' });
    using annV4 = await enter(gateway.port, { user: 'ann', clientId: 'a4', version: 4 });
    using bob = await enter(gateway.port, { user: 'bob', clientId: 'b' });
    using carl = await enter(gateway.port, { user: 'carl', clientId: 'c' });
    await write(lineOf('bob'), lineOf('carl', 'a new one'), lineOf('dora'), lineOf('eve'), lineOf('fred'));
    expect(await ann.next('disconnect')).toMatchObject({ reasonCode: ADMINISTRATIVE_ACTION });
    await Promise.all([ann.end(), annV4.end()]);
    expect(annV4.pending).toEqual([]);
    expect((await refusal({ user: 'ann', clientId: 'a' })).code).toBe(0x86);
    using fred = await enter(gateway.port, { user: 'fred', clientId: 'f' });
    for (const client of [bob, carl, fred]) await client.ping(); // a changed password holds for the next time
    expect((await refusal({ user: 'carl', clientId: 'c2' })).code).toBe(0x86);
    using carlAgain = await enter(gateway.port, { clientId: 'c2', username: 'carl', password: 'a new one' });
    await carlAgain.ping();
    const { detail } = await audited({
      event: 'identity-data',
      reason: 'users-changed',
      object: file(),
      detail: 'added "fred"; removed "ann"; changed "bob", "carl", "dora", "eve"',
    });
    expect(detail).not.toContain('$'); // no hash
  });

  test('that is no good changes nothing, and is told', async () => {
    using bob = await enter(gateway.port, { user: 'bob', clientId: 'b' });
    writeFileSync(file(), 'bob: not a hash\n', { mode: 0o600 });
    await audited({ event: 'identity-data', reason: 'users-file-unusable', object: file() });
    await bob.ping();
    using again = await enter(gateway.port, { user: 'bob', clientId: 'b2' });
    await again.ping();
  });
});

test('an address from which sign-ins fail is slowed down, then refused, and told so', async () => {
  using own = new TemporaryDirectory();
  const failures = { free: 2, delayMs: 10, delayMaxMs: 20 };
  await using running = await startGuarded(own, { users: ['ann'], access: { ...access, failures } });
  const guess = async (version: Version): Promise<number> => {
    const caller = { clientId: 'g', username: 'ann', password: 'guess', version };
    const { client, connack } = await call(running.port, caller);
    await client.end();
    return codeOf(connack);
  };
  const codes: number[] = [];
  while (codes.at(-1) !== 0x9f && codes.length < 20) codes.push(await guess(5));
  expect(codes.slice(0, -1).every((code) => code === 0x86)).toBe(true);
  expect(codes.length).toBeGreaterThan(2);
  await auditLine(own.path, { event: 'connect-refused', reason: 'too-many-failures', address: '127.0.0.1' });
});

test('connections beyond the number of an address are closed without a word', async () => {
  using own = new TemporaryDirectory();
  const limited = { connections: { perAddressMax: 2 } };
  await using running = await startGuarded(own, { users: ['ann'], access, quotas: limited });
  using first = await enter(running.port, { user: 'ann', clientId: 'a1' });
  using second = await enter(running.port, { user: 'ann', clientId: 'a2' });
  using third = await RawClient.open(running.port, 5);
  await third.end();
  expect(third.pending).toEqual([]);
  await first.ping();
  await second.disconnect();
  using fourth = await enter(running.port, { user: 'ann', clientId: 'a4' });
  await fourth.ping();
  await auditLine(own.path, {
    event: 'connect-refused',
    reason: 'address-connections',
    address: '127.0.0.1',
  });
});

test('the audit log has no password in it, whatever was tried', async () => {
  const secret = 'correct horse battery staple';
  await refusal({ clientId: 'careless', username: 'bob', password: secret });
  await audited({ event: 'connect-refused', client: 'careless' });
  expect(JSON.stringify(auditLines(directory.path))).not.toContain(secret);
});
