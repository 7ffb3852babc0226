import { describe, expect, test } from 'vitest';
import { AccessPolicy, type Subject } from '../../../../../gateway/admission/access/access-policy.ts';
import type { Authority } from '../../../../../gateway/admission/access/authority.ts';
import { accessOf } from './access-settings.ts';

function authority(settings: object, subject: Partial<Subject> = {}, hasUsers = true): Authority {
  const policy = new AccessPolicy(accessOf(settings), hasUsers);
  return policy.authorityOf({ user: 'ann', clientId: 'dev-1', group: 'default', ...subject });
}

function ruled(rules: object[], subject: Partial<Subject> = {}, groups: object = {}): Authority {
  return authority({ rules, groups }, subject);
}

describe('without rules', () => {
  test('everything is allowed where there are no users, topics that begin with $ too', () => {
    const free = authority({}, {}, false);
    expect(free.everything).toBe(true);
    expect(['a/b', '$aws/x'].map((topic) => free.mayPublish(topic))).toEqual([true, true]);
    expect(['#', '$SYS/#', '$share/g/#'].map((filter) => free.maySubscribe(filter))).toEqual([
      true,
      true,
      true,
    ]);
    expect(free.mayReceive('$SYS/x')).toBe(true);
  });

  test('nothing is allowed once there are users', () => {
    const none = authority({}, {}, true);
    expect(none.everything).toBe(false);
    expect(none.mayPublish('a')).toBe(false);
    expect(none.maySubscribe('a')).toBe(false);
    expect(none.mayReceive('a')).toBe(false);
  });

  test('and a rule is enough to end that everything is allowed, users or not', () => {
    const some = authority({ rules: [{ publish: ['a'] }] }, {}, false);
    expect([some.everything, some.mayPublish('a'), some.mayPublish('b'), some.maySubscribe('a')]).toEqual([
      false,
      true,
      false,
      false,
    ]);
  });
});

describe('a rule', () => {
  const rule = { users: ['a*'], clients: ['dev-*'], groups: ['sensors', 'press*'], publish: ['t'] };

  test.each([
    [{ user: 'ann', clientId: 'dev-1', group: 'sensors' }, true],
    [{ user: 'ann', clientId: 'dev-1', group: 'presses' }, true],
    [{ user: 'bob', clientId: 'dev-1', group: 'sensors' }, false],
    [{ user: 'ann', clientId: 'hmi-1', group: 'sensors' }, false],
    [{ user: 'ann', clientId: 'dev-1', group: 'default' }, false],
    [{ user: '', clientId: 'dev-1', group: 'sensors' }, false],
  ])('holds for who matches all of its lists: %o, %s', (subject, expected) => {
    expect(ruled([rule], subject, { sensors: {}, presses: {} }).mayPublish('t')).toBe(expected);
  });

  test('for users "" is for clients without a name, one for * is for them too', () => {
    const rules = [{ users: [''], publish: ['nameless'] }, { publish: ['all'] }];
    const granted = (user: string) =>
      ['nameless', 'all'].filter((topic) => ruled(rules, { user }).mayPublish(topic));
    expect(granted('')).toEqual(['nameless', 'all']);
    expect(granted('ann')).toEqual(['all']);
  });

  test('adds to the others and takes nothing away', () => {
    const both = ruled([{ publish: ['a/#'] }, { publish: ['b'], subscribe: ['c'] }]);
    expect(['a/x', 'b', 'c'].map((topic) => both.mayPublish(topic))).toEqual([true, true, false]);
    expect(['a/x', 'b', 'c'].map((topic) => both.maySubscribe(topic))).toEqual([false, false, true]);
  });

  test('grants subscribing to its filters and narrower ones, never to wider ones', () => {
    const some = ruled([{ subscribe: ['plant/+/state', 'cmd/#'] }]);
    const filters = ['plant/1/state', 'plant/+/state', 'cmd', 'cmd/+/x', 'cmd/#', '$share/g/cmd/#'];
    expect(filters.filter((filter) => !some.maySubscribe(filter))).toEqual([]);
    const wider = [
      'plant/#',
      '+/1/state',
      '#',
      '+',
      '$share/g/#',
      '$share/g',
      '$share//cmd/#',
      '$share/+/cmd/#',
    ];
    expect(wider.filter((filter) => some.maySubscribe(filter))).toEqual([]);
  });

  test('with a wildcard at its beginning grants no topic that begins with $', () => {
    const all = ruled([{ publish: ['#', '+/x'], subscribe: ['#', '+/#'] }]);
    expect(all.everything).toBe(false);
    for (const topic of ['$SYS/x', '$aws/x', '$x', '$']) {
      expect([all.mayPublish(topic), all.maySubscribe(topic), all.mayReceive(topic)]).toEqual([
        false,
        false,
        false,
      ]);
    }
    expect(all.maySubscribe('$share/g/$SYS/#')).toBe(false);
    expect(ruled([{ subscribe: ['$SYS/#'] }]).maySubscribe('$SYS/#')).toBe(true);
    expect(all.maySubscribe('$share/g/#')).toBe(true);
  });

  test('grants no shared subscription that is none', () => {
    const all = ruled([{ subscribe: ['#'] }]);
    const malformed = ['$share/g', '$share/g/', '$share//a', '$share/+/a', '$share/#/a', '$share/', '$share'];
    expect(malformed.filter((filter) => all.maySubscribe(filter))).toEqual([]);
  });

  test('among a thousand is found', () => {
    const rules = Array.from({ length: 1000 }, (_, i) => ({
      publish: [`p/${i}/+`],
      subscribe: [`s/${i}/#`],
    }));
    const some = ruled(rules);
    expect(some.mayPublish('p/999/x')).toBe(true);
    expect(some.mayPublish('p/1000/x')).toBe(false);
    expect(some.maySubscribe('s/7/+/x')).toBe(true);
    expect(some.maySubscribe('s/+/x')).toBe(false);
  });
});

describe('a placeholder', () => {
  const rules = [
    {
      publish: ['up/{client}/#', 'by/{user}/{group}'],
      subscribe: ['down/{client}/#', '{user}/#', '$edge/{client}'],
    },
  ];

  test('stands for the client id, the user and the group', () => {
    const own = ruled(rules, { clientId: 'dev-1', user: 'ann', group: 'g' }, { g: {} });
    const granted = ['up/dev-1/t', 'by/ann/g', 'up/dev-2/t', 'up/+/t', 'by/bob/g', 'by/ann/default'];
    expect(granted.filter((topic) => own.mayPublish(topic))).toEqual(['up/dev-1/t', 'by/ann/g']);
    const filters = ['down/dev-1/#', 'ann/x', '$edge/dev-1', 'down/#', '+/x', '$edge/+', 'down/dev-2/x'];
    expect(filters.filter((filter) => own.maySubscribe(filter))).toEqual([
      'down/dev-1/#',
      'ann/x',
      '$edge/dev-1',
    ]);
  });

  test.each(['', '+', '#', 'a/b', 'dev-1/../dev-2', 'a\u0000', 'a\nb', '\u0085', 'x+', '/'])(
    'grants nothing to a client id of %j',
    (clientId) => {
      const own = ruled(rules, { clientId });
      for (const topic of [`up/${clientId}/x`, 'up//x', 'up/dev-1/x', 'up/dev-2/x', 'up/a/b/x']) {
        expect(own.mayPublish(topic), topic).toBe(false);
      }
      for (const filter of ['down/#', 'down/+/x', `down/${clientId}/#`, 'down//#']) {
        expect(own.maySubscribe(filter), filter).toBe(false);
      }
    },
  );

  test('that names itself is taken to the letter, once', () => {
    const own = ruled([{ publish: ['{client}/x'] }], { clientId: '{user}', user: 'ann' });
    expect(own.mayPublish('{user}/x')).toBe(true);
    expect(own.mayPublish('ann/x')).toBe(false);
  });

  test('does not open what begins with $ by being chosen so', () => {
    const rule = { publish: ['{client}/#'], subscribe: ['{client}/#', '{user}{client}/#', '{user}'] };
    for (const name of ['$SYS', '$share', '$']) {
      const own = ruled([rule], { clientId: name, user: name });
      expect(own.maySubscribe(`${name}/#`)).toBe(false);
      expect(own.maySubscribe(`${name}/a/b`)).toBe(false);
      expect(own.maySubscribe(name)).toBe(false);
      expect(own.mayPublish(`${name}/x`)).toBe(false);
    }
  });

  test('does not open a tenant to a client outside by being chosen so', () => {
    const groups = { acme: { tenant: 'acme' } };
    const rule = { publish: ['{client}/#', 'ac{user}/#', 'acme/shared/{client}'] };
    const outside = ruled([rule], { clientId: 'acme', user: 'me' }, groups);
    expect(['acme/x', 'acme', 'acme/shared/acme'].map((topic) => outside.mayPublish(topic))).toEqual([
      false,
      false,
      true, // the settings say so themselves
    ]);
    const inside = ruled([rule], { clientId: 'acme', user: 'me', group: 'acme' }, groups);
    expect(inside.mayPublish('acme/x')).toBe(true); // which is acme/acme/x
    expect(ruled([rule], { clientId: 'acme2' }, groups).mayPublish('acme2/x')).toBe(true);
  });

  test('takes names of any script, and does not make them equal', () => {
    const own = ruled(rules, { clientId: 'größe-温度-📈' });
    expect(own.mayPublish('up/größe-温度-📈/x')).toBe(true);
    expect(own.mayPublish('up/gro\u0308ße-温度-📈/x')).toBe(false);
    expect(own.mayPublish('up/GRÖSSE-温度-📈/x')).toBe(false);
  });
});

describe('in a tenant', () => {
  const groups = { acme: { tenant: 'acme' } };
  const member = (rules: object[], hasUsers = true) =>
    authority({ groups, rules }, { group: 'acme' }, hasUsers);

  test('there are no topics that begin with $, whatever is allowed', () => {
    for (const free of [member([], false), member([{ publish: ['$x/#'], subscribe: ['$x/#'] }])]) {
      expect([free.everything, free.mayPublish('$x/y'), free.mayReceive('$x/y')]).toEqual([
        false,
        false,
        false,
      ]);
    }
  });

  test('without rules and users everything else is allowed', () => {
    const free = member([], false);
    expect([free.mayPublish('a'), free.maySubscribe('#'), free.mayReceive('a')]).toEqual([true, true, true]);
  });

  test('of which the settings know nothing, nothing is allowed', () => {
    expect(authority({ groups }, { group: 'other' }, false).mayPublish('a')).toBe(false);
  });
});

describe('what may be received', () => {
  test('is what a granted filter matches, whatever was subscribed to', () => {
    const some = ruled([{ subscribe: ['a/+', 'cmd/{client}/#'] }]);
    const topics = ['a/b', 'cmd/dev-1', 'cmd/dev-1/x', 'a', 'a/b/c', 'cmd/dev-2/x'];
    expect(topics.filter((topic) => some.mayReceive(topic))).toEqual(['a/b', 'cmd/dev-1', 'cmd/dev-1/x']);
  });
});

describe('other settings', () => {
  test('hold at once for those who are connected, and the version tells', () => {
    const policy = new AccessPolicy(accessOf({ rules: [{ publish: ['old/{client}', 'old'] }] }), true);
    const own = policy.authorityOf({ user: '', clientId: 'c', group: 'default' });
    expect(['old', 'old/c', 'new'].map((topic) => own.mayPublish(topic))).toEqual([true, true, false]);
    const before = own.version;
    policy.replace(accessOf({ rules: [{ publish: ['new'] }] }), true);
    expect(own.version).not.toBe(before);
    expect(['old', 'old/c', 'new'].map((topic) => own.mayPublish(topic))).toEqual([false, false, true]);
    policy.replace(accessOf({}), false);
    expect(own.everything).toBe(true);
  });

  test('more combinations of rules than are kept ready do no harm', () => {
    const rules = Array.from({ length: 10 }, (_, i) => ({
      users: Array.from({ length: 1024 }, (_, n) => n)
        .filter((n) => (n >> i) & 1)
        .map((n) => `u${n}`)
        .slice(0, 512),
      publish: [`t/${i}`],
    }));
    const policy = new AccessPolicy(accessOf({ rules }), true);
    for (let n = 0; n < 1024; n++) {
      const own = policy.authorityOf({ user: `u${n}`, clientId: 'c', group: 'default' });
      const granted = rules.map((_, i) => own.mayPublish(`t/${i}`));
      expect(granted).toEqual(rules.map((_, i) => ((n >> i) & 1) === 1));
    }
  });
});
