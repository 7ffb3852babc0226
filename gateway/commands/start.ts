// `sluice start`: runs the gateway in the foreground until a signal. The first signal stops it in order within
// STOP_DEADLINE_MS; a second one ends it at once. Both lose nothing: what was acknowledged is on disk.

import type { Command } from 'commander';
import { messageOf, SluiceError } from '../../config/errors.ts';
import { createLogger, type Logger, logKeys } from '../../config/logger.ts';
import type { Config } from '../../config/settings.ts';
import type { Damage } from '../../storage/open/damage.ts';
import { Gateway } from '../gateway.ts';
import { clientFlags } from './client-flags.ts';
import { exampleTopics } from './example-topics.ts';
import { faultLine } from './foreground.ts';
import { type LoadedSettings, loadSettings, logWarnings } from './load-settings.ts';
import { Reload } from './reload.ts';

const STOP_DEADLINE_MS = 8000;
const STOP_GRACE_MS = 1500;
/** In one run; a disk that damages the store over and over needs a person. */
const SALVAGES_MAX = 3;
/** A full disk is looked at as often whether there is room again. */
const ROOM_RETRY_MS = 2000;
const EXIT_FAULT = 1;
const EXIT_SECOND_SIGNAL = 130;

export function registerStart(program: Command): void {
  program
    .command('start', { isDefault: true })
    .description('Run the gateway.')
    .option('-c, --config <file>', 'configuration file (or SLUICE_CONFIG)')
    .action(async ({ config }: { config?: string }) => {
      const settings = loadSettings(config);
      if (settings === undefined) process.exitCode = EXIT_FAULT;
      else await runGateway(settings, (gateway) => greet(gateway, settings));
    });
}

/** What runs beside the gateway: stopped before it. */
export interface Companion {
  stop(): Promise<void>;
}

/** Runs until a signal or a fault; exits the process. `started` may bring up what belongs to the command. */
export async function runGateway(settings: LoadedSettings, started: Started): Promise<void> {
  const { config, file } = settings;
  const log = createLogger(config.log);
  logWarnings(log, settings);
  const run = new GatewayRun(config, log, started);
  const reload = new Reload({ file, config, log, apply: (next) => run.reconfigure(next) });
  process.on('SIGHUP', () => void reload.run());
  process.on('SIGUSR2', () => void run.tellStatus());
  onSignals((first) => {
    if (!first) process.exit(EXIT_SECOND_SIGNAL);
    log.info('stopping; once more to stop at once');
    void run.stop(0);
  });
  if (Object.keys(config.sinks).length === 0)
    log.info('no sink is configured: what devices send is kept, and forwarded to nobody');
  await run.start();
}

type Started = (gateway: Gateway) => Promise<Companion | undefined> | undefined;

class GatewayRun {
  #config: Config;
  readonly #log: Logger;
  readonly #started: Started;
  #gateway: Gateway | null = null;
  #companion: Companion | undefined;
  #hasStarted = false;
  #isStopping = false;
  #salvages = 0;
  #isWithoutRoom = false;

  constructor(config: Config, log: Logger, started: Started) {
    this.#config = config;
    this.#log = log;
    this.#started = started;
  }

  /** While there is no room for the store it is tried again and again: nothing is lost, devices wait outside. */
  async start(salvage?: Damage): Promise<void> {
    while (!this.#isStopping && !(await this.#attempt(salvage))) {
      await this.#gateway?.stop(STOP_DEADLINE_MS);
      await new Promise((resolve) => setTimeout(resolve, ROOM_RETRY_MS));
    }
  }

  /** Also for the next start, after a salvage. */
  async reconfigure(config: Config): Promise<void> {
    this.#config = config;
    await this.#gateway?.reconfigure(config);
  }

  /** All counters and what is kept, as one line. */
  async tellStatus(): Promise<void> {
    try {
      this.#log.info({ status: await this.#gateway?.status() }, 'status');
    } catch (error) {
      this.#log.warn({ [logKeys.reason]: messageOf(error) }, 'there is no status');
    }
  }

  /** False: there is no room for the store; it has been said, and may be tried again. */
  async #attempt(salvage: Damage | undefined): Promise<boolean> {
    const common = { config: this.#config, log: this.#log };
    let isFailed = false;
    const gateway = new Gateway({
      ...common,
      ...(salvage === undefined ? {} : { salvage }),
      onFatal: (error) => {
        if (isFailed) return;
        isFailed = true;
        void this.#failed(error);
      },
    });
    this.#gateway = gateway;
    try {
      await gateway.start();
      this.#hasStarted = true;
      this.#companion ??= await this.#started(gateway);
      this.#isWithoutRoom = false;
    } catch (error) {
      if (isFailed) return true;
      isFailed = true;
      if (isNoRoom(error) && !this.#isStopping) {
        this.#sayNoRoom(error);
        return false;
      }
      await this.#failed(error);
    }
    return true;
  }

  #sayNoRoom({ message, hint }: SluiceError): void {
    if (this.#isWithoutRoom) return;
    this.#isWithoutRoom = true;
    this.#log.error({ hint, retryMs: ROOM_RETRY_MS }, `${message}; no device is let in until there is room`);
  }

  async stop(exitCode: number): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    // A component that hangs must not keep the process: what is on disk stays there.
    const forced = exitCode === 0 ? EXIT_FAULT : exitCode;
    setTimeout(() => process.exit(forced), STOP_DEADLINE_MS + STOP_GRACE_MS).unref();
    await this.#companion?.stop();
    await this.#gateway?.stop(STOP_DEADLINE_MS);
    // Of one that could not start its fault has said it all.
    if (this.#hasStarted || exitCode === 0) this.#log.info('stopped');
    process.exit(exitCode);
  }

  /**
   * A store that turns out damaged in use is salvaged and opened again; any other fault ends the process in
   * order.
   */
  async #failed(error: unknown): Promise<void> {
    const damage = storeDamage(error);
    if (damage !== undefined && !this.#isStopping && this.#salvages < SALVAGES_MAX) {
      this.#salvages++;
      this.#log.error({ err: error }, 'the store is damaged: closing it, to salvage it and go on');
      await this.#gateway?.stop(STOP_DEADLINE_MS);
      await this.start(damage);
      return;
    }
    process.stderr.write(`${faultLine(error)}\n`);
    // A fault with a name has said it all in that line; of any other the log keeps the stack.
    if (!(error instanceof SluiceError))
      this.#log.error({ err: error }, 'stopping: the gateway cannot go on');
    await this.stop(EXIT_FAULT);
  }
}

/** From the storage thread itself, or from the bridge that was reading. */
function storeDamage(error: unknown): Damage | undefined {
  const { code, message, cause } = error as { code?: unknown; message?: unknown; cause?: unknown };
  if (code === 'STORE_DAMAGED') return { reason: 'in-use', detail: String(message) };
  return cause instanceof Error ? storeDamage(cause) : undefined;
}

function isNoRoom(error: unknown): error is SluiceError {
  return error instanceof SluiceError && error.code === 'STORE_NO_ROOM';
}

function onSignals(handle: (first: boolean) => void): void {
  let first = true;
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      handle(first);
      first = false;
    });
  }
}

/** What a person wants to know first: where, and how to try it. */
function greet(gateway: Gateway, { config, file }: LoadedSettings): undefined {
  if (config.log.format === 'json') return;
  const flags = clientFlags(config, gateway.listenerUrls);
  const lines = [
    '',
    `  Sluice gateway ${gateway.gatewayId}${file === undefined ? '' : ` (${file})`}`,
    ...gateway.listenerUrls.map((url) => `    devices publish to   ${url}`),
    `    kept in              ${config.data.dir}`,
    ...Object.entries(config.sinks).map(
      ([name, sink]) => `    forwarded to         ${name}: ${sink.url.replace(/\?.*$/, '')}, ${sink.format}`,
    ),
    ...(Object.keys(config.sinks).length === 0
      ? ['    forwarded to         nobody: no sink is configured']
      : []),
    '',
  ];
  if (flags !== undefined) {
    const { publish, subscribe } = exampleTopics(config);
    if (publish !== undefined) lines.push(`    mosquitto_pub ${flags} -q 1 ${publish} -m 21.5`);
    if (subscribe !== undefined) lines.push(`    mosquitto_sub ${flags} -q 1 ${subscribe} -v`);
  }
  const upstream = gateway.upstreamUrl;
  if (upstream !== null) lines.push(`    npm run -s sluice -- receive --from ${upstream}`);
  // On stderr, so that standard output stays lines for a log collector when it is no terminal.
  process.stderr.write(`${lines.join('\n')}\n\n`);
}
