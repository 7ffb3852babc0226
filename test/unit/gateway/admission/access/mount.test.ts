import { describe, expect, test } from 'vitest';
import { AccessPolicy } from '../../../../../gateway/admission/access/access-policy.ts';
import {
  Mount,
  mountBytesMax,
  noMount,
  sharedFilterAt,
} from '../../../../../gateway/admission/access/mount.ts';
import { Tenants } from '../../../../../gateway/admission/access/tenants.ts';
import { covers } from '../../../../../gateway/admission/access/topic-match.ts';
import { accessOf } from './access-settings.ts';

const acme = new Mount('acme');
/** What a device may say to get out of its tenant. */
const tricks = [
  '..',
  '../zeta/x',
  '../../x',
  './x',
  '/x',
  '//x',
  '/',
  '//',
  '/zeta/x',
  'zeta',
  'zeta/x',
  'acme/x',
  '#',
  '+',
  '+/x',
  '+/#',
  '/#',
  '$SYS/#',
  '$SYS',
  '$x',
  '$share',
  '%2e%2e/x',
  'zeta\u2044x',
  '\u2215x',
  '\ufeffzeta/x',
  'ze\u0301ta/x',
  ' /x',
];

describe('a mount', () => {
  test.each(tricks)('keeps %j inside of the tenant, and gives it back as it was', (own) => {
    const mounted = acme.mounted(own);
    expect(covers('acme/#', mounted)).toBe(true);
    expect(covers('zeta/#', mounted)).toBe(false);
    expect(acme.own(mounted)).toBe(own);
    expect(acme.ownFilter(mounted)).toBe(own);
    expect(new Mount('zeta').own(mounted)).toBe(null);
  });

  test.each(['#', '$share/g/#', '+/+/#', '$SYS/#'])(
    'makes of %j a filter that matches no topic outside',
    (own) => {
      const filterAt = Math.max(0, sharedFilterAt(own));
      const mounted = acme.mounted(own.slice(filterAt));
      for (const topic of ['zeta/x', 'acme2/x', 'x', '$SYS/x', '/acme/x', 'Acme/x', 'acme.x']) {
        expect(covers(mounted, topic), topic).toBe(false);
      }
    },
  );

  test('has nothing of what is not below it: its own name, names that begin like it, nothing at all', () => {
    for (const topic of ['acme', 'acme/', 'acmex/y', 'acm', '', '/acme/x', 'ACME/x']) {
      expect(acme.own(topic), topic).toBe(null);
    }
  });

  test('does not hand a topic to its device that would begin with $ there', () => {
    expect(acme.ownTopic('acme/a')).toBe('a');
    expect(acme.ownTopic('acme/$SYS/x')).toBe(null);
    expect(acme.ownTopic('zeta/a')).toBe(null);
    expect(noMount.ownTopic('$SYS/x')).toBe('$SYS/x');
  });

  test('finds the filter of a shared subscription', () => {
    expect(acme.ownFilter('$share/g/acme/a/#')).toBe('$share/g/a/#');
    expect(acme.ownFilter('$share/g/zeta/a')).toBe(null);
    expect(acme.ownFilter('$share/acme/a')).toBe(null);
    expect(noMount.ownFilter('$share/g/a')).toBe('$share/g/a');
    expect(
      ['a', '$share', '$share/g/a', '$share/g/', '$share/g', '$share//a', '$share/', '$share/+/a'].map(
        sharedFilterAt,
      ),
    ).toEqual([0, 0, 9, -1, -1, -1, -1, -1]);
  });

  test('of no tenant changes nothing', () => {
    expect(noMount.isNone).toBe(true);
    for (const name of tricks) expect([noMount.mounted(name), noMount.own(name)]).toEqual([name, name]);
  });

  test.each(['a/b', '/', '+', '#', 'a#', ' ', '$a', 'é', 'a\u0000', 'x'.repeat(65)])(
    'has no tenant of the name %j',
    (name) => {
      expect(() => new Mount(name)).toThrow('cannot be the name of a tenant');
    },
  );

  test.each(['..', '.', '-', '_', 'A.b-c_9', 'x'.repeat(64)])(
    'takes the name %j, which is a level as any',
    (name) => {
      const mount = new Mount(name);
      expect(mount.prefixBytes.length).toBeLessThanOrEqual(mountBytesMax);
      expect(mount.own(mount.mounted('a'))).toBe('a');
      expect(covers(mount.mounted('#'), 'acme/a')).toBe(false);
    },
  );
});

describe('tenants', () => {
  const groups = { a1: { tenant: 'acme' }, a2: { tenant: 'acme' }, z: { tenant: 'zeta' }, free: {} };
  const tenants = new Tenants(accessOf({ groups }).groups);

  test('are those of the groups, which may share one', () => {
    expect(tenants.mountOf('a1')?.tenant).toBe('acme');
    expect(tenants.mountOf('a2')).toBe(tenants.mountOf('a1'));
    expect(tenants.mountOf('free')).toBe(noMount);
    expect(tenants.mountOf('default')).toBe(noMount);
  });

  test('a group that is not in the settings has none, and nobody is let in by it', () => {
    expect(tenants.mountOf('a3')).toBe(null);
    expect(tenants.mountOf('constructor')).toBe(null);
  });

  test('the group of everybody may be in one too', () => {
    expect(
      new Tenants(accessOf({ groups: { default: { tenant: 't' } } }).groups).mountOf('default')?.tenant,
    ).toBe('t');
  });

  test.each(['acme/dev-1', 'acme/', 'acme//x', 'zeta/acme/x'])(
    'a client outside may not be called %j, as if it were inside',
    (clientId) => {
      expect(tenants.allowsClientId(noMount, clientId)).toBe(false);
      expect(tenants.allowsClientId(tenants.mountOf('z')!, clientId)).toBe(true);
    },
  );

  test.each(['acme', 'acme2/x', '/acme/x', 'Acme/x', 'dev/acme', '', 'acme\u2044x'])(
    'but %j, which no client of a tenant is known by',
    (clientId) => {
      expect(tenants.allowsClientId(noMount, clientId)).toBe(true);
    },
  );

  test('no two clients that are let in are known by one name', () => {
    const ids = [
      'acme',
      'zeta',
      'x',
      'acme/x',
      'zeta/x',
      'acme/acme/x',
      '/x',
      'x/acme',
      'free/x',
      'acme/zeta/x',
    ];
    const mounts = [noMount, tenants.mountOf('a1')!, tenants.mountOf('z')!];
    const known = mounts.flatMap((mount) =>
      ids.filter((id) => tenants.allowsClientId(mount, id)).map((id) => mount.mounted(id)),
    );
    expect(new Set(known).size).toBe(known.length);
    expect(known.length).toBeGreaterThan(2 * ids.length);
  });

  test('a filter of # in one of them is granted there and reaches no other', () => {
    const policy = new AccessPolicy(accessOf({ groups, rules: [{ subscribe: ['#'] }] }), true);
    const member = policy.authorityOf({ user: 'u', clientId: 'c', group: 'a1' });
    expect(member.maySubscribe('#')).toBe(true);
    const filter = tenants.mountOf('a1')!.mounted('#');
    expect(['acme/x', 'zeta/x', 'x', '$SYS/x'].map((topic) => covers(filter, topic))).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});
