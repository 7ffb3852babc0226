// SIGHUP: reads the configuration again and takes into use what may change while the gateway runs
// (config/live-settings.ts). A file with problems changes nothing; what needs a restart is named. Reloads do not
// overlap: one that comes while another is under way is done after it.

import { renderProblems } from '../../config/check.ts';
import { liveChanges } from '../../config/live-settings.ts';
import { loadConfig } from '../../config/load.ts';
import { type Logger, logKeys, setLogLevel } from '../../config/logger.ts';
import type { Config } from '../../config/settings.ts';
import { logWarnings } from './load-settings.ts';

export interface ReloadOptions {
  /** Undefined: only the environment, which does not change. */
  file: string | undefined;
  /** In effect. */
  config: Config;
  log: Logger;
  /** Access, quotas and pressure, if one of them has changed. */
  apply(config: Config): Promise<void>;
}

export class Reload {
  readonly #options: ReloadOptions;
  #config: Config;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ReloadOptions) {
    this.#options = options;
    this.#config = options.config;
  }

  /** In effect now. */
  get config(): Config {
    return this.#config;
  }

  /** Resolves when it is done; never rejects. */
  run(): Promise<void> {
    this.#running = this.#running.then(() => this.#reload());
    return this.#running;
  }

  async #reload(): Promise<void> {
    const { file, log } = this.#options;
    if (file === undefined) {
      log.warn('there is no configuration file to read again');
      return;
    }
    const loaded = loadConfig({ file, env: process.env });
    if (!loaded.ok) {
      for (const problem of loaded.problems) log.error({ problem: renderProblems([problem], file) }, REFUSED);
      return;
    }
    const changes = liveChanges(this.#config, loaded.config);
    if (changes.problems.length > 0) {
      for (const { message, paths } of changes.problems)
        log.error({ file, path: paths[0], problem: message }, REFUSED);
      return;
    }
    logWarnings(log, { warnings: loaded.warnings, file });
    await this.#apply(changes);
  }

  async #apply({ live, config, needRestart }: ReturnType<typeof liveChanges>): Promise<void> {
    const { file, log, apply } = this.#options;
    const changed = Object.entries(live).flatMap(([name, isChanged]) => (isChanged ? [name] : []));
    try {
      if (live.access || live.quotas || live.pressure) await apply(config);
      if (live.logLevel) setLogLevel(log, config.log.level);
      this.#config = config;
      log.info(
        { file, changed },
        changed.length === 0 ? 'configuration read again: no change' : 'configuration read again',
      );
    } catch (error) {
      log.error(
        { file, [logKeys.error]: error },
        'the configuration was read again, but could not be taken into use',
      );
    }
    if (needRestart.length > 0) log.warn({ needRestart }, 'these settings hold from the next start on');
  }
}

const REFUSED = 'configuration not taken into use; the one before stays';
