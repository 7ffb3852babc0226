// The scenario of a command line without a file: so many alike devices at a rate for a while, against a gateway
// that runs.

import { type LoadedScenario, parseScenario } from './load-scenario.ts';

/** What is wrong is told of the option, for there is no file. */
const OPTIONS: Readonly<Record<string, string>> = {
  'groups.device.devices': '--devices',
  'groups.device.profile.rate': '--rate',
  'timeline.0.for': '--for',
  'system.gateway': '--to',
  'system.upstream': '--verify',
  'groups.device.qos': '--qos',
  'groups.device.payload.size': '--size',
  'groups.device.window': '--window',
  seed: '--seed',
};

const WHY_MAX = 200;

/** As written on the command line. */
export interface QuickOptions {
  devices: string;
  /** `2/s`, or `max`: as fast as acknowledgements come. */
  rate: string;
  for: string;
  /** Of the gateway. */
  to: string;
  /** Where the messages arrive; without it nothing is verified. */
  verify?: string;
  username?: string;
  password?: string;
  verifyUsername?: string;
  verifyPassword?: string;
  qos: string;
  size: string;
  window: string;
  lean?: boolean;
  seed: string;
}

export function quickScenario(options: QuickOptions): LoadedScenario {
  const { devices, rate, to, verify, qos, size, window, lean = false, seed } = options;
  const { username = '', password = '', verifyUsername = '', verifyPassword = '' } = options;
  const upstream = { upstreamUsername: verifyUsername, upstreamPassword: verifyPassword };
  const raw = {
    name: 'quick',
    why: `${devices} devices, ${rate}, for ${options.for}`.slice(0, WHY_MAX),
    seed: numberOr(seed),
    system: {
      type: 'external',
      gateway: to,
      ...(verify === undefined ? {} : { upstream: verify, ...upstream }),
    },
    groups: {
      device: {
        devices: numberOr(devices),
        driver: lean ? 'lean' : 'faithful',
        username,
        password,
        qos: numberOr(qos),
        window: numberOr(window),
        // A gateway takes some thousand a second.
        startWithin: `${Math.min(30_000, 500 + Math.round(numberOf(devices)))}ms`,
        profile: rate === 'max' ? { type: 'flood' } : { type: 'fixed', rate, jitter: 0.2 },
        payload: { type: 'bytes', size },
      },
    },
    timeline: [{ name: 'steady', for: options.for }],
  };
  const loaded = parseScenario(JSON.stringify(raw)); // JSON is YAML
  if (loaded.ok) return loaded;
  const problems = loaded.problems.map(({ path, message, hint }) => ({
    path: OPTIONS[path] ?? path,
    message,
    hint,
  }));
  return { ok: false, problems };
}

function numberOf(text: string): number {
  const number = Number(text);
  return Number.isFinite(number) ? number : 0;
}

/** What is no number is left for the schema to refuse. */
function numberOr(text: string): number | string {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}
