// Rules between the settings of one sink, and between a sink and the lanes. See finding.ts for what a
// finding is.

import type { Finding } from './finding.ts';
import { isLoopback } from './loopback.ts';
import { quoted } from './schema/problem.ts';
import { formatQuantity } from './schema/units.ts';
import type { Config, SinkConfig } from './settings.ts';
import { couldReceive, placeholdersOf, recordPlaceholders } from './topic-template.ts';

/** The topic a sink publishes to when its setting is empty. */
export function defaultTopic(format: SinkConfig['format']): string {
  return format === 'each' ? '{topic}' : 'sluice/{gateway}/{lane}';
}

interface Subject {
  readonly name: string;
  readonly path: string;
  readonly sink: SinkConfig;
  readonly config: Config;
}

export function sinkRelations(config: Config): Finding[] {
  return Object.entries(config.sinks).flatMap(([name, sink]) => {
    const subject: Subject = { name, path: `sinks.${name}`, sink, config };
    return [
      ...laneFindings(subject),
      ...topicFindings(subject),
      ...loopFindings(subject),
      ...sizeFindings(subject),
      ...securityFindings(subject),
    ];
  });
}

function laneFindings({ path, sink, config }: Subject): Finding[] {
  const known = config.lanes.map((lane) => lane.name);
  return sink.lanes.flatMap((lane, index) => {
    const repeated = sink.lanes.indexOf(lane) < index;
    if (known.includes(lane) && !repeated) return [];
    return [
      {
        severity: 'problem',
        paths: [`${path}.lanes.${index}`, 'lanes'],
        message: repeated ? `${quoted(lane)} is listed twice` : `${quoted(lane)} is not the name of a lane`,
        hint: repeated ? 'Remove one of them.' : `The lanes are: ${known.join(', ')}.`,
      } satisfies Finding,
    ];
  });
}

function topicFindings({ path, sink }: Subject): Finding[] {
  if (sink.format === 'each') return [];
  const single = placeholdersOf(sink.topic).find((placeholder) => recordPlaceholders.includes(placeholder));
  if (single === undefined) return [];
  return [
    {
      severity: 'problem',
      paths: [`${path}.topic`, `${path}.format`],
      message: `{${single}} has no meaning with format batch, where one upstream message holds many`,
      hint: `Remove {${single}}, or set format: each.`,
    },
  ];
}

/**
 * A subscription that could receive the sink's own messages. MQTT 5 keeps them away by No Local
 * (MQTT 5.0 3.8.3.1); MQTT 3.1.1 has no such thing, so there it is refused.
 */
function loopFindings({ name, path, sink, config }: Subject): Finding[] {
  if (sink.protocolVersion !== 4) return [];
  const { id } = config.gateway;
  const values = {
    sink: [name],
    lane: sink.lanes.length > 0 ? sink.lanes : config.lanes.map((lane) => lane.name),
    ...(id === '' ? {} : { gateway: [id] }),
  };
  return sink.commands.flatMap(({ filter }, index) => {
    if (!couldReceive(filter, sink.topic, values)) return [];
    return [
      {
        severity: 'problem',
        paths: [
          `${path}.commands.${index}.filter`,
          `${path}.topic`,
          `${path}.protocolVersion`,
          `${path}.format`,
        ],
        message: `${quoted(filter)} could match this sink's own upstream topic, ${quoted(sink.topic)}`,
        hint: 'Messages would go in a circle: use protocolVersion: 5, or a topic that cannot match.',
      } satisfies Finding,
    ];
  });
}

function sizeFindings({ path, sink }: Subject): Finding[] {
  const findings: Finding[] = [];
  const { batch, inFlight, reconnect } = sink;
  if (sink.format === 'batch' && inFlight.bytesMax < batch.maxBytes) {
    const size = formatQuantity('bytes', batch.maxBytes);
    findings.push({
      severity: 'problem',
      paths: [`${path}.inFlight.bytesMax`, `${path}.batch.maxBytes`],
      message: `${formatQuantity('bytes', inFlight.bytesMax)} is less than batch.maxBytes, ${size}`,
      hint: `Raise it to ${size}, or lower batch.maxBytes.`,
    });
  }
  if (reconnect.maxMs < reconnect.minMs) {
    findings.push({
      severity: 'problem',
      paths: [`${path}.reconnect.maxMs`, `${path}.reconnect.minMs`],
      message: `${formatQuantity('duration', reconnect.maxMs)} is less than reconnect.minMs`,
      hint: `Raise it to ${formatQuantity('duration', reconnect.minMs)}, or lower reconnect.minMs.`,
    });
  }
  return findings;
}

function securityFindings({ path, sink }: Subject): Finding[] {
  const findings: Finding[] = [];
  const { tls } = sink;
  const encrypted = /^(mqtts|wss):/.test(sink.url);
  if ((tls.cert === '') !== (tls.key === '')) {
    const [missing, present] = tls.cert === '' ? ['cert', 'key'] : ['key', 'cert'];
    findings.push({
      severity: 'problem',
      paths: [`${path}.tls.${missing}`, `${path}.tls.${present}`],
      message: `is empty, but tls.${present} is set`,
      hint: 'A client certificate and its private key are set together, or neither is.',
    });
  }
  if (sink.password !== '' && sink.username === '' && sink.protocolVersion === 4) {
    findings.push({
      severity: 'problem',
      paths: [`${path}.username`, `${path}.password`, `${path}.protocolVersion`],
      message: 'is empty, but a password is set, which MQTT 3.1.1 does not allow',
      hint: 'Set username as well.',
    });
  }
  if (!encrypted && (tls.ca !== '' || tls.cert !== '' || tls.key !== '')) {
    findings.push({
      severity: 'warning',
      paths: [`${path}.tls`, `${path}.url`],
      message: 'is not used, because the URL is not an encrypted one',
      hint: 'Use mqtts:// or wss://.',
    });
  }
  if (encrypted && !tls.rejectUnauthorized) {
    findings.push({
      severity: 'warning',
      paths: [`${path}.tls.rejectUnauthorized`],
      message: 'anybody who can intercept the connection can read and change what is sent',
      hint: 'Set it to true, and tls.ca to the authority of the upstream.',
    });
  }
  if (!encrypted && sink.password !== '' && !isLoopback(new URL(sink.url).hostname)) {
    findings.push({
      severity: 'warning',
      paths: [`${path}.password`, `${path}.url`],
      message: 'is sent unencrypted',
      hint: 'Use mqtts:// or wss://.',
    });
  }
  return findings;
}
