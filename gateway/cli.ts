#!/usr/bin/env -S node --max-semi-space-size=2 --no-maglev
// Parses arguments and hands over to the commands, which set the exit code.
//
// The flags: young generations stay small, and V8 goes from baseline code to optimised code without Maglev
// between, which on two cores took 25 MiB and, with 500 connections, a fifth of the throughput (`npm run bench`).

import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { nearestKey } from '../config/schema/nearest-key.ts';

/** Loaded when asked for: a gateway has no use for what the other commands bring along. */
const commands: Record<string, (program: Command) => Promise<void>> = {
  start: async (program) => (await import('./commands/start.ts')).registerStart(program),
  demo: async (program) => (await import('./commands/demo.ts')).registerDemo(program),
  check: async (program) => (await import('./commands/check.ts')).registerCheck(program),
  decode: async (program) => (await import('./commands/decode.ts')).registerDecode(program),
  simulate: async (program) => (await import('./commands/simulate.ts')).registerSimulate(program),
  receive: async (program) => (await import('./commands/receive.ts')).registerReceive(program),
  passwd: async (program) => (await import('./commands/passwd.ts')).registerPasswd(program),
};

const packageFile = ['../package.json', '../../package.json']
  .map((path) => new URL(path, import.meta.url))
  .find((url) => readIfThere(url) !== undefined);
const { version } = JSON.parse(readIfThere(packageFile) ?? '{"version":"0"}') as { version: string };

const program = new Command('sluice')
  .description(
    'An MQTT gateway for the edge: on disk before it acknowledges, batched and compressed to the cloud.',
  )
  .version(version)
  .enablePositionalOptions(); // `simulate proxy` has options of the same name as `simulate`
const name = process.argv[2] ?? '';
const asked = commands[name];
if (asked === undefined && name !== 'help' && /^[a-z]/i.test(name)) refuseUnknown(name);
for (const register of asked === undefined ? Object.values(commands) : [asked]) await register(program);
await program.parseAsync();

/** Left to commander, it would be an argument too many for `start`, the default. */
function refuseUnknown(unknown: string): never {
  const near = nearestKey(unknown, Object.keys(commands));
  const hint = near === undefined ? 'See sluice --help.' : `Did you mean ${near}? See sluice --help.`;
  process.stderr.write(`sluice: there is no command ${JSON.stringify(unknown)}. ${hint}\n`);
  process.exit(1);
}

function readIfThere(url: URL | undefined): string | undefined {
  try {
    return url === undefined ? undefined : readFileSync(url, 'utf8');
  } catch {
    return undefined; // compiled, the file is one folder further up
  }
}
