// The flags of `npm run bench -- ...`.

import { parseArgs } from 'node:util';

export interface BenchOptions {
  /** Pairs of runs per figure; the table shows their medians. */
  rounds: number;
  /** Length of one timed run, after its warm-up. */
  seconds: number;
  /** Messages in the backlog that the gateway is started with. */
  backlogRecords: number;
  /** Messages taken during the outage that is drained. */
  outageRecords: number;
  /** Names of the measures to run. */
  measures: readonly string[];
  jsonFile: string | undefined;
  markdownFile: string | undefined;
  telemetryFile: string | undefined;
  /** Where the servers' data goes; a real disk, not a tmpfs. */
  directory: string | undefined;
}

const usage = (names: readonly string[]): string => `npm run bench -- [flags]
  --rounds N       pairs of runs per figure, the table shows medians (3)
  --seconds N      length of one timed run (3)
  --backlog N      messages in the backlog of the start-up measure (10000000)
  --outage N       messages taken during the outage that is drained (1000000)
  --only A,B       only these measures: ${names.join(', ')}
  --quick          one short round of everything, to see that it works; its figures mean little
  --json FILE      write the JSON document there instead of to standard output
  --markdown FILE  write the table there as well
  --telemetry FILE also measure how a file of real telemetry (ndjson or ndjson.xz) compresses
  --directory DIR  where the servers keep their data (the system's temporary directory)
`;

const QUICK = { rounds: 1, seconds: 1, backlogRecords: 500_000, outageRecords: 100_000 };
const FULL = { rounds: 3, seconds: 3, backlogRecords: 10_000_000, outageRecords: 1_000_000 };

/** The options, or the text to print instead of a run: help, or what is wrong. */
export function parseOptions(
  args: readonly string[],
  names: readonly string[],
): BenchOptions | { exitCode: 0 | 2; text: string } {
  try {
    return optionsOf(args, names);
  } catch (error) {
    if (error instanceof HelpWanted) return { exitCode: 0, text: usage(names) };
    return { exitCode: 2, text: `bench: ${(error as Error).message}\n${usage(names)}` };
  }
}

class HelpWanted extends Error {}

function optionsOf(args: readonly string[], names: readonly string[]): BenchOptions {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: text,
      seconds: text,
      backlog: text,
      outage: text,
      only: text,
      quick: flag,
      json: text,
      markdown: text,
      telemetry: text,
      directory: text,
      help: { ...flag, short: 'h' },
    },
  });
  if (values.help) throw new HelpWanted();
  const base = values.quick ? QUICK : FULL;
  return {
    rounds: number('rounds', values.rounds, base.rounds, 1),
    seconds: number('seconds', values.seconds, base.seconds, 0.5),
    backlogRecords: number('backlog', values.backlog, base.backlogRecords, 1000),
    outageRecords: number('outage', values.outage, base.outageRecords, 1000),
    measures: chosen(values.only, names, values.telemetry !== undefined),
    jsonFile: values.json,
    markdownFile: values.markdown,
    telemetryFile: values.telemetry,
    directory: values.directory,
  };
}

function number(name: string, text: string | undefined, otherwise: number, min: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!(value >= min) || !Number.isFinite(value)) throw new Error(`--${name} wants a number from ${min} on`);
  return name === 'seconds' ? value : Math.floor(value);
}

function chosen(only: string | undefined, names: readonly string[], hasTelemetry: boolean): string[] {
  const available = names.filter((name) => name !== 'telemetry' || hasTelemetry);
  if (only === undefined) return available;
  const wanted = only.split(',').map((name) => name.trim());
  const unknown = wanted.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`there is no measure '${unknown}'`);
  if (wanted.includes('telemetry') && !hasTelemetry) throw new Error('telemetry needs --telemetry FILE');
  return names.filter((name) => wanted.includes(name));
}
