// Rules between settings, checked after each setting by itself is good: those about sizes, lanes and the
// buffer are here, the others in the files named after what they are about. See finding.ts for what a finding
// is.

import { accessRelations } from './access-relations.ts';
import type { Finding } from './finding.ts';
import { bufferCommitsMin } from './limits.ts';
import { listenerRelations } from './listener-relations.ts';
import { pressureRelations } from './pressure-relations.ts';
import { quotaRelations } from './quota-relations.ts';
import { formatQuantity } from './schema/units.ts';
import type { Config } from './settings.ts';
import { sinkRelations } from './sink-relations.ts';
import { matchesEverything } from './topic-filter.ts';

export type { Finding } from './finding.ts';

const formatBytes = (count: number): string => formatQuantity('bytes', count);

/** Everything that does not go together in `config`. */
export function relationFindings(config: Config): Finding[] {
  return [
    ...listenerRelations(config),
    ...accessRelations(config),
    ...quotaRelations(config),
    ...laneFindings(config),
    ...sizeFindings(config),
    ...bufferFindings(config),
    ...pressureRelations(config),
    ...sinkRelations(config),
  ];
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
  if (mqtt.unreleasedMax < mqtt.receiveMaximum) {
    findings.push({
      severity: 'warning',
      paths: ['mqtt.unreleasedMax', 'mqtt.receiveMaximum'],
      message: `${mqtt.unreleasedMax} is less than mqtt.receiveMaximum, ${mqtt.receiveMaximum}`,
      hint: `Raise it to ${mqtt.receiveMaximum}, or devices are disconnected that keep to the receive maximum.`,
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
  } else if (buffer.tailBytes + buffer.checkpointBytes + commit.bytesMax > buffer.maxBytes) {
    // It would be full before it is used, and would not get empty by what is delivered.
    findings.push({
      severity: 'problem',
      paths: ['buffer.maxBytes', 'buffer.tailBytes', 'buffer.checkpointBytes'],
      message: `buffer.tailBytes and buffer.checkpointBytes leave no room for messages in ${size}`,
      hint: `Lower each to ${formatBytes(buffer.maxBytes / 8)}, or raise it.`,
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
