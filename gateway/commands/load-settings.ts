// The configuration of a command: loaded from -c FILE or SLUICE_CONFIG and the environment; problems are printed, all
// of them, one line each.

import { renderProblems } from '../../config/check.ts';
import { loadConfig } from '../../config/load.ts';
import type { Config } from '../../config/settings.ts';

export interface LoadedSettings {
  config: Config;
  file: string | undefined;
}

/** Undefined when there are problems; they have been told on stderr. */
export function loadSettings(option: string | undefined): LoadedSettings | undefined {
  const file = option ?? process.env.SLUICE_CONFIG;
  const loaded = loadConfig(file === undefined ? { env: process.env } : { file, env: process.env });
  if (!loaded.ok) {
    process.stderr.write(`${renderProblems(loaded.problems, file)}\n`);
    return undefined;
  }
  if (loaded.warnings.length > 0) process.stderr.write(`${renderProblems(loaded.warnings, file)}\n`);
  return { config: loaded.config, file };
}
