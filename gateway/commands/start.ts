// `sluice start`: runs the gateway in the foreground until a signal. The first signal stops it in order within
// STOP_DEADLINE_MS; a second one ends it at once. Both lose nothing: what was acknowledged is on disk.

import type { Command } from 'commander';
import { createLogger } from '../../config/logger.ts';
import { Gateway } from '../gateway.ts';
import { faultLine } from './foreground.ts';
import { type LoadedSettings, loadSettings } from './load-settings.ts';

const STOP_DEADLINE_MS = 8000;
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
export async function runGateway(
  { config }: LoadedSettings,
  started: (gateway: Gateway) => Promise<Companion | undefined> | undefined,
): Promise<void> {
  const log = createLogger(config.log);
  let companion: Companion | undefined;
  let stopping = false;
  const stop = async (exitCode: number): Promise<void> => {
    if (stopping) return;
    stopping = true;
    // A component that hangs must not keep the process: what is on disk stays there.
    setTimeout(() => process.exit(exitCode === 0 ? EXIT_FAULT : exitCode), STOP_DEADLINE_MS + 1500).unref();
    await companion?.stop();
    await gateway.stop(STOP_DEADLINE_MS);
    process.exit(exitCode);
  };
  const gateway = new Gateway({
    config,
    log,
    onFatal: (error) => {
      process.stderr.write(`${faultLine(error)}\n`);
      log.error({ err: error }, 'stopping: the gateway cannot go on');
      void stop(EXIT_FAULT);
    },
  });
  onSignals((first) => {
    if (!first) process.exit(EXIT_SECOND_SIGNAL);
    log.info('stopping; once more to stop at once');
    void stop(0);
  });
  try {
    await gateway.start();
    companion = await started(gateway);
  } catch (error) {
    process.stderr.write(`${faultLine(error)}\n`);
    await stop(EXIT_FAULT);
  }
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
  const { hostname, port } = new URL(gateway.listenerUrls[0].replace(/^(mqtt|ws)/, 'http'));
  const lines = [
    '',
    `  Sluice gateway ${gateway.gatewayId}${file === undefined ? '' : ` (${file})`}`,
    ...gateway.listenerUrls.map((url) => `    devices publish to   ${url}`),
    `    kept in              ${config.data.dir}`,
    ...Object.entries(config.sinks).map(
      ([name, sink]) => `    forwarded to         ${name}: ${sink.url}, ${sink.format}`,
    ),
    '',
    `    mosquitto_pub -h ${hostname} -p ${port} -q 1 -t plant/line1/temperature -m 21.5`,
  ];
  const upstream = gateway.upstreamUrl;
  if (upstream !== null) lines.push(`    npx sluice receive --from ${upstream} --print`);
  // On stderr, so that standard output stays lines for a log collector when it is no terminal.
  process.stderr.write(`${lines.join('\n')}\n\n`);
}
