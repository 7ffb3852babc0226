// The configuration of a gateway under test: everything on loopback, on free ports, in the test's own directory.

import { loadConfig } from '../../config/load.ts';
import type { Config } from '../../config/settings.ts';

/** Environment with which a configuration that says nothing of access is complete: everybody is let in. */
export const openAccess = { SLUICE_ACCESS__ANONYMOUS: 'true' } as const;

/** Sections of the configuration file; a section that is given replaces the default of the test, key by key. */
export interface TestSettings {
  listeners?: readonly object[];
  mqtt?: object;
  sessions?: object;
  commit?: object;
  buffer?: object;
  sinks?: object;
  lanes?: readonly object[];
  access?: object;
  quotas?: object;
  pressure?: object;
  upstream?: object;
  log?: object;
}

/** The configuration file as text (JSON is YAML). */
export function settingsText(directory: string, settings: TestSettings = {}): string {
  return JSON.stringify({
    gateway: { id: 'gateway-under-test' },
    data: { dir: directory },
    ...settings,
    access: withWayIn(settings),
    listeners: settings.listeners ?? [{ type: 'tcp', host: '127.0.0.1', port: 0 }],
    // A test that runs in the gateway's own process, or beside many others, stalls it without any device's doing.
    pressure: { eventLoopMs: '5m', ...settings.pressure },
    // Tests wait for many a commit by itself.
    commit: { lingerMs: '2ms', ...settings.commit },
    buffer: { minFreeDiskBytes: 0, ...settings.buffer },
    log: { level: 'info', format: 'json', ...settings.log },
  });
}

/** Everybody is let in where the test does not say who is. */
function withWayIn({ access = {}, listeners = [] }: TestSettings): object {
  const isSaid = ['anonymous', 'usersFile', 'hook'].some((key) => key in access);
  return isSaid || listeners.some((listener) => 'clientCertificates' in listener)
    ? access
    : { anonymous: true, ...access };
}

export function testConfig(directory: string, settings: TestSettings = {}): Config {
  const loaded = loadConfig({ text: settingsText(directory, settings), env: {} });
  if (!loaded.ok) throw new Error(`the test's settings are wrong: ${JSON.stringify(loaded.problems)}`);
  return loaded.config;
}
