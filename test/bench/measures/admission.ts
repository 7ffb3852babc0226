// Admission: what it costs to ask who may speak and how much. The same load on two gateways that take turns: one
// that lets anybody in, and one with users, rules, and every quota there is - none of which is ever reached.

import { join } from 'node:path';
import { type BenchContext, inTurns, type Measure, type Measurement } from '../bench-context.ts';
import type { PublishResult } from '../load.ts';
import { addUser, gatewayServer } from '../servers.ts';
import { figureOf } from '../statistics.ts';

const SHAPES = [
  { connections: 50, window: 20 },
  { connections: 500, window: 20 },
];
const WARM_UP_S = 1;
const RATE_RATIO_MIN = 0.9;
const LOGIN = { user: 'plant', password: 'bench' };

const ALL = {
  messagesPerS: 10_000_000,
  messagesBurst: 1_000_000,
  bytesPerS: '1GiB',
  bytesBurst: '1GiB',
  dailyBytesMax: '1TiB',
};
const quotas = {
  devices: [
    { ...ALL, storedBytesMax: '64GiB', topicsMax: 100, subscriptionsMax: 100, packetBytesMax: '1MiB' },
  ],
  groups: { devices: { ...ALL, storedBytesMax: '64GiB', connectionsMax: 10_000 } },
  gateway: ALL,
};
const rules = [
  { publish: ['status/{client}', 'status/{user}/#'], subscribe: ['commands/{client}/#'] },
  { groups: ['devices'], publish: ['alarms/{group}/#', 'telemetry/+/data'] },
];

export const admission: Measure = {
  name: 'admission',
  async run(context) {
    const measurement: Measurement = { figures: [], rounds: [], notes: [NOTE] };
    for (const shape of SHAPES) {
      const name = `${shape.connections} x ${shape.window}`;
      const rounds = await inTurns(context, `admission ${name}`, [
        () => measureGuarded(context, shape),
        () => measureOpen(context, shape),
      ]);
      measurement.figures.push(
        figureOf({
          what: `ingest ${name}, users, rules and quotas (against none)`,
          unit: 'msg/s',
          sluice: rounds.map(([guarded]) => guarded.msgs_per_s),
          mosquitto: rounds.map(([, open]) => open.msgs_per_s),
          target: { of: 'ratio', is: 'at-least', value: RATE_RATIO_MIN },
        }),
        figureOf({
          what: `CPU ${name}, the same`,
          unit: 'ms/1000 msg',
          sluice: rounds.map(([guarded]) => guarded.srv!.cpu_ms_per_1k),
          mosquitto: rounds.map(([, open]) => open.srv!.cpu_ms_per_1k),
        }),
      );
      measurement.rounds = [...measurement.rounds, { shape, rounds }];
    }
    return measurement;
  },
};

const NOTE =
  'Admission: no mosquitto; in its column is the gateway that lets anybody in. The other one has a user, two rules ' +
  'with placeholders, and all quotas of device, group and gateway, stored bytes among them, too high to be met.';

type Shape = (typeof SHAPES)[number];
type Load = Shape & Partial<typeof LOGIN>;

async function measureGuarded(context: BenchContext, shape: Shape): Promise<PublishResult> {
  const directory = context.children.directory('users');
  const usersFile = join(directory, 'users');
  addUser(usersFile, LOGIN.user, LOGIN.password);
  const groups = { devices: { users: [LOGIN.user] } };
  const failures = { delayMs: 0, delayMaxMs: 0 }; // who asks whether it has started has no password
  const access = { usersFile, groups, rules, failures };
  try {
    return await measure(context, { ...shape, ...LOGIN }, { access, quotas });
  } finally {
    context.children.removeDirectory(directory);
  }
}

function measureOpen(context: BenchContext, shape: Shape): Promise<PublishResult> {
  return measure(context, shape, {});
}

async function measure(context: BenchContext, load: Load, settings: object): Promise<PublishResult> {
  await using server = await gatewayServer(context, undefined, settings);
  await server.start();
  return await context.load.publish({
    ...load,
    port: server.port,
    seconds: WARM_UP_S + context.options.seconds,
    warmUpSeconds: WARM_UP_S,
    serverPid: server.pid,
  });
}
