// A gateway and an upstream that run already: they are driven and listened to, and not touched.

import type { System } from '../scenario/scenario-settings.ts';
import type { SystemUnderTest } from './system-under-test.ts';

export function externalSystem(settings: Extract<System, { type: 'external' }>): SystemUnderTest {
  const { gateway, upstream, upstreamFilter } = settings;
  return {
    gatewayUrl: gateway,
    upstreamUrl: upstream === '' ? null : upstream,
    upstreamFilter,
    gatewayText: `at ${shown(gateway)}, not started by this run`,
    upstreamText: upstream === '' ? 'none: nothing is verified' : `at ${shown(upstream)}`,
    link: null,
    gateway: null,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Without user, password and query. */
function shown(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname === '/' ? '' : pathname}`;
}
