// What of a changed configuration holds at once (SIGHUP), and what only from the next start: `access`,
// `quotas`, `pressure` and `log.level` may change while the gateway runs, but for what is built into
// something that lasts: the audit log, the watching of files, the room of each connection. Nothing else is
// touched, so what is in effect after a reload is always what `config` says here, and never half of one
// setting. Pure; carrying it out is the gateway's.

import type { Finding } from './finding.ts';
import { relationFindings } from './relations.ts';
import type { Config } from './settings.ts';

export interface LiveChanges {
  /** The parts that have changed and can be taken into use. */
  readonly live: {
    readonly access: boolean;
    readonly quotas: boolean;
    readonly pressure: boolean;
    readonly logLevel: boolean;
  };
  /** Settings that differ and hold from the next start on, `listeners.0.port`; containers where a part is gone. */
  readonly needRestart: readonly string[];
  /** In effect when the live parts were taken into use: theirs are the new settings, all others the old ones. */
  readonly config: Config;
  /** What does not go together in `config`, although it does in the new one: do not take it into use. */
  readonly problems: readonly Finding[];
}

/** `old` is in effect now; `next` was loaded, and is good by itself. */
export function liveChanges(old: Config, next: Config): LiveChanges {
  const config = effective(old, next);
  return {
    live: {
      access: differences(old.access, config.access, 'access').length > 0,
      quotas: differences(old.quotas, config.quotas, 'quotas').length > 0,
      pressure: differences(old.pressure, config.pressure, 'pressure').length > 0,
      logLevel: old.log.level !== config.log.level,
    },
    needRestart: differences(config, next, ''),
    config,
    problems: relationFindings(config).filter(({ severity }) => severity === 'problem'),
  };
}

function effective(old: Config, next: Config): Config {
  const { audit, reloadMs } = old.access;
  const { heldBytesMax } = old.quotas;
  return {
    ...old,
    access: { ...next.access, audit, reloadMs },
    quotas: { ...next.quotas, heldBytesMax },
    pressure: next.pressure,
    log: { ...old.log, level: next.log.level },
  };
}

/** Paths of what is not the same: of a list with another length, and of an entry that only one has, its own. */
function differences(a: unknown, b: unknown, path: string): string[] {
  if (Object.is(a, b)) return [];
  if (!isContainer(a) || !isContainer(b) || Array.isArray(a) !== Array.isArray(b)) return [path];
  if (Array.isArray(a) && Array.isArray(b) && a.length !== b.length) return [path];
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].flatMap((key) => {
    const inner = path === '' ? key : `${path}.${key}`;
    return Object.hasOwn(a, key) && Object.hasOwn(b, key) ? differences(a[key], b[key], inner) : [inner];
  });
}

function isContainer(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
