#!/usr/bin/env -S node --max-semi-space-size=2
// Parses arguments and hands over to the commands, which set the exit code.

import { readFileSync } from 'node:fs';
import { Command } from 'commander';

/** Loaded when asked for: a gateway has no use for what the other commands bring along. */
const commands: Record<string, (program: Command) => Promise<void>> = {
  start: async (program) => (await import('./commands/start.ts')).registerStart(program),
  demo: async (program) => (await import('./commands/demo.ts')).registerDemo(program),
  check: async (program) => (await import('./commands/check.ts')).registerCheck(program),
  decode: async (program) => (await import('./commands/decode.ts')).registerDecode(program),
  receive: async (program) => (await import('./commands/receive.ts')).registerReceive(program),
};

const packageFile = ['../package.json', '../../package.json']
  .map((path) => new URL(path, import.meta.url))
  .find((url) => readIfThere(url) !== undefined);
const { version } = JSON.parse(readIfThere(packageFile) ?? '{"version":"0"}') as { version: string };

const program = new Command('sluice')
  .description(
    'An MQTT gateway for the edge: on disk before it acknowledges, batched and compressed to the cloud.',
  )
  .version(version);
const asked = commands[process.argv[2] ?? ''];
for (const register of asked === undefined ? Object.values(commands) : [asked]) await register(program);
await program.parseAsync();

function readIfThere(url: URL | undefined): string | undefined {
  try {
    return url === undefined ? undefined : readFileSync(url, 'utf8');
  } catch {
    return undefined; // compiled, the file is one folder further up
  }
}
