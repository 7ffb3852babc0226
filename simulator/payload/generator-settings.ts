// Declares what a field of a payload can be: a union by `type`, and the map of fields that most formats have. Rules
// between settings are in payload-problems.ts.

import { days, hours, seconds } from '../../config/limits.ts';
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
} from '../../config/schema/field.ts';

const numberRange = { min: -1e12, max: 1e12 };
const spanMs = { min: 1, max: 3650 * days };
export const FIELDS_MAX = 64;

const unit = string('Unit, for the formats that carry one (SenML: u, Sparkplug: engUnit).', {
  default: '',
  lengthMax: 16,
});
const decimals = int('Digits after the point.', { min: 0, max: 9, default: 2 });
const deadband = decimal('By how much it must move to count as changed (profile on-change).', {
  min: 0,
  max: 1e12,
  default: 0,
});
const numeric = { decimals, unit, deadband };
const min = decimal('Smallest value.', { ...numberRange, default: 0 });
const max = decimal('Largest value.', { ...numberRange, default: 100 });

const generator = union('What a field measures.', {
  walk: object('A random walk between two limits, as temperatures and pressures do.', {
    min,
    max,
    step: decimal('Largest change between two readings.', { min: 0, max: 1e12, default: 1 }),
    ...numeric,
  }),
  sine: object('A sine wave with noise; every device begins somewhere else on it.', {
    min,
    max,
    period: duration('Time of one wave.', { ...spanMs, default: 60 * seconds }),
    noise: decimal('Largest random deviation from the wave.', { min: 0, max: 1e12, default: 0 }),
    ...numeric,
  }),
  step: object('Stays at a level, then jumps to the next.', {
    values: list('Levels, taken in turn; without any, levels are drawn between min and max.', {
      item: decimal('A level.', numberRange),
      default: [],
      lengthMax: 256,
    }),
    min,
    max,
    every: duration('Time at one level.', { ...spanMs, default: 60 * seconds }),
    ...numeric,
  }),
  enum: object('One of several words, as the state of a machine.', {
    values: list('The words.', { item: string('A word.', { lengthMax: 256 }), lengthMin: 1, lengthMax: 256 }),
    weights: list('How often each is drawn, as shares of their sum; empty means all alike.', {
      item: decimal('A share.', { min: 0, max: 1e6 }),
      default: [],
      lengthMax: 256,
    }),
    stay: decimal('Probability of keeping the word from one reading to the next.', {
      min: 0,
      max: 1,
      default: 0.9,
    }),
    unit,
  }),
  counter: object('Counts up with every reading.', {
    start: int('First value.', { min: -1e12, max: 1e12, default: 0 }),
    step: int('Added with every reading.', { min: -1e6, max: 1e6, default: 1 }),
    unit,
  }),
  gaussian: object('Drawn anew each time from a normal distribution.', {
    mean: decimal('Mean.', { ...numberRange, default: 0 }),
    deviation: decimal('Standard deviation.', { min: 0, max: 1e12, default: 1 }),
    ...numeric,
  }),
  gps: object('A position that moves on a smoothly turning track: two numbers, lat and lon.', {
    lat: decimal('Latitude of the middle of where devices start, in degrees.', {
      min: -85,
      max: 85,
      default: 52.52,
    }),
    lon: decimal('Longitude of it, in degrees.', { min: -180, max: 180, default: 13.405 }),
    spread: decimal('How far from there a device may start, in metres.', { min: 0, max: 1e6, default: 5000 }),
    speed: decimal('Mean speed in metres per second.', { min: 0, max: 1000, default: 10 }),
    deadband: decimal('How far it must move to count as changed, in metres.', {
      min: 0,
      max: 1e6,
      default: 0,
    }),
  }),
  battery: object('A charge that drains and is filled again; every device begins somewhere else.', {
    capacity: decimal('Value when full.', { min: 0, max: 1e12, default: 100 }),
    lasts: duration('Time from full to empty.', { ...spanMs, default: 1 * days }),
    charges: duration('Time from empty to full.', { ...spanMs, default: 2 * hours }),
    rechargeAt: decimal('Share of the capacity at which charging begins.', {
      min: 0,
      max: 0.99,
      default: 0.2,
    }),
    ...numeric,
  }),
  constant: object('Always the same number.', { value: decimal('The number.', numberRange), unit }),
  text: object('Always the same text.', { value: string('The text.', { lengthMax: 4096 }), unit }),
});

export type GeneratorSettings = Infer<typeof generator>;
export type SettingsOf<T extends GeneratorSettings['type']> = Extract<GeneratorSettings, { type: T }>;

/** What every format or template has by itself, and no field may be named. */
export const ownNames = ['mark', 'time', 'timeIso', 'seq', 'clientId', 'device'] as const;

export const fields = map('What is measured, by name.', {
  item: generator,
  entry: 'field',
  pattern: `(?!(?:${ownNames.join('|')})$)[A-Za-z][A-Za-z0-9_-]{0,63}`,
  form: `a letter and then at most 63 of A-Z a-z 0-9 _ -, but none of ${ownNames.join(', ')}`,
  entriesMax: FIELDS_MAX,
});

export type FieldSettings = Infer<typeof fields>;

export const timeForm = oneOf('The time of the reading: ms since 1970, text of ISO 8601, or not at all.', {
  values: ['ms', 'iso', 'none'],
  default: 'ms',
});
