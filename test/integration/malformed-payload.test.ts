// mqtt.malformedPayload: what becomes of a payload that is said to be UTF-8 (MQTT 5.0 3.3.2.3.2) and is not, from the
// device's packet to what arrives upstream, in the books and among the dead letters.

import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { decodeStream } from '../../gateway/commands/decode.ts';
import { auditLine } from '../support/audit-lines.ts';
import { RawClient } from '../support/raw-client.ts';
import { RunningGateway } from '../support/running-gateway.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';
import { TestBroker } from '../support/test-broker.ts';
import { UpstreamObserver } from '../support/upstream-observer.ts';
import { waitFor } from '../support/wait-for.ts';

const PAYLOAD_FORMAT_INVALID = 0x99;
const isText = { payloadFormatIndicator: true };
const malformed = Buffer.from([0x32, 0x31, 0xc3, 0x28]);

/** Both formats of a sink, each under topics of its own. */
function sinksTo(url: string): object {
  const fast = { reconnect: { minMs: '50ms', maxMs: '100ms' }, breaker: { openMs: '100ms' } };
  return {
    batches: { type: 'mqtt', url, topic: 'batches/{lane}', batch: { lingerMs: '5ms' }, ...fast },
    singles: { type: 'mqtt', url, topic: 'singles/{topic}', format: 'each', ...fast },
  };
}

/** As `sluice decode` prints them, with what the row says. */
async function deadLetters(directory: string): Promise<Record<string, unknown>[]> {
  const db = new Database(join(directory, 'sluice.db'), { readonly: true });
  const rows = db.prepare('SELECT sink, reason, bytes FROM dead_letters ORDER BY sink, first').all() as {
    sink: string;
    reason: string;
    bytes: Buffer;
  }[];
  db.close();
  const letters: Record<string, unknown>[] = [];
  for (const { sink, reason, bytes } of rows) {
    const input = async function* (): AsyncGenerator<Buffer> {
      yield bytes;
    };
    await decodeStream(input(), (line) => void letters.push({ sink, reason, ...JSON.parse(line) }));
  }
  return letters;
}

const portOf = ({ url }: TestBroker): number => Number(new URL(url).port);
/** Offset and payload. */
const arrived = ({ records }: UpstreamObserver): [number, string][] =>
  records.map(({ offset, payload }) => [offset, payload]);

/** Sends it with every QoS and tells the reason codes of PUBACK and PUBREC, and the texts with them. */
async function publishEach(
  client: RawClient,
  payload: Buffer | string,
  properties?: object,
): Promise<unknown[]> {
  const fields = properties === undefined ? {} : { properties: { ...properties } };
  client.publish('t', payload, { qos: 0, ...fields });
  client.publish('t', payload, { qos: 1, messageId: 1, ...fields });
  const puback = await client.next('puback');
  client.publish('t', payload, { qos: 2, messageId: 2, ...fields });
  const pubrec = await client.next('pubrec');
  if ((pubrec.reasonCode ?? 0) < 0x80) {
    client.send({ cmd: 'pubrel', messageId: 2 });
    await client.next('pubcomp');
  }
  return [puback, pubrec].map(({ reasonCode = 0, properties: said }) =>
    reasonCode === 0 ? 0 : [reasonCode, said?.reasonString],
  );
}

test('accept, the default, sends it on as it is', async () => {
  using directory = new TemporaryDirectory();
  await using upstream = await TestBroker.start();
  await using observer = await UpstreamObserver.start(portOf(upstream), 'batches/#');
  await using running = await RunningGateway.start(directory.path, { sinks: sinksTo(upstream.url) });
  using client = await RawClient.connect(running.port, 5);
  expect(await publishEach(client, malformed, isText)).toEqual([0, 0]);
  await observer.received(3);
  expect(arrived(observer)).toEqual([0, 1, 2].map((offset) => [offset, malformed.toString()]));
  const { admission } = await running.gateway.status();
  expect([admission.refusedPublishes, admission.deadLetteredPublishes]).toEqual([{}, {}]);
});

test('refuse tells MQTT 5 with 0x99, and keeps nothing of it', async () => {
  using directory = new TemporaryDirectory();
  await using running = await RunningGateway.start(directory.path, { mqtt: { malformedPayload: 'refuse' } });
  using client = await RawClient.connect(running.port, 5, { clientId: 'dev' });
  const refused = [PAYLOAD_FORMAT_INVALID, 'the payload is said to be UTF-8 and is not'];
  expect(await publishEach(client, malformed, isText)).toEqual([refused, refused]);
  expect(await publishEach(client, malformed)).toEqual([0, 0]); // nothing was said of it
  expect(await publishEach(client, '21 °C\u0000', isText)).toEqual([0, 0]);
  using brief = await RawClient.connect(running.port, 5, {
    clientId: 'brief',
    properties: { requestProblemInformation: false },
  });
  const withoutText = [PAYLOAD_FORMAT_INVALID, undefined];
  expect(await publishEach(brief, malformed, isText)).toEqual([withoutText, withoutText]);
  expect(running.records()).toHaveLength(6);
  const { admission, counters } = await running.gateway.status();
  expect(admission.refusedPublishes).toEqual({ 'payload-format': 6 });
  expect([counters.received, counters.refused]).toEqual([6, 6]);
  await auditLine(directory.path, { event: 'publish-refused', reason: 'payload-format', client: 'dev' });
});

test('dead-letter acknowledges it and keeps it, and nobody gets it', async () => {
  using directory = new TemporaryDirectory();
  await using upstream = await TestBroker.start();
  await using batches = await UpstreamObserver.start(portOf(upstream), 'batches/#');
  await using singles = await UpstreamObserver.start(portOf(upstream), 'singles/#');
  const settings = { mqtt: { malformedPayload: 'dead-letter' }, sinks: sinksTo(upstream.url) };
  await using running = await RunningGateway.start(directory.path, settings);
  using local = await RawClient.connect(running.port, 5, { clientId: 'local' });
  await local.subscribe('t');
  using client = await RawClient.connect(running.port, 5, { clientId: 'dev' });
  client.publish('t', 'good', { qos: 1, messageId: 9, retain: true, properties: { ...isText } });
  await client.next('puback');
  expect(await publishEach(client, malformed, isText)).toEqual([0, 0]);
  client.publish('t', malformed, { qos: 1, messageId: 9, retain: true, properties: { ...isText } });
  expect((await client.next('puback')).reasonCode ?? 0).toBe(0);
  client.publish('t', 'last', { qos: 1, messageId: 9 });
  await client.next('puback');

  expect(running.records().map(({ offset, deadLetter }) => [offset, deadLetter])).toEqual([
    [0, undefined],
    ...[1, 2, 3, 4].map((offset) => [offset, 'payload-format']),
    [5, undefined],
  ]);
  const heard = await local.take('publish', 2);
  expect(heard.map(({ payload }) => String(payload))).toEqual(['good', 'last']);
  using late = await RawClient.connect(running.port, 5, { clientId: 'late' });
  await late.subscribe('t', 0);
  expect(await late.next('publish')).toMatchObject({ payload: Buffer.from('good'), retain: true });

  await waitFor(async () => (await booksOf(running)).every(({ nextOffset }) => nextOffset === 6), {
    what: 'both cursors at the end',
  });
  for (const observer of [batches, singles]) {
    await observer.received(2);
    expect(arrived(observer)).toEqual([
      [0, 'good'],
      [5, 'last'],
    ]);
  }
  const { admission, sinks } = await running.gateway.status();
  expect(admission.deadLetteredPublishes).toEqual({ 'payload-format': 4 });
  expect(admission.refusedPublishes).toEqual({});
  expect(sinks).toMatchObject([{ deadLettered: 4 }, { deadLettered: 4 }]);
  const books = { startOffset: 0, nextOffset: 6, delivered: 2, deadLettered: 4, missing: 0, leftOut: 0 };
  expect(await booksOf(running)).toMatchObject([books, books]);
  await auditLine(directory.path, {
    event: 'publish-dead-lettered',
    reason: 'payload-format',
    client: 'dev',
  });

  const payloadBase64 = malformed.toString('base64');
  const reason = 'payload-format';
  const letters = ['batches', 'singles'].flatMap((sink) =>
    [0, 1, 2, 1].map((qos, i) => ({
      ...{ sink, reason, offset: 1 + i, device: 'dev', topic: 't', qos, retain: i === 3 },
      ...{ deadLetter: reason, payloadBase64, properties: { payloadFormatIndicator: true } },
    })),
  );
  // With the cursors, in their own time.
  await waitFor(async () => (await deadLetters(directory.path)).length >= 8, {
    what: 'dead letters on disk',
  });
  expect(await deadLetters(directory.path)).toMatchObject(letters);
  expect(running.lines.filter(({ level }) => level === 'error')).toEqual([]);
});

test('dead letters of an outage are there once after a restart, each sink its own', async () => {
  using directory = new TemporaryDirectory();
  await using upstream = await TestBroker.start();
  await upstream.close();
  const settings = { mqtt: { malformedPayload: 'dead-letter' }, sinks: sinksTo(upstream.url) };
  {
    await using running = await RunningGateway.start(directory.path, settings);
    using client = await RawClient.connect(running.port, 5, { clientId: 'dev' });
    for (let i = 0; i < 10; i++) {
      const payload = i % 3 === 0 ? malformed : `value ${i}`;
      client.publish('t', payload, { qos: 1, messageId: 1, properties: { ...isText } });
      await client.next('puback');
    }
    expect(await deadLetters(directory.path)).toEqual([]);
  }
  await upstream.open();
  await using observer = await UpstreamObserver.start(portOf(upstream), 'batches/#');
  for (let start = 0; start < 2; start++) {
    // By default nothing is looked for any more: what was kept as a dead letter is one all the same.
    await using running = await RunningGateway.start(directory.path, { sinks: settings.sinks });
    await waitFor(async () => (await booksOf(running)).every(({ nextOffset }) => nextOffset === 10), {
      what: 'both cursors at the end',
    });
    const books = { delivered: 6, deadLettered: 4 };
    expect(await booksOf(running)).toMatchObject([books, books]);
  }
  expect(arrived(observer)).toEqual([1, 2, 4, 5, 7, 8].map((offset) => [offset, `value ${offset}`]));
  const letters = (await deadLetters(directory.path)).map(({ sink, offset }) => `${sink} ${offset}`);
  const expected = ['batches', 'singles'].flatMap((sink) =>
    [0, 3, 6, 9].map((offset) => `${sink} ${offset}`),
  );
  expect(letters).toEqual(expected);
});

test('without a sink they stay in the log as all others do', async () => {
  using directory = new TemporaryDirectory();
  const settings = { mqtt: { malformedPayload: 'dead-letter' } };
  await using running = await RunningGateway.start(directory.path, settings);
  using client = await RawClient.connect(running.port, 5);
  expect(await publishEach(client, malformed, isText)).toEqual([0, 0]);
  expect(running.records().map(({ deadLetter }) => deadLetter)).toEqual(Array(3).fill('payload-format'));
});

async function booksOf(running: RunningGateway) {
  return (await running.gateway.status()).store.books;
}
