// The scenario of a command line without a file: so many alike devices at a rate for a while, against a gateway
// that runs.

import { type LoadedScenario, parseScenario } from './load-scenario.ts';

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
  qos: string;
  size: string;
  window: string;
  lean?: boolean;
  seed: string;
}

export function quickScenario(options: QuickOptions): LoadedScenario {
  const { devices, rate, to, verify = '', qos, size, window, lean = false, seed } = options;
  const raw = {
    name: 'quick',
    why: `${devices} devices, ${rate}, for ${options.for}`,
    seed: numberOr(seed),
    system: { type: 'external', gateway: to, upstream: verify },
    groups: {
      device: {
        devices: numberOr(devices),
        driver: lean ? 'lean' : 'faithful',
        qos: numberOr(qos),
        window: numberOr(window),
        profile: rate === 'max' ? { type: 'flood' } : { type: 'fixed', rate, jitter: 0.2 },
        payload: { type: 'bytes', size },
      },
    },
    timeline: [{ name: 'steady', for: options.for }],
  };
  return parseScenario(JSON.stringify(raw)); // JSON is YAML
}

/** What is no number is left for the schema to refuse. */
function numberOr(text: string): number | string {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}
