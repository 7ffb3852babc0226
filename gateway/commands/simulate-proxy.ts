// `sluice simulate proxy`: a bad link between any two programs that speak TCP, until Ctrl-C. One line per event, one
// with counters every few seconds, and a summary at the end, which is all there is with --quiet. It has no verdict: the
// exit code is 0, or 3 when it could not be run.

import type { Writable } from 'node:stream';
import type { Command } from 'commander';
import { formatDataRate } from '../../simulator/faults/data-rate.ts';
import type { LinkFaultChange } from '../../simulator/faults/link-faults.ts';
import { type LinkCounters, type LinkEvent, LinkProxy } from '../../simulator/faults/link-proxy.ts';
import { RecurringFault } from '../../simulator/faults/recurring-fault.ts';
import type { DirectionCounters } from '../../simulator/faults/wire.ts';
import { runInForeground } from './foreground.ts';
import {
  type ProxyArguments,
  type ProxySettings,
  proxySettings,
  type Recurrence,
} from './proxy-arguments.ts';
import { notRun } from './simulate-exit.ts';

const COUNTERS_EVERY_MS = 5000;
/** Lines that a slow reader of the output has not taken; what comes on top is counted instead of kept. */
const UNREAD_BYTES_MAX = 1024 * 1024;

export function registerSimulateProxy(simulate: Command): void {
  simulate
    .command('proxy')
    .description('Make a bad link: a TCP proxy with latency, a thin line, cuts, black holes.')
    .requiredOption('--listen <address>', 'where clients connect, for example 127.0.0.1:1885')
    .requiredOption('--to <address>', 'the server behind it, for example 127.0.0.1:1884')
    .option('--latency <time>', 'added each way')
    .option('--jitter <time>', 'up to so much more latency, at random; order is kept')
    .option('--bandwidth <rate>', 'each way, shared by all connections: 50kbit/s, 2Mbit/s, 400kB/s')
    .option('--down-bandwidth <rate>', 'towards the clients, instead of --bandwidth')
    .option('--per-connection', 'the bandwidth is of each connection, not shared')
    .option('--cut-every <time>', 'reset all connections, and refuse new ones for --cut-for')
    .option('--cut-for <time>', 'how long a cut lasts', '5s')
    .option('--blackhole-every <time>', 'let everything disappear; such connections stay dead')
    .option('--blackhole-for <time>', 'how long a black hole lasts', '5s')
    .option('--freeze-every <time>', 'hold everything back, and deliver it later')
    .option('--freeze-for <time>', 'how long it is held', '5s')
    .option('--reset-after <size>', 'reset each connection after so many bytes in either direction')
    .option('--seed <n>', 'for the jitter', '1')
    .option('--quiet', 'print nothing but the summary, at the end')
    .action((given: ProxyArguments) => runInForeground((signal) => run(given, signal).catch(notRun)));
}

async function run(given: ProxyArguments, signal: AbortSignal): Promise<number> {
  const settings = proxySettings(given);
  const lines = new EventLines(process.stdout);
  const tell = (line: string): void => {
    if (!settings.isQuiet && !signal.aborted) lines.write(line); // the summary is the last word
  };
  const { listen, target, faults, seed } = settings;
  await using proxy = await LinkProxy.start({
    listen,
    target,
    faults,
    seed,
    onEvent: (event) => tell(eventLine(event)),
  });
  tell(`${listen.host}:${proxy.port} -> ${target.host}:${target.port}${described(settings)}; Ctrl-C ends`);
  using stack = new DisposableStack();
  for (const recurrence of settings.recurrences) {
    stack.use(recurringFault(proxy, recurrence, tell)).start();
  }
  let before = proxy.counters;
  const timer = setInterval(() => {
    const now = proxy.counters;
    tell(countersLine(now, before));
    before = now;
  }, COUNTERS_EVERY_MS);
  stack.defer(() => clearInterval(timer));
  await aborted(signal);
  lines.write(`sum: ${countersLine(proxy.counters)}`);
  return 0;
}

function recurringFault(
  proxy: LinkProxy,
  { fault, everyMs, forMs }: Recurrence,
  tell: (line: string) => void,
): RecurringFault {
  const set = (isOn: boolean): void => {
    if (fault === 'cut' && isOn) proxy.cut();
    proxy.set(switchOf(fault, isOn));
    tell(`${fault} ${isOn ? 'begins' : 'ends'}`);
  };
  return new RecurringFault({ everyMs, forMs, begin: () => set(true), end: () => set(false) });
}

function switchOf(fault: Recurrence['fault'], isOn: boolean): LinkFaultChange {
  switch (fault) {
    case 'cut':
      return { isRefusing: isOn };
    case 'blackhole':
      return { isBlackhole: isOn };
    case 'freeze':
      return { isFrozen: isOn };
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Lines with the time since the start, as many as somebody reads. */
class EventLines {
  readonly #stream: Writable;
  readonly #startMs = performance.now();
  #leftOut = 0;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  write(line: string): void {
    if (this.#stream.writableLength > UNREAD_BYTES_MAX) {
      this.#leftOut++;
      return;
    }
    const seconds = ((performance.now() - this.#startMs) / 1000).toFixed(3).padStart(9);
    const gap = this.#leftOut === 0 ? '' : `${seconds} s  ${this.#leftOut} lines left out\n`;
    this.#leftOut = 0;
    this.#stream.write(`${gap}${seconds} s  ${line}\n`);
  }
}

function eventLine(event: LinkEvent): string {
  switch (event.kind) {
    case 'unreachable':
      return `connection ${event.connection}: the server cannot be reached: ${event.reason}`;
    case 'accept-failed':
      return `a connection cannot be taken: ${event.reason}`;
    case 'reset':
      return `connection ${event.connection} reset after the bytes it may carry`;
    case 'opened':
    case 'closed':
    case 'refused':
      return `connection ${event.connection} ${event.kind}`;
  }
}

/** With `before`, what has gone since then as a rate. */
function countersLine(now: LinkCounters, before?: LinkCounters): string {
  const way = (name: 'up' | 'down'): string => {
    const bytes = now[name].deliveredBytes;
    const text = `${name} ${bytes} B${swallowed(now[name])}`;
    if (before === undefined) return text;
    const bytesPerSecond = (1000 * (bytes - before[name].deliveredBytes)) / COUNTERS_EVERY_MS;
    return `${text} (${formatDataRate(bytesPerSecond)})`;
  };
  const { connections, open, refused, resets, unreachable } = now;
  return (
    `connections ${connections} (open ${open}), refused ${refused}, reset ${resets}, ` +
    `unreachable ${unreachable}, ${way('up')}, ${way('down')}`
  );
}

function swallowed({ swallowedBytes }: DirectionCounters): string {
  return swallowedBytes === 0 ? '' : ` and ${swallowedBytes} B swallowed`;
}

/** What is wrong with the link from the start. */
function described({ faults, recurrences }: ProxySettings): string {
  const { latencyMs = 0, jitterMs = 0, resetAfterBytes = 0, up, down } = faults;
  const rateOf = (way: LinkFaultChange['up']) => way?.bytesPerSecond ?? way?.bytesPerSecondEach ?? 0;
  const isEach = (up?.bytesPerSecondEach ?? down?.bytesPerSecondEach) !== undefined;
  const words = [
    latencyMs > 0 || jitterMs > 0 ? `latency ${latencyMs} to ${latencyMs + jitterMs} ms` : '',
    ...(['up', 'down'] as const).map((name) => {
      const rate = rateOf(faults[name]);
      return rate === 0 ? '' : `${name} ${formatDataRate(rate)}${isEach ? ' a connection' : ''}`;
    }),
    resetAfterBytes > 0 ? `reset after ${resetAfterBytes} B` : '',
    ...recurrences.map(({ fault, everyMs, forMs }) => `${fault} every ${everyMs} ms for ${forMs} ms`),
  ].filter((word) => word !== '');
  return words.length === 0 ? '' : `, ${words.join(', ')}`;
}
