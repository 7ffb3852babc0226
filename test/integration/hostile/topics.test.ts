// Topics without number: of one device, of all of them - more than the table of topics in use holds - and ones that are
// too deep or too long.

import { expect, test } from 'vitest';
import { attacked } from '../../support/attacked-gateway.ts';
import { RawClient } from '../../support/raw-client.ts';

const QUOTA_EXCEEDED = 0x97;
/** Of the table of topics in use, each of its two generations. */
const TABLE_TOPICS = 65_536;

/** Empty messages of QoS 0, each to a topic of its own. */
function publishEach(count: number): Buffer {
  const packet = Buffer.from([0x30, 10, 0, 8, ...Buffer.from('00000000')]);
  const packets = Buffer.alloc(count * packet.length, packet);
  for (let i = 0; i < count; i++) packets.write(`${i}`.padStart(8, '0'), i * packet.length + 4, 'latin1');
  return packets;
}

test('a device has no more different topics than it may, and those it has go on', async () => {
  await attacked({ quotas: { devices: [{ topicsMax: 50 }] } }, async ({ gateway, served }) => {
    using client = await RawClient.connect(gateway.port, 5, { clientId: 'spreader' });
    const publish = async (from: number, count: number): Promise<number[]> => {
      for (let i = from; i < from + count; i++) client.publish(`t/${i}`, 'x', { qos: 1, messageId: i + 1 });
      return (await client.take('puback', count)).map(({ reasonCode = 0 }) => reasonCode);
    };
    expect(await publish(0, 200)).toEqual([...Array(50).fill(0), ...Array(150).fill(QUOTA_EXCEEDED)]);
    await served();
    expect(await publish(0, 50)).toEqual(Array(50).fill(0));
    const { admission, counters } = await gateway.gateway.status();
    expect(admission.refusedPublishes).toMatchObject({ topics: 150 });
    expect(counters.refused).toBe(150);
  });
});

test('more topics than are remembered are taken all the same, each with its own name', async () => {
  await attacked({ quotas: { devices: [{ topicsMax: 0 }] } }, async ({ gateway, served }) => {
    using client = await RawClient.connect(gateway.port, 4, { clientId: 'spreader' });
    await client.subscribe('+/first', 0);
    const COUNT = 2 * TABLE_TOPICS + 1000;
    client.publish('7/first', 'before');
    client.write(publishEach(COUNT));
    client.publish('7/first', 'after', { qos: 1, messageId: 1 });
    await served();
    const before = await client.next('publish');
    const [after] = await client.each('publish', 'puback');
    expect([before, after].map(({ topic, payload }) => `${topic} ${payload}`)).toEqual([
      '7/first before',
      '7/first after',
    ]);
    expect((await gateway.counters()).received).toBeGreaterThanOrEqual(COUNT + 2);
  });
});

test('topics that are too deep or too long are refused, each counted, and the connection goes on', async () => {
  await attacked({ mqtt: { topicLevelsMax: 8, topicBytesMax: 100 } }, async ({ gateway }) => {
    using client = await RawClient.connect(gateway.port, 5, { clientId: 'digger' });
    const deep = Array(9).fill('x').join('/');
    const long = 'x'.repeat(101);
    for (let i = 0; i < 40; i++)
      client.publish([deep, long, 'fine', 'also/fine'][i % 4]!, 'x', { qos: 1, messageId: i + 1 });
    const codes = (await client.take('puback', 40)).map(({ reasonCode = 0 }) => reasonCode);
    expect(codes.filter((code) => code === 0).length).toBe(20);
    expect((await gateway.counters()).refused).toBe(20);
  });
});
