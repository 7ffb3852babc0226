// Rules between settings, checked after each setting by itself is good. A finding names every setting it
// rests on: the caller leaves out findings about settings that were bad already, and reports the rest at the
// first one's place. `problem` refuses the configuration; `warning` lets it run and is logged.

import { bufferCommitsMin } from './limits.ts';
import { formatQuantity } from './schema/units.ts';
import type { Config } from './settings.ts';
import { sinkRelations } from './sink-relations.ts';
import { matchesEverything } from './topic-filter.ts';

export interface Finding {
  readonly severity: 'problem' | 'warning';
  /** The first one is where it is reported. */
  readonly paths: readonly [string, ...string[]];
  readonly message: string;
  readonly hint: string;
}

const formatBytes = (count: number): string => formatQuantity('bytes', count);

/** Everything that does not go together in `config`. */
export function relationFindings(config: Config): Finding[] {
  return [
    ...portFindings(config),
    ...laneFindings(config),
    ...sizeFindings(config),
    ...bufferFindings(config),
    ...sinkRelations(config),
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
      .map((earlier): Finding => {
        return {
          severity: 'problem',
          paths: [`${later.path}.port`, `${later.path}.host`, `${earlier.path}.port`, `${earlier.path}.host`],
          message: `${later.port} is already the port of ${earlier.path}`,
          hint: 'Give each its own port.',
        };
      }),
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

function laneFindings({ lanes }: Config): Finding[] {
  const findings: Finding[] = [];
  const last = lanes.length - 1;
  for (const [index, lane] of lanes.entries()) {
    const earlier = lanes.findIndex((other) => other.name === lane.name);
    if (earlier < index) {
      findings.push({
        severity: 'problem',
        paths: [`lanes.${index}.name`, `lanes.${earlier}.name`],
        message: `${lane.name} is already the name of lanes.${earlier}`,
        hint: 'Give each lane its own name.',
      });
    }
    const takesAll = lane.match.some(matchesEverything);
    if (index === last && !takesAll) {
      findings.push({
        severity: 'problem',
        paths: [`lanes.${index}.match`],
        message: `the last lane, ${lane.name}, must match every topic, or some messages have no lane`,
        hint: `Add "#" to its match, or add a last lane with match: ["#"].`,
      });
    }
    if (index !== last && takesAll) {
      findings.push({
        severity: 'warning',
        paths: [`lanes.${index}.match`],
        message: `${lane.name} matches every topic, so the lanes after it get none`,
        hint: 'Move it to the end.',
      });
    }
  }
  return findings;
}

function sizeFindings({ mqtt, commit, sessions }: Config): Finding[] {
  const findings: Finding[] = [];
  const packet = formatBytes(mqtt.packetBytesMax);
  if (commit.bytesMax < mqtt.packetBytesMax) {
    findings.push({
      severity: 'problem',
      paths: ['commit.bytesMax', 'mqtt.packetBytesMax'],
      message: `${formatBytes(commit.bytesMax)} is less than mqtt.packetBytesMax, ${packet}`,
      hint: `One message must fit into a commit: raise it to ${packet}, or lower mqtt.packetBytesMax.`,
    });
  }
  if (mqtt.outboundBytesMax < mqtt.packetBytesMax) {
    findings.push({
      severity: 'warning',
      paths: ['mqtt.outboundBytesMax', 'mqtt.packetBytesMax'],
      message: `${formatBytes(mqtt.outboundBytesMax)} is less than mqtt.packetBytesMax, ${packet}`,
      hint: `Raise it to ${packet}, or one large message makes its receiver count as slow.`,
    });
  }
  if (sessions.queuedBytesMax < mqtt.packetBytesMax) {
    findings.push({
      severity: 'warning',
      paths: ['sessions.queuedBytesMax', 'mqtt.packetBytesMax'],
      message: `${formatBytes(sessions.queuedBytesMax)} is less than mqtt.packetBytesMax, ${packet}`,
      hint: `Raise it to ${packet}, or a large message is never queued.`,
    });
  }
  return findings;
}

function bufferFindings({ buffer, commit }: Config): Finding[] {
  const findings: Finding[] = [];
  const size = formatBytes(buffer.maxBytes);
  const least = bufferCommitsMin * commit.bytesMax;
  if (buffer.maxBytes < least) {
    findings.push({
      severity: 'problem',
      paths: ['buffer.maxBytes', 'commit.bytesMax'],
      message: `${size} is less than ${bufferCommitsMin} times commit.bytesMax`,
      hint: `Raise it to ${formatBytes(least)}, or lower commit.bytesMax.`,
    });
  } else if (buffer.tailBytes + buffer.checkpointBytes > buffer.maxBytes / 2) {
    findings.push({
      severity: 'warning',
      paths: ['buffer.maxBytes', 'buffer.tailBytes', 'buffer.checkpointBytes'],
      message: `buffer.tailBytes and buffer.checkpointBytes can take more than half of ${size}`,
      hint: 'Lower each to an eighth of it, so that there is room for messages.',
    });
  }
  if (buffer.synchronous === 'normal') {
    findings.push({
      severity: 'warning',
      paths: ['buffer.synchronous'],
      message: 'normal can lose acknowledged messages at a power cut',
      hint: 'Use full wherever data matters.',
    });
  }
  return findings;
}
