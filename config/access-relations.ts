// Rules between the settings of `access` and others: is there a way in, is it open too wide, and does a rule
// reach anybody. See finding.ts for what a finding is.

import { type Finding, problem, warning } from './finding.ts';
import { groupProblem } from './group-relations.ts';
import { isLoopback } from './loopback.ts';
import { formatQuantity } from './schema/units.ts';
import { type Config, settings } from './settings.ts';
import { hasUsers } from './sign-in-ways.ts';

const defaultStaleMs = settings.fields.access.fields.hook.fields.staleMs.default;

export function accessRelations(config: Config): Finding[] {
  return [
    ...wayInFindings(config),
    ...anonymousFindings(config),
    ...grantFindings(config),
    ...ruleFindings(config),
    ...hookFindings(config),
    ...failureFindings(config),
  ];
}

function wayInFindings(config: Config): Finding[] {
  if (config.access.anonymous || hasUsers(config)) return [];
  return [
    problem(['access.anonymous', 'access.usersFile', 'access.hook.url'], {
      alsoOn: certificatePaths(config),
      message: 'is false, and there is no other way in: nobody could connect',
      hint:
        'Set access.usersFile (`sluice passwd` writes it), access.hook.url, or clientCertificates of a TLS listener; ' +
        'or access.anonymous: true to let in everybody who reaches a listener.',
    }),
  ];
}

function certificatePaths({ listeners }: Config): string[] {
  return listeners.flatMap((_, index) => [
    `listeners.${index}.type`,
    `listeners.${index}.clientCertificates`,
  ]);
}

function anonymousFindings({ access, listeners }: Config): Finding[] {
  if (!access.anonymous) return [];
  const open = [...listeners.entries()].filter(([, listener]) => {
    const needsCertificate = 'clientCertificates' in listener && listener.clientCertificates === 'required';
    return !needsCertificate && !isLoopback(listener.host);
  });
  if (open.length === 0) return [];
  const places = open.map(
    ([index, { host, port }]) => `listeners.${index} (${host.includes(':') ? `[${host}]` : host}:${port})`,
  );
  return [
    warning(['access.anonymous', ...open.map(([index]) => `listeners.${index}.host`)], {
      message: `everybody who can reach ${places.join(', ')} is let in unasked`,
      hint: 'Listen on 127.0.0.1 only, or set it to false and access.usersFile.',
    }),
  ];
}

function grantFindings(config: Config): Finding[] {
  const { rules } = config.access;
  const isOpen = rules.length === 0 && !hasUsers(config);
  if (isOpen || rules.some(({ publish, subscribe }) => publish.length + subscribe.length > 0)) return [];
  return [
    warning(['access.rules', 'access.usersFile', 'access.hook.url'], {
      alsoOn: certificatePaths(config),
      message: 'grants nothing to anybody: clients can connect, and may neither publish nor subscribe',
      hint: 'Add a rule; one that allows everything to everybody is {publish: ["#"], subscribe: ["#"]}.',
    }),
  ];
}

function ruleFindings({ access }: Config): Finding[] {
  return access.rules.flatMap((rule, index) =>
    groupProblem(`access.rules.${index}.groups`, rule.groups, access),
  );
}

function hookFindings({ access: { hook } }: Config): Finding[] {
  const findings: Finding[] = [];
  if (hook.silent === 'refuse' && hook.staleMs !== defaultStaleMs) {
    findings.push(
      warning(['access.hook.staleMs', 'access.hook.silent'], {
        message: 'has no effect: silent is refuse',
        hint: 'Set silent: last-answer, or leave it out.',
      }),
    );
  }
  const { protocol, hostname } = hook.url === '' ? { protocol: '', hostname: '' } : new URL(hook.url);
  if (protocol === 'http:' && !isLoopback(hostname)) {
    findings.push(
      warning(['access.hook.url'], {
        message: 'user names and passwords are sent to it unencrypted',
        hint: 'Use https://, unless nobody can listen in on the way there.',
      }),
    );
  }
  return findings;
}

/** A wait within the time that a connection has for its CONNECT, or it would be ended before the answer. */
function failureFindings({ access: { failures }, mqtt }: Config): Finding[] {
  if (failures.delayMaxMs < mqtt.connectTimeoutMs) return [];
  const [delay, timeout] = [failures.delayMaxMs, mqtt.connectTimeoutMs].map((ms) =>
    formatQuantity('duration', ms),
  );
  return [
    problem(['access.failures.delayMaxMs', 'mqtt.connectTimeoutMs'], {
      message: `${delay} is not less than mqtt.connectTimeoutMs, ${timeout}`,
      hint: `Lower it below ${timeout}, or raise mqtt.connectTimeoutMs.`,
    }),
  ];
}
