// `sluice check -c FILE`: every problem of a configuration and of the files it names at once, or the settings that
// would be in effect.

import type { Command } from 'commander';
import { describeConfig, renderProblems } from '../../config/check.ts';
import type { Finding } from '../../config/finding.ts';
import { jsonSchemaText } from '../../config/json-schema.ts';
import { fileFindings } from './file-findings.ts';
import { loadSettings } from './load-settings.ts';

interface Options {
  config?: string;
  files: boolean;
  schema?: boolean;
}

export function registerCheck(program: Command): void {
  program
    .command('check')
    .description('Check a configuration and print the settings that are in effect.')
    .option('-c, --config <file>', 'configuration file (or SLUICE_CONFIG)')
    .option('--no-files', 'leave alone the files that it names: it is for another machine')
    .option('--schema', 'print the JSON Schema of the configuration, for editors')
    .action(async ({ config: file, files, schema }: Options) => {
      if (schema === true) {
        process.stdout.write(jsonSchemaText());
        return;
      }
      const settings = loadSettings(file);
      if (settings === undefined) {
        process.exitCode = 1;
        return;
      }
      const { config, file: read, place } = settings;
      const findings = files ? await fileFindings(config, Date.now()) : [];
      const refusals = findings.filter(({ severity }) => severity === 'problem').map(place);
      const warnings = [...settings.warnings, ...findings.filter(isWarning).map(place)];
      if (refusals.length > 0) {
        process.stderr.write(`${renderProblems(refusals, read)}\n`);
        process.exitCode = 1;
        return;
      }
      if (warnings.length > 0) process.stderr.write(`${renderProblems(warnings, read)}\n`);
      process.stdout.write(`${describeConfig(config)}\n`);
    });
}

function isWarning({ severity }: Finding): boolean {
  return severity === 'warning';
}
