// `sluice check -c FILE`: every problem of a configuration at once, or the settings that would be in effect.

import type { Command } from 'commander';
import { describeConfig, renderProblems } from '../../config/check.ts';
import { jsonSchemaText } from '../../config/json-schema.ts';
import { loadSettings } from './load-settings.ts';

export function registerCheck(program: Command): void {
  program
    .command('check')
    .description('Check a configuration and print the settings that are in effect.')
    .option('-c, --config <file>', 'configuration file (or SLUICE_CONFIG)')
    .option('--schema', 'print the JSON Schema of the configuration, for editors')
    .action(({ config: file, schema }: { config?: string; schema?: boolean }) => {
      if (schema === true) {
        process.stdout.write(jsonSchemaText());
        return;
      }
      const settings = loadSettings(file);
      if (settings === undefined) {
        process.exitCode = 1;
        return;
      }
      const { config, warnings, file: read } = settings;
      if (warnings.length > 0) process.stderr.write(`${renderProblems(warnings, read)}\n`);
      process.stdout.write(`${describeConfig(config)}\n`);
    });
}
