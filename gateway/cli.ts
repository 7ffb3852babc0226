#!/usr/bin/env node
// Parses arguments and hands over to the commands, which set the exit code.

import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { registerCheck } from './commands/check.ts';
import { registerDecode } from './commands/decode.ts';
import { registerDemo } from './commands/demo.ts';
import { registerReceive } from './commands/receive.ts';
import { registerStart } from './commands/start.ts';

const packageFile = ['../package.json', '../../package.json']
  .map((path) => new URL(path, import.meta.url))
  .find((url) => readIfThere(url) !== undefined);
const { version } = JSON.parse(readIfThere(packageFile) ?? '{"version":"0"}') as { version: string };

const program = new Command('sluice')
  .description(
    'An MQTT gateway for the edge: on disk before it acknowledges, batched and compressed to the cloud.',
  )
  .version(version);
registerStart(program);
registerDemo(program);
registerCheck(program);
registerDecode(program);
registerReceive(program);
await program.parseAsync();

function readIfThere(url: URL | undefined): string | undefined {
  try {
    return url === undefined ? undefined : readFileSync(url, 'utf8');
  } catch {
    return undefined; // compiled, the file is one folder further up
  }
}
