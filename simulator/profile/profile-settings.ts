// Declares when a device speaks: a union by `type`. All times are the device's own, from its start, which a phase
// of the scenario may make pass faster or slower. Rules between settings are in profile-problems.ts.

import { days, hours, minutes, seconds } from '../../config/limits.ts';
import {
  bool,
  decimal,
  duration,
  type Infer,
  int,
  object,
  oneOf,
  rate,
  string,
  union,
} from '../../config/schema/field.ts';
import { recordingColumns } from '../payload/recording-settings.ts';

/** One message in twelve days is as slow, one in 10 us as fast as a device gets. */
const rateRange = { min: 0.000001, max: 100_000 };
const spanMs = { min: 1, max: 3650 * days };
const MESSAGES_MAX = 100_000;

const every = (help: string, value: number) => duration(help, { ...spanMs, default: value });
const messages = (value: number) => int('Messages each time.', { min: 1, max: MESSAGES_MAX, default: value });
const phase = oneOf('Whether devices begin spread over the first period, or all together.', {
  values: ['spread', 'together'],
  default: 'spread',
});

export const profileSettings = union('When a device speaks.', {
  fixed: object('At a steady rate.', {
    rate: rate('Messages of one device.', { ...rateRange, default: 1 }),
    arrivals: oneOf('regular keeps a beat; poisson lets chance decide, with that rate as the mean.', {
      values: ['regular', 'poisson'],
      default: 'regular',
    }),
    jitter: decimal('Share of the period by which pauses of a regular beat may be longer or shorter.', {
      min: 0,
      max: 1,
      default: 0,
    }),
    phase,
  }),
  flood: object('As fast as acknowledgements come, for load.', {}),
  'on-change': object('When a value has moved by more than its deadband.', {
    every: every('Time between two readings.', 1 * seconds),
    unchangedMax: int('Readings without a change after which it speaks all the same.', {
      min: 1,
      max: 10_000,
      default: 600,
    }),
    phase,
  }),
  burst: object('Many messages at once, then silence.', {
    every: every('Time between the beginnings of two bursts.', 1 * minutes),
    messages: messages(100),
    spacing: duration('Time between two messages of a burst.', { min: 0, max: 1 * hours, default: 0 }),
    phase,
  }),
  diurnal: object('At random, more by day than by night.', {
    rate: rate('Mean of one device.', { ...rateRange, default: 1 }),
    swing: decimal('Share of the mean by which the rate rises and falls.', { min: 0, max: 1, default: 0.8 }),
    period: duration('Length of a day.', { ...spanMs, default: 1 * days }),
    peakAt: duration('When in the day, which begins with the device, the rate is highest.', {
      min: 0,
      max: 3650 * days,
      default: 12 * hours,
    }),
  }),
  'duty-cycle': object('Wakes up, connects, sends, and sleeps again.', {
    every: every('Time between two awakenings.', 1 * minutes),
    messages: messages(1),
    awake: duration('Time from connecting to disconnecting, over which messages are spread.', {
      ...spanMs,
      default: 2 * seconds,
    }),
    phase,
  }),
  'store-and-flush': object('Keeps its readings and sends them now and then.', {
    every: every('Time between two readings.', 1 * seconds),
    flushEvery: every('Time between two transfers.', 1 * minutes),
    stayConnected: bool('Stay connected between transfers.', { default: false }),
    awake: duration('Time from connecting for a transfer to disconnecting.', {
      ...spanMs,
      default: 5 * seconds,
    }),
    phase,
  }),
  replay: object('At the times of a recorded file.', {
    ...recordingColumns,
    timeColumn: string('Column or key that holds the time.', { default: 't', lengthMax: 256 }),
    timeUnit: oneOf('Unit of a time that is a number; text is read as ISO 8601, without a zone as UTC.', {
      values: ['ms', 's'],
      default: 'ms',
    }),
    speed: decimal('How many times as fast as it was recorded.', { min: 0.001, max: 1e9, default: 1 }),
    start: oneOf('recorded keeps the time from the first record of the file; together begins at once.', {
      values: ['recorded', 'together'],
      default: 'recorded',
    }),
    repeat: bool('Begin again at the end.', { default: false }),
  }),
});

export type ProfileSettings = Infer<typeof profileSettings>;
export type ProfileSettingsOf<T extends ProfileSettings['type']> = Extract<ProfileSettings, { type: T }>;
