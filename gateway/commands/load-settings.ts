// The configuration of a command: loaded from -c FILE or SLUICE_CONFIG and the environment; problems are printed, all
// of them, one line each. What is odd but runs is for the command to tell: `check` prints it, who runs logs it.

import { renderProblems } from '../../config/check.ts';
import type { Finding } from '../../config/finding.ts';
import { loadConfig, type Problem, problemOf } from '../../config/load.ts';
import { type Logger, logKeys } from '../../config/logger.ts';
import type { Config } from '../../config/settings.ts';

export interface LoadedSettings {
  config: Config;
  file: string | undefined;
  warnings: readonly Problem[];
  /** What was found out later, at the place of its setting. */
  place(finding: Finding): Problem;
}

/** Undefined when there are problems; they have been told on stderr. */
export function loadSettings(option: string | undefined): LoadedSettings | undefined {
  const file = option ?? process.env.SLUICE_CONFIG;
  const loaded = loadConfig(file === undefined ? { env: process.env } : { file, env: process.env });
  if (!loaded.ok) {
    process.stderr.write(`${renderProblems(loaded.problems, file)}\n`);
    return undefined;
  }
  const { config, warnings, origins } = loaded;
  return { config, file, warnings, place: (finding) => problemOf(finding, origins) };
}

export function logWarnings(
  log: Logger,
  { warnings, file }: Pick<LoadedSettings, 'warnings' | 'file'>,
): void {
  for (const warning of warnings)
    log.warn({ [logKeys.component]: 'config' }, renderProblems([warning], file));
}
