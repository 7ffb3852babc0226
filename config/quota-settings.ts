// Settings of `quotas`: how much a device, a group and the gateway as a whole may take in, and what happens
// above that. 0 is no limit throughout. Of `devices` the first entry that matches a client holds, and it
// alone: the entries go from the special to the general, and a client that none matches has the defaults of
// an entry.

import { KiB, limits } from './limits.ts';
import { bytes, duration, type Infer, int, list, map, object, oneOf, rate, string } from './schema/field.ts';
import { readSettings } from './schema/reader.ts';

const messagesPerS = rate('Messages a second (10/s, 5/m); 0 is no limit.', {
  ...limits.messageRatePerS,
  default: 0,
});
const messagesBurst = int('Messages at once after a silence; 0 is a second of messagesPerS.', {
  ...limits.burstMessages,
  default: 0,
});
const bytesPerS = bytes('Bytes of messages a second, as they come over the wire; 0 is no limit.', {
  ...limits.byteRatePerS,
  default: 0,
});
const bytesBurst = bytes('Bytes at once after a silence; 0 is a second of bytesPerS.', {
  ...limits.burstBytes,
  default: 0,
});
const storedBytesMax = bytes('Bytes of messages that wait in the buffer; 0 is no limit.', {
  ...limits.quotaBytes,
  default: 0,
});
const dailyBytesMax = bytes('Bytes of messages from midnight to midnight UTC; 0 is no limit.', {
  ...limits.quotaBytes,
  default: 0,
});
const connectionsMax = int('Connections at a time; 0 is no limit.', { ...limits.quotaCount, default: 0 });

const names = (help: string) =>
  list(help, {
    item: string('A name, or a pattern with *.', { lengthMax: 256, form: 'a name, or a pattern with *' }),
    default: ['*'],
    lengthMax: limits.namesMax,
  });

const device = object('What each client may take that matches all three lists.', {
  clients: names('Client ids.'),
  users: names('User names; "" is a client without one.'),
  groups: names('Names of groups.'),
  messagesPerS,
  messagesBurst,
  bytesPerS,
  bytesBurst,
  storedBytesMax,
  dailyBytesMax,
  topicsMax: int('Different topics it may publish to; 0 is no limit.', {
    ...limits.quotaCount,
    default: 10_000,
  }),
  subscriptionsMax: int('Subscriptions; 0 is mqtt.subscriptionsMax.', { ...limits.quotaCount, default: 0 }),
  packetBytesMax: bytes('Largest message; 0 is mqtt.packetBytesMax.', { ...limits.quotaBytes, default: 0 }),
  over: oneOf(
    'Above a rate: delay (read less), refuse, drop-qos0 (and delay the rest), sample (keep a part).',
    {
      values: ['delay', 'refuse', 'drop-qos0', 'sample'],
      default: 'delay',
    },
  ),
  refuseMqtt3: oneOf('MQTT 3 has no refusal: acknowledge and drop, or disconnect.', {
    values: ['drop', 'disconnect'],
    default: 'drop',
  }),
  sample: oneOf('Which part is kept: every so-many-th, or the latest of each topic, so often.', {
    values: ['one-in', 'latest'],
    default: 'one-in',
  }),
  sampleOneIn: int('Of so many above the rate one is kept.', { ...limits.sampleOneIn, default: 10 }),
  sampleEveryMs: duration('How often the latest of a topic is kept.', {
    ...limits.sampleEveryMs,
    default: 1000,
  }),
});

/** What holds for a client that no entry matches. */
export const deviceDefaults = readSettings(device, undefined).value as Infer<typeof device>;

const total = object('What all its members take together.', {
  messagesPerS,
  messagesBurst,
  bytesPerS,
  bytesBurst,
  storedBytesMax,
  dailyBytesMax,
  connectionsMax,
});

export const quotas = object(
  'How much may come in; above a limit devices feel a slower network, by default.',
  {
    devices: list(
      'For each device: the first entry that matches, or the defaults of an entry if none does.',
      {
        item: device,
        default: [],
        lengthMax: limits.quotaRulesMax,
      },
    ),
    groups: map('For the members of a group together: devices wait, each gets its share.', {
      item: total,
      entry: 'name',
      pattern: '[A-Za-z0-9._-]{1,64}',
      form: '1 to 64 of the characters A-Z a-z 0-9 . _ -',
      entriesMax: limits.groupsMax,
    }),
    gateway: object('For all devices together: they wait, each gets its share.', {
      messagesPerS,
      messagesBurst,
      bytesPerS,
      bytesBurst,
      dailyBytesMax,
    }),
    connections: object('How many may connect.', {
      perUserMax: int('Connections of one user at a time; 0 is no limit.', {
        ...limits.quotaCount,
        default: 0,
      }),
      perAddressMax: int('Connections from one address at a time; 0 is no limit.', {
        ...limits.quotaCount,
        default: 0,
      }),
      newPerAddressPerS: rate('New connections from one address a second; 0 is no limit.', {
        ...limits.messageRatePerS,
        default: 0,
      }),
      pendingMax: int('Connections that are not signed in yet.', {
        ...limits.pendingConnections,
        default: 2000,
      }),
      pendingPerAddressMax: int('The same from one address; more are closed at once.', {
        ...limits.pendingConnections,
        default: 1000,
      }),
    }),
    heldBytesMax: bytes('Bytes of a device that waits for its quota which are read, to answer its pings.', {
      ...limits.heldBytes,
      default: 64 * KiB,
    }),
    devicesMax: int('Devices whose use is remembered; those known longest are forgotten last.', {
      ...limits.devices,
      default: 50_000,
    }),
  },
);
