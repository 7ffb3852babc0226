// The one logger: pino, a child per component. Lines go to standard output, written before the call returns,
// so that the last line before an exit is never lost. `pretty` is for people, `json` for log collectors.
// Levels by what the operator must do: warn = odd, nothing lost; error = lost, or needs a person. No
// payloads.

import { createRequire } from 'node:module';
import { isatty } from 'node:tty';
import pino from 'pino';
import type { LogConfig } from './settings.ts';

export type Logger = pino.Logger;

/** Names of the keys of log lines, so that all components spell them alike. */
export const logKeys = {
  component: 'component',
  gateway: 'gateway',
  listener: 'listener',
  device: 'device',
  topic: 'topic',
  lane: 'lane',
  sink: 'sink',
  offset: 'offset',
  records: 'records',
  bytes: 'bytes',
  durationMs: 'durationMs',
  reason: 'reason',
  file: 'file',
  host: 'host',
  port: 'port',
  /** An Error; pino writes its type, message, stack, and the code and hint of a SluiceError. */
  error: 'err',
} as const;

/** Where lines go: pino hands over one complete line at a time. */
export interface LogStream {
  write(line: string): void;
}

const standardOutput = 1;

/** `stream` is for tests; `auto` is then json. */
export function createLogger({ level, format }: LogConfig, stream?: LogStream): Logger {
  const pretty = format === 'pretty' || (format === 'auto' && stream === undefined && isatty(standardOutput));
  // pino's own stream: it survives a reader of standard output that goes away.
  const output = stream ?? pino.destination({ dest: standardOutput, sync: true });
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pretty ? prettyStream(output, stream === undefined) : output,
  );
}

function prettyStream(output: LogStream, onTerminal: boolean): LogStream {
  // Loaded when it is wanted: a gateway that writes json has no use for it.
  const { prettyFactory } = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty');
  const pretty = prettyFactory({
    colorize: onTerminal && isatty(standardOutput) && process.env.NO_COLOR === undefined,
    translateTime: 'SYS:HH:MM:ss.l',
    messageFormat: `{if ${logKeys.component}}{${logKeys.component}}: {end}{msg}`,
    ignore: logKeys.component,
    singleLine: true,
  });
  return { write: (line) => output.write(pretty(line)) };
}

/** A logger that says which component speaks. */
export function childLogger(parent: Logger, component: string): Logger {
  return parent.child({ [logKeys.component]: component });
}

/**
 * Of the logger and all its children, from now on: pino's children follow their parent as long as they have no own
 * level.
 */
export function setLogLevel(log: Logger, level: LogConfig['level']): void {
  log.level = level;
}
