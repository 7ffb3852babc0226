// Rules between the settings of listeners: ports, and what of TLS needs what. Whether the files are there and
// fit together is found out when they are loaded.

import { type Finding, problem, warning } from './finding.ts';
import { isLoopback } from './loopback.ts';
import type { Config, ListenerConfig } from './settings.ts';
import { hasPasswords } from './sign-in-ways.ts';

export function listenerRelations(config: Config): Finding[] {
  return [
    ...portFindings(config),
    ...config.listeners.flatMap((listener, index) => [
      ...certificateFindings(listener, `listeners.${index}`),
      ...plainFindings(config, listener, `listeners.${index}`),
    ]),
  ];
}

interface Endpoint {
  readonly path: string;
  readonly host: string;
  readonly port: number;
}

function portFindings(config: Config): Finding[] {
  const endpoints: Endpoint[] = config.listeners.map(({ host, port }, index) => {
    return { path: `listeners.${index}`, host, port };
  });
  if (config.upstream.embedded) endpoints.push({ path: 'upstream', ...config.upstream });
  return endpoints.flatMap((later, index) =>
    endpoints
      .slice(0, index)
      .filter((earlier) => sameEndpoint(earlier, later))
      .map((earlier) =>
        problem(
          [`${later.path}.port`, `${later.path}.host`, `${earlier.path}.port`, `${earlier.path}.host`],
          {
            message: `${later.port} is already the port of ${earlier.path}`,
            hint: 'Give each its own port.',
          },
        ),
      ),
  );
}

/** Port 0 is any free port, so never the same. */
function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  if (a.port !== b.port || a.port === 0) return false;
  const [hostA, hostB] = [hostName(a.host), hostName(b.host)];
  return hostA === hostB || hostA === '*' || hostB === '*';
}

function hostName(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '*';
  return host.toLowerCase() === 'localhost' ? '127.0.0.1' : host.toLowerCase();
}

function certificateFindings(listener: ListenerConfig, path: string): Finding[] {
  if (!('clientCertificates' in listener)) return [];
  const { caFile, crlFile, clientCertificates } = listener;
  const findings: Finding[] = [];
  const isAsking = clientCertificates !== 'none';
  if (isAsking && caFile === '') {
    findings.push(
      problem([`${path}.caFile`, `${path}.clientCertificates`], {
        message: `is empty, but clientCertificates is ${clientCertificates}`,
        hint: 'Name the file with the authorities that sign the certificates of devices.',
      }),
    );
  }
  if (crlFile !== '' && caFile === '') {
    findings.push(
      problem([`${path}.crlFile`, `${path}.caFile`], {
        message: 'is set, but caFile is empty: there is no authority whose list it could be',
        hint: 'Set caFile as well, or leave out crlFile.',
      }),
    );
  }
  if (caFile !== '' && !isAsking) {
    findings.push(
      warning([`${path}.caFile`, `${path}.clientCertificates`], {
        message: 'is not used: clientCertificates is none, so that no device is asked for one',
        hint: 'Set clientCertificates: required, or optional to let in those without one too.',
      }),
    );
  }
  return findings;
}

function plainFindings(config: Config, { type, host }: ListenerConfig, path: string): Finding[] {
  if (type === 'tls' || type === 'wss' || isLoopback(host) || !hasPasswords(config)) return [];
  const encrypted = type === 'tcp' ? 'tls' : 'wss';
  return [
    warning([`${path}.host`, `${path}.type`, 'access.usersFile', 'access.hook.url'], {
      message: `passwords come to ${host} unencrypted`,
      hint: `Use type: ${encrypted}, unless nobody can listen in on this network.`,
    }),
  ];
}
