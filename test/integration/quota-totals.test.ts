// What a group, or the gateway as a whole, may take together: shared fairly between the greedy and the modest, and
// nobody else's matter.

import { describe, expect, test } from 'vitest';
import { enter, type GuardedSettings, startGuarded } from '../support/guarded-gateway.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

describe('what a group, or the gateway as a whole, may take', () => {
  const users = ['greedy', 'modest-1', 'modest-2', 'heavy'];
  const rules = [{ publish: ['#'] }];

  /** Everybody has always more to send, the greedy one without end; who has sent how many of the first `count`. */
  async function shares(settings: GuardedSettings, count: number): Promise<Record<string, number>> {
    using own = new TemporaryDirectory();
    await using running = await startGuarded(own, settings);
    const clients = await Promise.all(
      settings.users.map((user) => enter(running.port, { user, clientId: user, version: 4 })),
    );
    for (const [i, client] of clients.entries()) {
      for (let messageId = 1; messageId <= (i === 0 ? 5000 : count); messageId++)
        client.publish('t', 'x', { qos: 1, messageId });
    }
    /** From when all are there. */
    const common = (): string[] => {
      const devices = running.records().map(({ device }) => device);
      const from = Math.max(...settings.users.map((user) => devices.indexOf(user) >>> 0));
      return devices.slice(from);
    };
    const isEnough = async () => (await running.counters()).received >= count && common().length >= count;
    await waitFor(isEnough, { what: () => `${running.records().length} records` });
    const first = common().slice(0, count);
    for (const client of clients) client[Symbol.dispose]();
    return Object.fromEntries(
      settings.users.map((user) => [user, first.filter((device) => device === user).length]),
    );
  }

  test.concurrent('is shared alike by its members, however much one of them sends', async () => {
    const access = { rules, groups: { plant: { users: ['*'] } } };
    const limited = { groups: { plant: { messagesPerS: '80/s', messagesBurst: 1 } } };
    const counts = await shares({ users, access, quotas: limited }, 80);
    for (const user of users) expect(Math.abs(counts[user] - 20), user).toBeLessThanOrEqual(2);
  });

  test.concurrent('is shared by weight between groups', async () => {
    const access = { rules, groups: { plant: { users: ['heavy'], weight: 3 } } };
    const limited = { gateway: { messagesPerS: '80/s', messagesBurst: 1 } };
    const counts = await shares({ users, access, quotas: limited }, 84);
    for (const user of users) {
      const fair = user === 'heavy' ? 42 : 14;
      expect(Math.abs(counts[user] - fair), user).toBeLessThanOrEqual(4);
    }
  });

  test.concurrent('holds one device back no more than another of its own makes it', async () => {
    const access = { rules, groups: { plant: { users: ['greedy', 'modest-1'] } } };
    const limited = { groups: { plant: { messagesPerS: '1/m', messagesBurst: 1 } } };
    using own = new TemporaryDirectory();
    await using running = await startGuarded(own, { users, access, quotas: limited });
    using member = await enter(running.port, { user: 'greedy', clientId: 'greedy' });
    using stranger = await enter(running.port, { user: 'heavy', clientId: 'heavy' });
    for (let messageId = 1; messageId <= 100; messageId++) member.publish('t', 'x', { qos: 1, messageId });
    for (let messageId = 1; messageId <= 100; messageId++) stranger.publish('t', 'x', { qos: 1, messageId });
    await stranger.take('puback', 100);
    await member.next('puback');
    await member.ping();
    expect(member.pending).toEqual([]);
  });
});
