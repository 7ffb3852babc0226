// The arguments of `sluice simulate proxy`, parsed once: addresses, the faults that last, and those that come and go.

import { SluiceError } from '../../config/errors.ts';
import { parseQuantity } from '../../config/schema/units.ts';
import { DATA_RATE_HINT, parseDataRate } from '../../simulator/faults/data-rate.ts';
import type { DirectionFaults, LinkFaultChange } from '../../simulator/faults/link-faults.ts';
import type { Endpoint } from '../../simulator/faults/link-proxy.ts';

/** As commander hands them over. */
export interface ProxyArguments {
  listen: string;
  to: string;
  latency?: string;
  jitter?: string;
  bandwidth?: string;
  downBandwidth?: string;
  perConnection?: boolean;
  cutEvery?: string;
  cutFor: string;
  blackholeEvery?: string;
  blackholeFor: string;
  freezeEvery?: string;
  freezeFor: string;
  resetAfter?: string;
  seed: string;
  quiet?: boolean;
}

export interface Recurrence {
  fault: 'cut' | 'blackhole' | 'freeze';
  everyMs: number;
  forMs: number;
}

export interface ProxySettings {
  listen: Endpoint;
  target: Endpoint;
  faults: LinkFaultChange;
  recurrences: Recurrence[];
  seed: number;
  isQuiet: boolean;
}

const ADDRESS = /^(?:(\[[0-9a-fA-F:.]+\]|[^:[\]\s/]+)?:)?(\d{1,5})$/;
const PORT_MAX = 65_535;
/** What a timer of Node can wait for. */
const DURATION_MS_MAX = 2 ** 31 - 1;
const SEED_MAX = 2 ** 32 - 1;

/** Throws BAD_ARGUMENT, with what to write instead, for anything that cannot be meant. */
export function proxySettings(given: ProxyArguments): ProxySettings {
  const listen = endpoint('--listen', given.listen);
  const target = endpoint('--to', given.to);
  if (target.port === 0) throw badArgument('--to', 'has the port 0', 'Write the port of the server.');
  if (listen.host === target.host && listen.port === target.port) {
    throw badArgument('--to', 'is the address of --listen', 'The proxy would connect to itself.');
  }
  return {
    listen,
    target,
    faults: faultsOf(given),
    recurrences: [
      ...recurrence('cut', given.cutEvery, given.cutFor),
      ...recurrence('blackhole', given.blackholeEvery, given.blackholeFor),
      ...recurrence('freeze', given.freezeEvery, given.freezeFor),
    ],
    seed: seedOf(given.seed),
    isQuiet: given.quiet ?? false,
  };
}

function faultsOf(given: ProxyArguments): LinkFaultChange {
  const { bandwidth, downBandwidth, perConnection } = given;
  if (perConnection === true && bandwidth === undefined && downBandwidth === undefined) {
    throw badArgument('--per-connection', 'says how to count a bandwidth', 'Add --bandwidth.');
  }
  const limit = (rate: number | undefined): Partial<DirectionFaults> =>
    rate === undefined
      ? {}
      : perConnection === true
        ? { bytesPerSecondEach: rate }
        : { bytesPerSecond: rate };
  const bothWays = dataRate('--bandwidth', bandwidth);
  return {
    latencyMs: duration('--latency', given.latency) ?? 0,
    jitterMs: duration('--jitter', given.jitter) ?? 0,
    resetAfterBytes: byteCount('--reset-after', given.resetAfter) ?? 0,
    up: limit(bothWays),
    down: limit(dataRate('--down-bandwidth', downBandwidth) ?? bothWays),
  };
}

function recurrence(fault: Recurrence['fault'], every: string | undefined, lasts: string): Recurrence[] {
  const everyMs = duration(`--${fault}-every`, every);
  const forMs = duration(`--${fault}-for`, lasts) as number;
  if (everyMs === undefined) return [];
  if (everyMs === 0) throw badArgument(`--${fault}-every`, 'is 0', 'Write a time such as 30s.');
  if (forMs < everyMs) return [{ fault, everyMs, forMs }];
  throw badArgument(
    `--${fault}-for`,
    `is not shorter than --${fault}-every`,
    'Between two faults the link must be well.',
  );
}

/** HOST:PORT, :PORT or PORT. */
function endpoint(name: string, text: string): Endpoint {
  const match = ADDRESS.exec(text);
  if (match === null || Number(match[2]) > PORT_MAX) {
    throw badArgument(name, `'${text}' is no address`, 'Write host:port, such as 127.0.0.1:1884.');
  }
  return { host: match[1]?.replaceAll(/[[\]]/g, '') ?? '127.0.0.1', port: Number(match[2]) };
}

function duration(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseQuantity('duration', text);
  if (ms !== undefined && ms <= DURATION_MS_MAX) return ms;
  throw badArgument(name, `'${text}' is no duration`, 'Write a time such as 200ms, 30s or 5m.');
}

function byteCount(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const bytes = parseQuantity('bytes', text);
  if (bytes !== undefined && bytes > 0) return bytes;
  throw badArgument(name, `'${text}' is no size above 0`, 'Write a size such as 512B, 100KiB or 2MB.');
}

function dataRate(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const bytesPerSecond = parseDataRate(text);
  if (bytesPerSecond !== undefined) return bytesPerSecond;
  throw badArgument(name, `'${text}' is no bandwidth`, DATA_RATE_HINT);
}

function seedOf(text: string): number {
  const seed = /^\d{1,10}$/.test(text) ? Number(text) : Infinity;
  if (seed <= SEED_MAX) return seed;
  throw badArgument('--seed', `'${text}' is no whole number up to ${SEED_MAX}`, 'Write for example 1.');
}

function badArgument(name: string, fault: string, hint: string): SluiceError {
  return new SluiceError('BAD_ARGUMENT', `${name} ${fault}`, { kind: 'permanent', hint });
}
