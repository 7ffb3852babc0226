// A gateway and an upstream that run already: they are driven and listened to, and not touched. That both are
// there is looked at first, so that a mistyped address is told at once; whether they speak MQTT, devices and
// receiver find out.

import { connect } from 'node:net';
import { messageOf, SluiceError } from '../../config/errors.ts';
import type { System } from '../scenario/scenario-settings.ts';
import type { SystemUnderTest } from './system-under-test.ts';

const PORTS: Readonly<Record<string, number>> = { 'mqtt:': 1883, 'mqtts:': 8883, 'ws:': 80, 'wss:': 443 };
const ANSWER_WITHIN_MS = 5000;

/** Throws SYSTEM_UNREACHABLE. */
export async function externalSystem(
  settings: Extract<System, { type: 'external' }>,
): Promise<SystemUnderTest> {
  const { gateway, upstream, upstreamFilter, upstreamUsername, upstreamPassword } = settings;
  await reach('the gateway', gateway);
  if (upstream !== '') await reach('the upstream', upstream);
  return {
    gatewayUrl: gateway,
    upstreamUrl: upstream === '' ? null : upstream,
    upstreamFilter,
    ...(upstreamUsername === ''
      ? {}
      : { upstreamCredentials: { username: upstreamUsername, password: upstreamPassword } }),
    gatewayText: `at ${shown(gateway)}, not started by this run`,
    upstreamText: upstream === '' ? 'none: nothing is verified' : `at ${shown(upstream)}`,
    link: null,
    gateway: null,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function reach(what: string, url: string): Promise<void> {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const socket = connect({ host, port: port === '' ? PORTS[protocol]! : Number(port) });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
      socket.setTimeout(ANSWER_WITHIN_MS, () => reject(new Error(`no answer in ${ANSWER_WITHIN_MS} ms`)));
    });
  } catch (cause) {
    // Of several attempts (IPv6 and IPv4) Node tells only the code.
    const reason = messageOf(cause) || String((cause as NodeJS.ErrnoException).code);
    throw new SluiceError('SYSTEM_UNREACHABLE', `cannot connect to ${what} at ${shown(url)}: ${reason}`, {
      kind: 'transient',
      hint: 'Check that it runs there, or name another one.',
      cause,
    });
  } finally {
    socket.destroy();
  }
}

/** Without user, password and query. */
function shown(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname === '/' ? '' : pathname}`;
}
