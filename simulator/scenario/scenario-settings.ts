// A scenario file as one declaration: the source of its type, defaults, problems and JSON Schema.

import { minutes, seconds } from '../../config/limits.ts';
import {
  decimal,
  duration,
  type Infer,
  int,
  list,
  map,
  object,
  oneOf,
  string,
  union,
  url,
} from '../../config/schema/field.ts';
import { fault } from './fault-settings.ts';
import { group, mischief } from './group-settings.ts';
import { COUNT, DURATION } from './scenario-bounds.ts';

const NAME = { pattern: '[a-z0-9-]{1,40}', form: '1 to 40 of the characters a-z 0-9 -' };
const BROKERS = { schemes: ['mqtt', 'mqtts', 'ws', 'wss'] };

const upstreamFilter = string('What the receiver subscribes to upstream.', { default: '#' });

export const systemSettings = union('What is under test, and who starts it.', {
  external: object('A gateway and an upstream broker that run already.', {
    gateway: url('Where devices connect.', BROKERS),
    upstream: url('Where its messages arrive; empty: nothing is verified.', { ...BROKERS, default: '' }),
    upstreamFilter,
    upstreamUsername: string('User name of the receiver there.', { default: '' }),
    upstreamPassword: string('Its password.', { default: '', secret: true }),
  }),
  sluice: object('A Sluice gateway, started for the run with data of its own.', {
    settings: string('Settings of the gateway, YAML, over its defaults.', {
      default: '',
      multiline: true,
      lengthMax: 100_000,
    }),
    sink: string('Settings of its sink, YAML, over its defaults.', {
      default: '',
      multiline: true,
      lengthMax: 100_000,
    }),
    upstream: oneOf('Broker that stands in for the cloud; auto: mosquitto where it is installed.', {
      values: ['auto', 'mosquitto', 'embedded'],
      default: 'auto',
    }),
    upstreamFilter,
    disk: oneOf('Where its data lies; tmpfs: a small file system of its own (needs root).', {
      values: ['directory', 'tmpfs', 'power-cut'],
      default: 'directory',
    }),
  }),
  'mosquitto-bridge': object('A mosquitto that bridges to another mosquitto, with durable settings.', {
    settings: string('Further lines of the bridging mosquitto.conf.', {
      default: '',
      multiline: true,
      lengthMax: 100_000,
    }),
    autosaveInterval: duration('How often it saves its messages.', { ...DURATION, default: 1 * seconds }),
    upstreamFilter,
  }),
});

const phase = object('A stretch of time.', {
  name: string('Name of the phase.', NAME),
  for: duration('How long.', { ...DURATION, min: 1 }),
  rate: decimal('Devices speak so many times as fast as their profile says.', {
    min: 0,
    max: 10_000,
    default: 1,
  }),
  faults: list('What goes wrong meanwhile.', { item: fault, default: [], lengthMax: 100 }),
});

const limitOf = (help: string) => duration(`${help}; 0: not judged.`, { ...DURATION, default: 0 });
const countOf = (help: string, value: number) =>
  int(`${help}; -1: not judged.`, { ...COUNT, min: -1, default: value });

const undisturbed = object('A group that must not feel what happens to others.', {
  group: string('Name of the group.', NAME),
  quiet: string('Phase in which nothing happens to anybody.', NAME),
  during: string('Phase in which it does.', NAME),
  p99AckTimes: decimal(
    '99th percentile of its acknowledgements, at most so many times the quiet one; 0: not judged.',
    {
      min: 0,
      max: 1000,
      default: 2,
    },
  ),
  rateShare: decimal('Acknowledged a second, at least this share of the quiet rate; 0: not judged.', {
    min: 0,
    max: 1,
    default: 0.99,
  }),
});

const verdict = object('What must be so at the end.', {
  loss: countOf('Acknowledged messages that did not arrive', 0),
  lossQos0: countOf('Messages of QoS 0 that did not arrive', -1),
  reorder: countOf('Messages that arrived after a later one of their device', 0),
  duplicates: countOf('Messages that arrived again under another name, or without names', -1),
  namesReused: countOf('Names given to two messages', 0),
  damaged: countOf('Upstream messages that could not be read', 0),
  refused: countOf('Messages that were refused', -1),
  unacked: countOf('Messages that were sent and not answered at the end', 0),
  skipped: countOf('Readings that devices could not send', -1),
  unsent: countOf('Readings that were due and had not been sent by the end', 0),
  p99Ack: limitOf('99th percentile from publish to acknowledgement'),
  p99EndToEnd: limitOf('99th percentile from publish to arrival'),
  p99Live: limitOf('99th percentile from publish to arrival of what is sent while a backlog drains'),
  drain: limitOf('From the end of the last fault of the link until the backlog has arrived'),
  delivered: countOf('At least so many messages must arrive', 1),
  undisturbed: list('Who must not feel what.', { item: undisturbed, default: [], lengthMax: 20 }),
});

export const scenarioSettings = object('A scenario.', {
  name: string('Name of the scenario.', NAME),
  why: string('What it is for, a line.', { lengthMax: 200 }),
  seed: int('The same seed gives the same devices, steps and values.', {
    min: 0,
    max: 2 ** 32 - 1,
    default: 1,
  }),
  run: string('Mark of the run in every payload; empty: random. Set it, and startTime, for the same bytes.', {
    default: '',
    pattern: '[a-z0-9]{1,12}',
    form: '1 to 12 of the characters a-z 0-9',
  }),
  startTime: string('Time in the payloads when the run starts; empty: now.', {
    default: '',
    form: 'a time such as 2026-01-01T00:00:00Z',
    check: (text) => (text === '' || !Number.isNaN(Date.parse(text)) ? undefined : 'is no time'),
  }),
  sampleEvery: duration('How often figures are taken.', { min: 100, max: 1 * minutes, default: 1 * seconds }),
  system: systemSettings,
  groups: map('Devices.', {
    item: group,
    entry: 'name',
    ...NAME,
    entriesMax: 100,
  }),
  mischief: list('Clients that mean no good.', { item: mischief, default: [], lengthMax: 100 }),
  timeline: list('Phases, one after the other.', { item: phase, lengthMin: 1, lengthMax: 1000 }),
  settleWithin: duration('How long to wait at the end for what is still owed.', {
    ...DURATION,
    default: 1 * minutes,
  }),
  verdict,
});

export type Scenario = Infer<typeof scenarioSettings>;
export type Group = Scenario['groups'][string];
export type Phase = Scenario['timeline'][number];
export type FaultSettings = Phase['faults'][number];
export type Mischief = Scenario['mischief'][number];
export type Verdict = Scenario['verdict'];
export type System = Scenario['system'];
