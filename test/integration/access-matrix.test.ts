// Who may publish and subscribe what: users x topics x publish and subscribe x MQTT 3.1.1 and 5, with wills, retained
// messages and shared subscriptions; and every way we know of out of a tenant. One gateway, many clients.

import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, codeOf, enter, Onlooker, startGuarded, topicsOf } from '../support/guarded-gateway.ts';
import type { RawClient } from '../support/raw-client.ts';
import type { RunningGateway } from '../support/running-gateway.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';

const versions = [4, 5] as const;
type Version = (typeof versions)[number];

/** MQTT 5.0 3.4.2.1, 3.9.3; MQTT 3.1.1 3.9.3. */
const NOT_AUTHORIZED = 0x87;
const REFUSED_V4 = 0x80;
const SHARED_NOT_SUPPORTED = 0x9e;
/** MQTT 5.0 3.2.2.2; MQTT 3.1.1 3.2.2.3. */
const CLIENT_ID_NOT_VALID = { 4: 0x02, 5: 0x85 } as const;

const users = ['boss', 'press-1', 'press-2', 'viewer', 'stranger', 'acme-1', 'acme-2', 'zeta-1'];
const access = {
  anonymous: true,
  groups: {
    press: { users: ['press-*'] },
    acme: { users: ['acme-*'], tenant: 'acme' },
    zeta: { users: ['zeta-*'], tenant: 'zeta' },
  },
  rules: [
    { users: ['boss'], publish: ['#', '$edge/#'], subscribe: ['#'] },
    {
      groups: ['press'],
      publish: ['up/{client}/#', 'by/{user}/{group}', '{client}/#', '$edge/{client}'],
      subscribe: ['down/{client}/#', '{client}/#', 'notice/+'],
    },
    { users: ['viewer'], subscribe: ['up/+/state'] },
    { users: [''], publish: ['open/#'], subscribe: ['open/#'] },
    { groups: ['acme', 'zeta'], publish: ['#'], subscribe: ['#'] },
  ],
};

let directory: TemporaryDirectory;
let gateway: RunningGateway;

beforeAll(async () => {
  directory = new TemporaryDirectory();
  gateway = await startGuarded(directory, { users, access });
});
afterAll(async () => {
  await gateway?.stop();
  directory?.[Symbol.dispose]();
});

/** {client} stands for its client id. */
interface Row {
  user: string | undefined;
  publish: readonly string[];
  notPublish: readonly string[];
  subscribe: readonly string[];
  notSubscribe: readonly string[];
}

const wildcards = ['#', '+', '+/#', '+/+', '/#', '$SYS/#', '$SYS/+/new/clients'];
const matrix: readonly Row[] = [
  {
    user: 'boss',
    publish: ['x', '/', '/x', 'up/press-1/t', 'down/press-1/t', 'acme/x', '$edge/x'],
    notPublish: ['$other/x', '$SYS/x', '$share/g/x'],
    subscribe: ['#', '+', '+/#', '+/+', '/#', 'acme/#', 'down/+/x'],
    notSubscribe: ['$SYS/#', '$SYS/+/new/clients', '$edge/#', '$other/#'],
  },
  {
    user: 'press-1',
    publish: ['up/{client}/t', 'up/{client}', 'by/press-1/press', '{client}/a', '$edge/{client}'],
    notPublish: [
      'up/press-2/t',
      'up',
      'up//t',
      'by/press-2/press',
      'by/press-1/acme',
      'down/{client}/x',
      'x',
      'acme/x',
    ],
    subscribe: ['down/{client}/#', 'down/{client}/+', 'down/{client}', 'notice/+', 'notice/a', '{client}/#'],
    notSubscribe: [
      ...wildcards,
      'down/#',
      'down/+/x',
      'down/press-2/#',
      'notice/#',
      'up/{client}/#',
      'acme/#',
    ],
  },
  {
    user: 'viewer',
    publish: [],
    notPublish: ['up/viewer/state', 'up/press-1/state', 'x', '{client}/a'],
    subscribe: ['up/+/state', 'up/press-1/state'],
    notSubscribe: [...wildcards, 'up/#', 'up/+/+', 'up/press-1/#', 'up/+', 'acme/#', 'zeta/+/state'],
  },
  {
    user: 'stranger',
    publish: [],
    notPublish: ['x', 'up/{client}/t', '{client}/x', 'open/x'],
    subscribe: [],
    notSubscribe: [...wildcards, 'x', '{client}/#', 'open/x', 'open/#'],
  },
  {
    user: undefined,
    publish: ['open/x', 'open', 'open/a/b'],
    notPublish: ['x', 'up/{client}/t', 'up//t', '/x', 'by//default', '{client}/x'],
    subscribe: ['open/#', 'open/+/x'],
    notSubscribe: [...wildcards, 'up/+/state', '{client}/#'],
  },
  {
    user: 'acme-1',
    publish: ['x', '/', '/x', 'zeta/x', 'acme/x', '../zeta/x', 'up/press-1/t'],
    notPublish: ['$edge/x', '$SYS/x', '$share/g/x'],
    subscribe: ['#', '+', '+/#', '/#', 'zeta/#', '../#', 'acme/#'],
    notSubscribe: ['$SYS/#', '$edge/#', '$SYS/+/new/clients'],
  },
];

/** What sessions are subscribed to, on disk. */
function filtersIn(data: TemporaryDirectory): unknown[] {
  const db = new Database(data.file('sluice.db'), { readonly: true });
  try {
    return db.prepare('SELECT filter FROM subscriptions ORDER BY filter').pluck().all();
  } finally {
    db.close();
  }
}

const tenantOf = (user: string | undefined): string => /^(acme|zeta)-/.exec(user ?? '')?.[1] ?? '';
const mounted = (user: string | undefined, name: string): string =>
  tenantOf(user) === '' ? name : `${tenantOf(user)}/${name}`;

async function publishAll(client: RawClient, topics: readonly string[], qos: 0 | 1 | 2): Promise<number[]> {
  const codes: number[] = [];
  for (const [i, topic] of topics.entries()) {
    client.publish(topic, `${topic} ${qos}`, qos === 0 ? {} : { qos, messageId: i + 1 });
    if (qos === 0) continue;
    const answer = await client.next(qos === 1 ? 'puback' : 'pubrec');
    codes.push(answer.reasonCode ?? 0);
    if (qos === 2 && (answer.reasonCode ?? 0) < 0x80) {
      client.send({ cmd: 'pubrel', messageId: i + 1 });
      await client.next('pubcomp');
    }
  }
  return codes;
}

describe.each(versions)('by MQTT level %i', (version) => {
  const idOf = (user: string | undefined): string => `${user ?? 'nameless'}.v${version}`;

  test.each(matrix)('$user publishes what it may, and nothing else, with any QoS', async (row) => {
    const { user } = row;
    const clientId = idOf(user);
    const named = (topics: readonly string[]) => topics.map((topic) => topic.replace('{client}', clientId));
    using boss = await enter(gateway.port, { user: 'boss', clientId: 'boss.looks' });
    using onlooker = await Onlooker.at(gateway.port, '#', { user: 'boss', clientId: 'boss.on' });
    using client = await enter(gateway.port, { user, version, clientId });
    const allowed = named(row.publish);
    const refused = named(row.notPublish);
    for (const qos of [0, 1, 2] as const) {
      const codes = await publishAll(client, [...allowed, ...refused], qos);
      if (version === 5 && qos > 0) {
        const [good, bad] = [codes.slice(0, allowed.length), codes.slice(allowed.length)];
        expect(good.filter((code) => code >= 0x80)).toEqual([]);
        expect(bad.filter((code) => code < 0x80)).toEqual([]);
      }
    }
    await client.ping();
    const expected = allowed.flatMap((topic) => Array(3).fill(mounted(user, topic)));
    const seen = topicsOf(await onlooker.until(boss, 'end'));
    expect(seen.toSorted()).toEqual(expected.filter((topic) => !topic.startsWith('$')).toSorted());
    const kept = gateway.records().filter(({ device }) => device === mounted(user, clientId));
    expect(kept.map(({ topic }) => topic).toSorted()).toEqual(expected.toSorted());
  });

  test.each(matrix)('$user subscribes to what it may, and to nothing else', async (row) => {
    const clientId = idOf(row.user);
    using client = await enter(gateway.port, { user: row.user, version, clientId });
    const ask = async (filters: readonly string[]) => {
      const topics = filters.map((filter) => filter.replace('{client}', clientId));
      const options = version === 5 ? { nl: false, rap: false, rh: 0 } : {};
      client.send({
        cmd: 'subscribe',
        messageId: 9,
        subscriptions: topics.map((topic) => ({ topic, qos: 1, ...options })),
      });
      const { granted } = await client.next('suback');
      return Object.fromEntries(filters.map((filter, i) => [filter, granted?.[i]]));
    };
    if (row.notSubscribe.length > 0) {
      const code = version === 5 ? NOT_AUTHORIZED : REFUSED_V4;
      expect(await ask(row.notSubscribe)).toEqual(Object.fromEntries(row.notSubscribe.map((f) => [f, code])));
    }
    if (row.subscribe.length > 0)
      expect(await ask(row.subscribe)).toEqual(Object.fromEntries(row.subscribe.map((f) => [f, 1])));
  });

  test('what was refused brings nothing, retained or not, and what was granted brings what matches', async () => {
    using boss = await enter(gateway.port, { user: 'boss', clientId: 'boss.r' });
    const retained = ['up/a/state', 'up/a/secret', 'secret', 'acme/r', '/r'];
    const topics = retained.map((topic) => `${topic}.v${version}`).with(0, 'up/a/state');
    for (const [i, topic] of topics.entries())
      boss.publish(topic, `kept ${topic}`, { qos: 1, messageId: i + 1, retain: true });
    await boss.take('puback', topics.length);
    using viewer = await enter(gateway.port, { user: 'viewer', version, clientId: idOf('viewer') });
    for (const filter of [
      '#',
      '+',
      'up/#',
      'up/+/+',
      `secret.v${version}`,
      '$share/g/#',
      '$share/g/up/+/secret',
    ]) {
      const { granted } = await viewer.subscribe(filter, 1);
      expect(granted?.[0], filter).toBeGreaterThanOrEqual(0x80);
    }
    for (const topic of topics) boss.publish(topic, `live ${topic}`, { qos: 1, messageId: 50 });
    await boss.take('puback', topics.length);
    await viewer.ping();
    expect(viewer.pending).toEqual([]);
    await viewer.subscribe('up/+/state', 1);
    expect(await viewer.next('publish')).toMatchObject({ topic: 'up/a/state', retain: true });
    boss.publish('up/a/state', 'live', { qos: 1, messageId: 51 });
    expect(await viewer.next('publish')).toMatchObject({ topic: 'up/a/state', retain: false });
    await viewer.ping();
    expect(viewer.pending).toEqual([]);
    for (const topic of topics) boss.publish(topic, '', { qos: 1, messageId: 52, retain: true });
    await boss.take('puback', topics.length + 1);
  });

  test('a shared subscription brings no more than its filter may', async () => {
    using boss = await enter(gateway.port, { user: 'boss', clientId: 'boss.s' });
    using press = await enter(gateway.port, { user: 'press-1', version, clientId: idOf('press-1') });
    using acme = await enter(gateway.port, { user: 'acme-1', version, clientId: idOf('acme-1') });
    for (const filter of ['$share/g/#', '$share/g/down/+/x', '$share/acme/#', '$share/down/#']) {
      expect((await press.subscribe(filter, 1)).granted?.[0], filter).toBeGreaterThanOrEqual(0x80);
    }
    for (const filter of ['$share/g/#', '$share/zeta/#', '$share/g/zeta/#', '$share/g/../zeta/#']) {
      const { granted } = await acme.subscribe(filter, 1);
      if (version === 5) expect(granted).toEqual([SHARED_NOT_SUPPORTED]); // as CONNACK says
    }
    for (const topic of ['down/press-2/x', 'zeta/x', 'secret', 'acme'])
      boss.publish(topic, 'x', { qos: 1, messageId: 5 });
    await boss.take('puback', 4);
    for (const client of [press, acme]) {
      await client.ping();
      expect(client.pending).toEqual([]);
    }
  });

  test('a will is published where its client may publish, and nowhere else', async () => {
    using boss = await enter(gateway.port, { user: 'boss', clientId: 'boss.w' });
    using onlooker = await Onlooker.at(gateway.port, '#', { user: 'boss', clientId: 'boss.wo' });
    const wills: [user: string, topic: string, seenAs: string | null][] = [
      ['press-1', `up/${idOf('press-1')}/gone`, `up/${idOf('press-1')}/gone`],
      ['press-1', 'down/press-2/stop', null],
      ['press-1', 'acme/gone', null],
      ['viewer', 'up/press-1/state', null],
      ['acme-1', 'gone', 'acme/gone'],
      ['acme-1', 'zeta/gone', 'acme/zeta/gone'],
      ['acme-1', '../zeta/gone', 'acme/../zeta/gone'],
    ];
    for (const [user, topic, seenAs] of wills) {
      const will = { topic, payload: Buffer.from('gone'), qos: 1, retain: false };
      const { client, connack } = await call(gateway.port, { user, version, clientId: idOf(user), will });
      if (seenAs !== null) expect(codeOf(connack)).toBe(0);
      await client.drop();
      if (seenAs !== null) expect(await onlooker.client.next('publish')).toMatchObject({ topic: seenAs });
    }
    expect(topicsOf(await onlooker.until(boss, 'end'))).toEqual([]);
    const expected = wills.filter(([, , seenAs]) => seenAs !== null);
    const kept = gateway.records().filter(({ will, device }) => will && device.endsWith(`.v${version}`));
    expect(kept.map(({ topic, device }) => [device, topic]).toSorted()).toEqual(
      expected.map(([user, , seenAs]) => [mounted(user, idOf(user)), seenAs]).toSorted(),
    );
  });

  test.each(['#', '+', '/', 'a/b', '+/x', '$SYS', 'acme', 'zeta'])(
    'a client id of %j gives no more than any other',
    async (clientId) => {
      using press = await enter(gateway.port, { user: 'press-2', version, clientId });
      using onlooker = await Onlooker.at(gateway.port, '#', { user: 'boss', clientId: 'boss.id' });
      using boss = await enter(gateway.port, { user: 'boss', clientId: 'boss.id2' });
      for (const filter of [
        '#',
        'down/#',
        'down/+/#',
        `${clientId}/#`.replace('#/#', '#'),
        'acme/#',
        'zeta/+',
        '$SYS/#',
      ]) {
        const { granted } = await press.subscribe(filter, 1);
        expect(granted?.[0], filter).toBeGreaterThanOrEqual(0x80);
      }
      const topics = ['up/a/b/x', 'a/b/x', 'down/press-1/x', 'acme/x', 'zeta', 'zeta/x', '//x', '$SYS/x'];
      await publishAll(press, topics, 1);
      expect(topicsOf(await onlooker.until(boss, 'end'))).toEqual([]);
    },
  );
});

describe('a session', () => {
  test.each(versions)('of one user is nobody else’s, connected or kept (MQTT level %i)', async (version) => {
    const clientId = `mine.v${version}`;
    const kept = version === 5 ? { properties: { sessionExpiryInterval: 600 } } : {};
    const own = { user: 'press-1', version, clientId, clean: false, ...kept } as const;
    const others = ['press-2', 'boss', undefined];
    const refusals = async (): Promise<(number | undefined)[]> => {
      const codes: number[] = [];
      for (const user of others) {
        for (const clean of [false, true]) {
          const { client, connack } = await call(gateway.port, { user, version, clientId, clean, ...kept });
          codes.push(codeOf(connack));
          await client.end();
        }
      }
      return codes;
    };
    const refused = Array(2 * others.length).fill(CLIENT_ID_NOT_VALID[version]);
    using client = await enter(gateway.port, own);
    await client.subscribe(`down/${clientId}/#`, 1);
    expect(await refusals()).toEqual(refused);
    await client.ping(); // and nobody was put out
    await client.disconnect();
    using boss = await enter(gateway.port, { user: 'boss', clientId: 'boss.q' });
    boss.publish(`down/${clientId}/go`, 'queued', { qos: 1, messageId: 1 });
    await boss.next('puback');
    expect(await refusals()).toEqual(refused);
    const { client: again, connack } = await call(gateway.port, own);
    using _again = again;
    expect(connack).toMatchObject({ sessionPresent: true });
    expect(await again.next('publish')).toMatchObject({ topic: `down/${clientId}/go` });
  });

  test('of a clean client is its user’s while it is connected, and free afterwards', async () => {
    const clientId = 'passing';
    using first = await enter(gateway.port, { user: 'press-1', clientId });
    const { connack } = await call(gateway.port, { user: 'press-2', clientId });
    expect(codeOf(connack)).toBe(CLIENT_ID_NOT_VALID[5]);
    await first.ping();
    await first.disconnect();
    using _second = await enter(gateway.port, { user: 'press-2', clientId });
  });
});

describe('a tenant', () => {
  const escapes = [
    'zeta/x',
    '../zeta/x',
    '../../zeta/x',
    '/zeta/x',
    '//x',
    '/',
    '//',
    'acme',
    'zeta',
    'acme/x',
    '.',
    '..',
    'ze\u0301ta/x',
    'zeta\u2044x',
    '%2e%2e/x',
  ];
  const nets = [
    '#',
    '+',
    '+/#',
    '+/+',
    '/#',
    '/+',
    '//#',
    '../#',
    '+/../#',
    'zeta/#',
    'acme/#',
    '../zeta/#',
    '$SYS/#',
  ];

  test.each(versions)(
    'sees everything of its own as it was said, and nothing of another (MQTT level %i)',
    async (version) => {
      const names = { acme: `acme-1.t${version}`, acme2: `acme-2.t${version}`, zeta: `zeta-1.t${version}` };
      using boss = await enter(gateway.port, { user: 'boss', clientId: 'boss.t' });
      using speaker = await enter(gateway.port, { user: 'acme-1', version, clientId: names.acme });
      using mate = await Onlooker.at(gateway.port, '#', { user: 'acme-2', version, clientId: names.acme2 });
      using stranger = await Onlooker.at(gateway.port, '#', {
        user: 'zeta-1',
        version,
        clientId: names.zeta,
      });
      for (const net of nets) await stranger.client.subscribe(net, 0);
      // Each net by itself, too: one client gets a message once, whatever of its filters match.
      await publishAll(speaker, escapes, 1);
      boss.publish('acme', 'its own name', { qos: 1, messageId: 2 });
      boss.publish('acme/$SYS/x', 'not for it', { qos: 1, messageId: 3 });
      await boss.take('puback', 2);
      expect(topicsOf(await mate.until(boss, 'acme/end'))).toEqual(escapes);
      await boss.next('puback');
      expect(topicsOf(await stranger.until(boss, 'zeta/end'))).toEqual([]);
    },
  );

  test.each(versions)('has retained messages of its own only (MQTT level %i)', async (version) => {
    using acme = await enter(gateway.port, { user: 'acme-1', version, clientId: `acme-1.r${version}` });
    for (const [i, topic] of escapes.entries())
      acme.publish(topic, topic, { qos: 1, messageId: i + 1, retain: true });
    await acme.take('puback', escapes.length);
    for (const net of nets.filter((filter) => filter !== '$SYS/#')) {
      using zeta = await enter(gateway.port, { user: 'zeta-1', version, clientId: `zeta-1.r${version}` });
      expect((await zeta.subscribe(net, 1)).granted, net).toEqual([1]);
      await zeta.ping();
      expect(zeta.pending, net).toEqual([]);
    }
    using mate = await enter(gateway.port, { user: 'acme-2', version, clientId: `acme-2.r${version}` });
    await mate.subscribe('#', 0);
    expect(topicsOf(await mate.take('publish', escapes.length)).toSorted()).toEqual(escapes.toSorted());
    await mate.ping();
    expect(mate.pending).toEqual([]);
    for (const [i, topic] of escapes.entries())
      acme.publish(topic, '', { qos: 1, messageId: i + 1, retain: true });
    await acme.take('puback', escapes.length);
  });

  test('can unsubscribe from what it subscribed to', async () => {
    using zeta = await enter(gateway.port, { user: 'zeta-1', clientId: 'zeta-1.u' });
    await zeta.subscribe('#', 1);
    zeta.send({ cmd: 'unsubscribe', messageId: 3, unsubscriptions: ['#', 'zeta/#'] });
    expect(await zeta.next('unsuback')).toMatchObject({ granted: [0, 0x11] });
    zeta.publish('x', 'x', { qos: 1, messageId: 4 });
    await zeta.next('puback');
    await zeta.ping();
    expect(zeta.pending).toEqual([]);
  });

  test.each(versions)(
    'keeps its clients apart from those of the same name elsewhere (MQTT level %i)',
    async (version) => {
      const kept = version === 5 ? { properties: { sessionExpiryInterval: 600 } } : {};
      const clientId = `dev.v${version}`;
      using inside = await enter(gateway.port, { user: 'acme-1', version, clientId, clean: false, ...kept });
      await inside.subscribe('cmd/#', 1);
      using _outside = await enter(gateway.port, { user: 'press-1', version, clientId });
      using _other = await enter(gateway.port, { user: 'zeta-1', version, clientId });
      using _imitator = await enter(gateway.port, { user: 'zeta-1', version, clientId: `acme/${clientId}` });
      for (const user of ['press-1', 'boss', undefined]) {
        const { connack: unused } = await call(gateway.port, { user, version, clientId: 'zeta/nobody' });
        expect(codeOf(unused)).toBe(CLIENT_ID_NOT_VALID[version]);
        const { connack } = await call(gateway.port, { user, version, clientId: `acme/${clientId}` });
        expect(codeOf(connack)).toBe(CLIENT_ID_NOT_VALID[version]);
      }
      await inside.ping();
      using mate = await enter(gateway.port, { user: 'acme-2', version, clientId: `mate.v${version}` });
      mate.publish('cmd/go', 'x', { qos: 1, messageId: 1 });
      expect(await inside.next('publish')).toMatchObject({ topic: 'cmd/go' });
    },
  );

  test('a client that is given its name is told one without the tenant', async () => {
    const { client, connack } = await call(gateway.port, { user: 'acme-1', clientId: '' });
    using _client = client;
    expect(codeOf(connack)).toBe(0);
    expect(connack.properties?.assignedClientIdentifier).toMatch(/^auto-[\w-]+$/);
  });

  test('a topic alias and a response topic mean within it what they say', async () => {
    using mate = await Onlooker.at(gateway.port, '#', { user: 'acme-2', clientId: 'acme-2.alias' });
    using boss = await enter(gateway.port, { user: 'boss', clientId: 'boss.alias' });
    using acme = await enter(gateway.port, { user: 'acme-1', clientId: 'acme-1.alias' });
    const properties = { topicAlias: 1, responseTopic: 'answers/1' };
    acme.publish('ask/1', 'first', { qos: 1, messageId: 1, properties });
    acme.publish('', 'second', { qos: 1, messageId: 2, properties: { topicAlias: 1 } });
    await acme.take('puback', 2);
    const [first, second] = await mate.until(boss, 'acme/end');
    expect(first).toMatchObject({ topic: 'ask/1', properties: { responseTopic: 'answers/1' } });
    expect(second).toMatchObject({ topic: 'ask/1' });
  });
});

describe('the limits of names and packets', () => {
  const mqtt = { topicLevelsMax: 4, topicBytesMax: 40, clientIdBytesMax: 23, packetBytesMax: '1KiB' };
  const longest = `a/b/c/${'x'.repeat(34)}`;

  test.each(['acme-1', 'boss'])(
    'hold for what a device says itself, in a tenant or not (%s)',
    async (user) => {
      using data = new TemporaryDirectory();
      await using running = await startGuarded(data, { users, access, mqtt });
      for (const version of versions) {
        const clientId = `v${version}-`.padEnd(23, 'x');
        const will = { topic: longest, payload: Buffer.from('gone'), qos: 1, retain: false };
        using client = await enter(running.port, { user, version, clientId, will });
        expect((await client.subscribe(longest, 1)).granted).toEqual([1]);
        expect((await client.subscribe('+/+/+/#', 1)).granted).toEqual([1]);
        const payload = 'p'.repeat(1024 - 5 - longest.length - (version === 5 ? 3 : 2));
        client.publish(longest, payload, { qos: 1, messageId: 1 });
        const [, received] = await client.each('puback', 'publish');
        expect(received).toMatchObject({ topic: longest });
        expect(String(received.payload)).toBe(payload);
        client.send({ cmd: 'puback', messageId: received.messageId });
        const many = Array.from({ length: 23 }, (_, i) => `a/b/c/${String(i).padStart(34, '0')}`);
        client.send({
          cmd: 'unsubscribe',
          messageId: 2,
          unsubscriptions: [...many, version === 5 ? '$share/g/a/b/c/d' : 'a/b/c/d'],
        });
        await client.next('unsuback');
        client.send({
          cmd: 'subscribe',
          messageId: 3,
          subscriptions: many.map((topic) => ({ topic, qos: 0, nl: false, rap: false, rh: 0 })),
        });
        expect((await client.next('suback')).granted).toEqual(many.map(() => 0));
        await client.ping();
      }
    },
  );
});

describe('rules that have become narrower', () => {
  const before = { anonymous: true, rules: [{ publish: ['#'], subscribe: ['#'] }] };
  const after = { anonymous: true, rules: [{ users: [''], publish: ['#'] }, { subscribe: ['up/+/state'] }] };

  test.each(versions)(
    'hold for what was subscribed to and queued before (MQTT level %i)',
    async (version: Version) => {
      using data = new TemporaryDirectory();
      const kept = version === 5 ? { properties: { sessionExpiryInterval: 600 } } : {};
      const viewer = { user: 'viewer', version, clientId: 'v', clean: false, ...kept } as const;
      {
        await using first = await startGuarded(data, { users: ['viewer'], access: before });
        using client = await enter(first.port, viewer);
        await client.subscribe('#', 1);
        await client.subscribe('up/+/state', 1);
        await client.disconnect();
        using publisher = await enter(first.port, { clientId: 'p' });
        await publishAll(publisher, ['secret', 'up/a/state', 'up/a/secret'], 1);
      }
      expect(filtersIn(data)).toEqual(['#', 'up/+/state']);
      await using second = await startGuarded(data, { users: ['viewer'], access: after });
      const { client, connack } = await call(second.port, viewer);
      using _client = client;
      expect(connack).toMatchObject({ sessionPresent: true });
      const queued = await client.next('publish');
      expect(queued).toMatchObject({ topic: 'up/a/state' });
      client.send({ cmd: 'puback', messageId: queued.messageId });
      using publisher = await enter(second.port, { clientId: 'p' });
      await publishAll(publisher, ['secret', 'up/b/state', 'up/b/secret'], 1);
      expect(await client.next('publish')).toMatchObject({ topic: 'up/b/state' });
      await client.ping();
      expect(client.pending).toEqual([]);
      expect(filtersIn(data)).toEqual(['up/+/state']); // nothing is queued in vain when it is away
    },
  );
});
