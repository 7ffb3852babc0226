// A group of devices that are alike, and clients that mean no good, as a scenario declares them.

import { minutes, seconds } from '../../config/limits.ts';
import { bool, bytes, duration, int, list, object, oneOf, string, union } from '../../config/schema/field.ts';
import { payloadSettings } from '../payload/payload-settings.ts';
import { profileSettings } from '../profile/profile-settings.ts';
import { COUNT, DURATION } from './scenario-bounds.ts';

const tls = object('For mqtts and wss.', {
  ca: string('File with the authorities to trust; empty: those of the system.', { default: '' }),
  cert: string('File with the certificate of the devices.', { default: '' }),
  key: string('File with its key.', { default: '' }),
  verify: bool('Refuse a gateway whose certificate is not trusted.', { default: true }),
});

const template = 'text with {index}, {group} or {client} (topics only)';

export const group = object('Devices that are alike.', {
  devices: int('How many.', { min: 1, max: 100_000 }),
  driver: oneOf('faithful: the mqtt package; lean: raw sockets, for load.', {
    values: ['faithful', 'lean'],
    default: 'faithful',
  }),
  clientId: string('Client identifier.', { default: '{group}-{index}', form: template, lengthMax: 256 }),
  topic: string('Where they publish.', { default: 'sim/{group}/{client}', form: template, lengthMax: 1024 }),
  qos: oneOf('Quality of service.', { values: [0, 1, 2], default: 1 }),
  retain: bool('Publish with the retain flag.', { default: false }),
  version: oneOf('MQTT version.', { values: ['3.1.1', '5'], default: '5' }),
  session: oneOf('Whether the session outlives its connection.', {
    values: ['persistent', 'clean'],
    default: 'persistent',
  }),
  sessionExpiry: duration('How long, MQTT 5.', { ...DURATION, default: 60 * minutes }),
  keepAlive: duration('MQTT keep-alive.', { min: 0, max: 65_535 * seconds, default: 60 * seconds }),
  username: string('User name; {index} and {client} are replaced.', { default: '' }),
  password: string('Password.', { default: '', secret: true }),
  tls,
  window: int('Unacknowledged messages under way.', { min: 1, max: 10_000, default: 20 }),
  store: int('Readings that a device keeps while it cannot send; more are skipped.', {
    ...COUNT,
    max: 10_000_000,
    default: 100,
  }),
  startWithin: duration('They connect spread over that time.', { ...DURATION, default: 1 * seconds }),
  reconnectMin: duration('Shortest wait before connecting again.', { ...DURATION, min: 1, default: 500 }),
  reconnectMax: duration('Longest wait.', { ...DURATION, min: 1, default: 5 * seconds }),
  clockSkew: duration('How far ahead the devices believe to be, in their payloads.', {
    ...DURATION,
    default: 0,
  }),
  profile: profileSettings,
  payload: payloadSettings,
});

const clients = int('How many.', { min: 1, max: 100_000, default: 1 });
const phases = list('Phases in which they are there; none: all.', {
  item: string('Name of a phase.'),
  default: [],
  lengthMax: 1000,
});

export const mischief = union('Clients that mean no good. What they send is not part of the account.', {
  'half-open': object('Connect by TCP and say nothing, or half a CONNECT.', { clients, phases }),
  'slow-reader': object('Subscribe and do not read.', {
    clients,
    phases,
    filter: string('What to.', { default: '#' }),
  }),
  malformed: object('Send malformed packets.', { clients, phases }),
  oversize: object('Publish messages that are too large.', {
    clients,
    phases,
    size: bytes('Of the payload.', { min: 1, max: 256 * 1024 * 1024, default: 2 * 1024 * 1024 }),
  }),
  'wrong-credentials': object('Try passwords.', { clients, phases }),
});
