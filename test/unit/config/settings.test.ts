import { describe, expect, expectTypeOf, test } from 'vitest';
import type { Field } from '../../../config/schema/field.ts';
import { settingList } from '../../../config/schema/setting-list.ts';
import {
  type Config,
  type LaneConfig,
  type ListenerConfig,
  type MqttSinkConfig,
  type SinkConfig,
  settings,
} from '../../../config/settings.ts';

const all = settingList(settings);

describe('the type of the configuration comes from the schema', () => {
  test('objects, lists, maps, unions, enums and numbers have their exact types', () => {
    expectTypeOf<Config['commit']>().toEqualTypeOf<{
      readonly lingerMs: number;
      readonly recordsMax: number;
      readonly bytesMax: number;
    }>();
    expectTypeOf<LaneConfig>().toEqualTypeOf<{
      readonly name: string;
      readonly match: readonly string[];
      readonly priority: 'normal' | 'low';
    }>();
    expectTypeOf<ListenerConfig['type']>().toEqualTypeOf<'tcp' | 'ws' | 'tls' | 'wss'>();
    expectTypeOf<Extract<ListenerConfig, { type: 'ws' }>>().toEqualTypeOf<{
      readonly type: 'ws';
      readonly host: string;
      readonly port: number;
      readonly path: string;
      readonly maxConnections: number;
    }>();
    expectTypeOf<Extract<ListenerConfig, { type: 'tls' }>>().toEqualTypeOf<{
      readonly type: 'tls';
      readonly host: string;
      readonly port: number;
      readonly maxConnections: number;
      readonly certFile: string;
      readonly keyFile: string;
      readonly caFile: string;
      readonly crlFile: string;
      readonly clientCertificates: 'none' | 'optional' | 'required';
      readonly identity: 'cn' | 'san-dns' | 'san-email' | 'san-uri';
    }>();
    expectTypeOf<Config['access']['groups']>().toEqualTypeOf<{
      readonly [name: string]: {
        readonly users: readonly string[];
        readonly clientIds: readonly string[];
        readonly tenant: string;
        readonly weight: number;
      };
    }>();
    expectTypeOf<Config['quotas']['devices'][number]['over']>().toEqualTypeOf<
      'delay' | 'refuse' | 'drop-qos0' | 'sample'
    >();
    expectTypeOf<Config['sinks']>().toEqualTypeOf<{ readonly [name: string]: SinkConfig }>();
    expectTypeOf<MqttSinkConfig['qos']>().toEqualTypeOf<1 | 2>();
    expectTypeOf<MqttSinkConfig['protocolVersion']>().toEqualTypeOf<4 | 5>();
    expectTypeOf<MqttSinkConfig['commands'][number]['qos']>().toEqualTypeOf<0 | 1 | 2>();
    expectTypeOf<Config['buffer']['synchronous']>().toEqualTypeOf<'full' | 'normal'>();
    expectTypeOf<Config['upstream']['embedded']>().toEqualTypeOf<boolean>();
    // The compiler judges the types; this says that there is something they are the types of.
    expect(settings.kind).toBe('object');
  });
});

function quantity(field: Field): boolean {
  return field.kind === 'duration' || field.kind === 'bytes';
}

describe('every setting', () => {
  test.each(all.map(({ path, field }) => [path, field] as const))(
    '%s has one sentence of help',
    (_, field) => {
      expect(field.help).toMatch(/^\S.{5,200}\.$/);
    },
  );

  test.each(all.filter(({ field }) => field.kind === 'duration').map(({ key }) => key))(
    '%s is a duration, and its name says ms',
    (key) => {
      expect(key).toMatch(/Ms$/);
    },
  );

  test.each(all.filter(({ field }) => field.kind === 'bytes').map(({ key }) => key))(
    '%s is a size, and its name says bytes',
    (key) => {
      expect(key).toMatch(/bytes/i);
    },
  );

  test.each(all.filter(({ field }) => !quantity(field)).map(({ key }) => key))(
    '%s is neither, and its name says neither',
    (key) => {
      expect(key).not.toMatch(/Ms$|Bytes|bytes/);
    },
  );

  test.each(all.flatMap(({ path, field }) => ('min' in field ? [[path, field] as const] : [])))(
    '%s has its default within its bounds',
    (_, field) => {
      expect(field.default).toBeGreaterThanOrEqual(field.min);
      expect(field.default).toBeLessThanOrEqual(field.max);
    },
  );

  test.each(all.flatMap(({ path, field }) => (field.kind === 'enum' ? [[path, field] as const] : [])))(
    '%s has its default among its values',
    (_, field) => {
      if (field.default !== undefined) expect(field.values).toContain(field.default);
      expect(new Set(field.values).size).toBe(field.values.length);
    },
  );
});
