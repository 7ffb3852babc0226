// Rules between the settings of `quotas` and others: what has no effect, and what could not work. See
// finding.ts for what a finding is.

import { type Finding, warning } from './finding.ts';
import { groupProblem, unknownGroup } from './group-relations.ts';
import { formatQuantity } from './schema/units.ts';
import { type Config, settings } from './settings.ts';

type Quotas = Config['quotas'];
type Device = Quotas['devices'][number];

const fields = settings.fields.quotas.fields;
const deviceFields = fields.devices.item.fields;
const sampleKeys = ['sample', 'sampleOneIn', 'sampleEveryMs'] as const;

export function quotaRelations(config: Config): Finding[] {
  const { quotas, access, mqtt } = config;
  return [
    ...quotas.devices.flatMap((device, index) => [
      ...groupProblem(`quotas.devices.${index}.groups`, device.groups, access),
      ...sampleFindings(`quotas.devices.${index}`, device),
    ]),
    ...Object.keys(quotas.groups).flatMap((name) => unknownGroup(`quotas.groups.${name}`, name, access)),
    ...catchAllFindings(quotas),
    ...bucketsOf(config).flatMap((bucket) => [...burstFindings(bucket), ...budgetFindings(bucket, mqtt)]),
    ...tableFindings(config),
    ...pendingFindings(quotas),
  ];
}

function catchAllFindings({ devices }: Quotas): Finding[] {
  const index = devices.findIndex(({ clients, users, groups }) =>
    [clients, users, groups].every((names) => names.some((name) => /^\*+$/.test(name))),
  );
  if (index < 0 || index === devices.length - 1) return [];
  return [
    warning([`quotas.devices.${index}`], {
      message: 'matches every client, so that the entries after it are never used',
      hint: 'Move it to the end.',
    }),
  ];
}

function sampleFindings(path: string, device: Device): Finding[] {
  if (device.over === 'sample') return [];
  return sampleKeys
    .filter((key) => device[key] !== deviceFields[key].default)
    .map((key) =>
      warning([`${path}.${key}`, `${path}.over`], {
        message: `has no effect: over is ${device.over}`,
        hint: 'Set over: sample, or leave it out.',
      }),
    );
}

/** What is limited together: one device of an entry, a group, the gateway. */
interface Bucket {
  readonly path: string;
  readonly limits: Pick<Quotas['gateway'], keyof Quotas['gateway']> & { readonly storedBytesMax?: number };
  /** Of its messages; 0: as mqtt.packetBytesMax says. */
  readonly packetBytesMax: number;
}

function bucketsOf({ quotas }: Config): Bucket[] {
  return [
    ...quotas.devices.map((limits, index) => {
      return { path: `quotas.devices.${index}`, limits, packetBytesMax: limits.packetBytesMax };
    }),
    ...Object.entries(quotas.groups).map(([name, limits]) => {
      return { path: `quotas.groups.${name}`, limits, packetBytesMax: 0 };
    }),
    { path: 'quotas.gateway', limits: quotas.gateway, packetBytesMax: 0 },
  ];
}

function burstFindings({ path, limits }: Bucket): Finding[] {
  const pairs = [
    ['messagesBurst', 'messagesPerS'],
    ['bytesBurst', 'bytesPerS'],
  ] as const;
  return pairs
    .filter(([burst, rate]) => limits[burst] > 0 && limits[rate] === 0)
    .map(([burst, rate]) =>
      warning([`${path}.${burst}`, `${path}.${rate}`], {
        message: `has no effect: ${rate} is 0, which is no limit`,
        hint: `Set ${rate} as well, or leave it out.`,
      }),
    );
}

/** One message larger than a whole budget passes when nothing else counts towards it: else it would wait for ever. */
function budgetFindings({ path, limits, packetBytesMax }: Bucket, mqtt: Config['mqtt']): Finding[] {
  const isOwn = packetBytesMax > 0 && packetBytesMax < mqtt.packetBytesMax;
  const largest = isOwn ? packetBytesMax : mqtt.packetBytesMax;
  const [setting, settingPath] = isOwn
    ? ['packetBytesMax', `${path}.packetBytesMax`]
    : ['mqtt.packetBytesMax', 'mqtt.packetBytesMax'];
  return (['storedBytesMax', 'dailyBytesMax'] as const).flatMap((key) => {
    const budget = limits[key] ?? 0;
    if (budget === 0 || budget >= largest) return [];
    const [size, most] = [budget, largest].map((count) => formatQuantity('bytes', count));
    return [
      warning([`${path}.${key}`, settingPath, `${path}.packetBytesMax`], {
        message: `${size} is less than ${setting}, ${most}: one large message is more than all of it`,
        hint: `Raise it to ${most} at least, or lower ${setting}.`,
      }),
    ];
  });
}

function tableFindings({ quotas: { devicesMax }, listeners }: Config): Finding[] {
  const connections = listeners.reduce((sum, { maxConnections }) => sum + maxConnections, 0);
  if (devicesMax === fields.devicesMax.default || devicesMax >= connections) return [];
  return [
    warning(['quotas.devicesMax', ...listeners.map((_, index) => `listeners.${index}.maxConnections`)], {
      message: `${devicesMax} is less than the ${connections} connections that the listeners take together`,
      hint: `Raise it to ${connections}: devices that find no room in the table share one quota.`,
    }),
  ];
}

function pendingFindings({ connections: { pendingMax, pendingPerAddressMax } }: Quotas): Finding[] {
  if (pendingPerAddressMax <= pendingMax) return [];
  return [
    warning(['quotas.connections.pendingPerAddressMax', 'quotas.connections.pendingMax'], {
      message: `${pendingPerAddressMax} is more than pendingMax, ${pendingMax}: one address can take all of them`,
      hint: 'Lower it below pendingMax.',
    }),
  ];
}
