// What a phase of a scenario may do to the system: declared as settings, carried out by runner/. Every fault
// begins `after` so much of its phase and lasts `for` so long, or to the phase's end; what happens in an instant
// happens `times` times, `every` so often.

import { seconds } from '../../config/limits.ts';
import { bool, bytes, duration, int, list, object, string, union } from '../../config/schema/field.ts';
import { parseDataRate } from '../faults/data-rate.ts';
import { DURATION } from './scenario-bounds.ts';

const span = {
  after: duration('When it begins, from the start of the phase.', { ...DURATION, default: 0 }),
  for: duration('How long it lasts; 0: to the end of the phase.', { ...DURATION, default: 0 }),
};

const repeated = {
  after: duration('When it first happens, from the start of the phase.', { ...DURATION, default: 0 }),
  times: int('How often.', { min: 1, max: 100_000, default: 1 }),
  every: duration('From one time to the next.', { ...DURATION, default: 1 * seconds }),
};

const groups = list('Groups of devices that it happens to; none: all.', {
  item: string('Name of a group.'),
  default: [],
  lengthMax: 100,
});

const down = duration('How long it stays away.', { ...DURATION, default: 0 });

export const fault = union('Harm done to the system.', {
  'link-cut': object('The upstream link is cut and refuses connections.', span),
  'link-slow': object('The upstream link is thin and long, for all connections together.', {
    ...span,
    bandwidth: string('Each way; empty: no limit.', {
      default: '',
      form: 'a rate such as 50kbit/s or 1Mbit/s',
      check: (text) => (text !== '' && parseDataRate(text) === undefined ? 'is no bandwidth' : undefined),
    }),
    latency: duration('Added each way.', { ...DURATION, default: 0 }),
    jitter: duration('Most that latency varies by.', { ...DURATION, default: 0 }),
  }),
  'link-blackhole': object('What is sent upstream disappears, and nothing comes back.', span),
  'link-deaf': object('Upstream takes connections and messages, and never answers.', span),
  'link-freeze': object('Nothing moves on the upstream link, and goes on later.', span),
  'link-reset': object('The connections of the upstream link are reset.', repeated),
  'gateway-kill': object('The gateway is killed (kill -9) and started again.', { ...repeated, down }),
  'gateway-stop': object('The gateway is stopped in order and started again.', { ...repeated, down }),
  'power-cut': object('The machine loses power: only what was synced is on the disk.', { ...repeated, down }),
  'disk-full': object('The disk fills up.', {
    ...span,
    free: bytes('What is left.', { min: 0, max: 2 ** 31, default: 0 }),
  }),
  'reconnect-storm': object('Devices lose their connections, all at once, and come back.', {
    ...repeated,
    groups,
  }),
  rate: object('Devices speak faster or slower, on top of the phase.', {
    ...span,
    groups,
    percent: int('Of their own rate.', { min: 0, max: 1_000_000, default: 100 }),
  }),
  silence: object('Nobody says anything.', {
    ...span,
    disconnect: bool('And nobody is connected.', { default: false }),
  }),
});
