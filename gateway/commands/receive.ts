// The arguments of `sluice receive`, and what becomes of its result: the summary as JSON (on standard output with
// --summary, where nothing else is printed, otherwise on standard error) and the exit code.

import type { Command } from 'commander';
import { SluiceError } from '../../config/errors.ts';
import { parseQuantity } from '../../config/schema/units.ts';
import { characterFault, topicFilterFault } from '../../config/topic-filter.ts';
import { placeholdersOf, topicTemplateFault } from '../../config/topic-template.ts';
import { brokerUrl } from './broker-url.ts';
import { runInForeground } from './foreground.ts';
import type { ReceiveSummary } from './receive-account.ts';
import { type ReceiveMode, type ReceiveOptions, receive } from './receive-run.ts';

export interface ReceiveArguments {
  from: string;
  topic: string;
  print?: boolean;
  republish?: string;
  republishTopic: string;
  summary?: boolean;
  count?: string;
  for?: string;
  clientId?: string;
  persistent?: boolean;
  fromStart?: boolean;
}

const PLACEHOLDERS = ['topic', 'gateway', 'lane', 'device'];

export function registerReceive(program: Command): void {
  program
    .command('receive')
    .description('Subscribe upstream, check for gaps and duplicates, and print or republish the records.')
    .requiredOption('--from <url>', 'upstream broker, for example mqtt://127.0.0.1:1884')
    .option('--topic <filter>', 'what to subscribe to', 'sluice/#')
    .option('--print', 'print every new record as a JSON line (the default)')
    .option('--republish <url>', 'publish every new record to this broker')
    .option('--republish-topic <template>', 'under this topic: {topic} {gateway} {lane} {device}', '{topic}')
    .option('--summary', 'print nothing but the summary, at the end')
    .option('--count <n>', 'stop after n records')
    .option('--for <duration>', 'stop after a time such as 10s')
    .option('--client-id <id>', 'MQTT client identifier; a random one when missing')
    .option('--persistent', 'keep the session upstream, and what comes while nobody receives')
    .option('--from-start', 'records before the first one seen count as missing')
    .addHelpText(
      'after',
      '\nExit code 0 when nothing is missing or damaged (and --count was reached), otherwise 1.',
    )
    .action((given: ReceiveArguments) => runInForeground((signal) => run(given, signal)));
}

async function run(given: ReceiveArguments, signal: AbortSignal): Promise<number> {
  const options = receiveOptions(given);
  const summary = await receive(options, { out: process.stdout, err: process.stderr }, { signal });
  const stream = options.mode.kind === 'summary' ? process.stdout : process.stderr;
  stream.write(`${JSON.stringify(summary)}\n`);
  return exitCode(summary, options);
}

/** 0 when nothing is missing or damaged, and as many came as were asked for. */
export function exitCode(summary: ReceiveSummary, { count }: Pick<ReceiveOptions, 'count'>): 0 | 1 {
  return summary.ok && summary.records >= (count ?? 0) ? 0 : 1;
}

/** Throws BAD_ARGUMENT, with what to write instead, for anything that cannot be meant. */
export function receiveOptions(given: ReceiveArguments): ReceiveOptions {
  const filterFault = topicFilterFault(given.topic);
  if (filterFault !== undefined)
    throw badArgument('--topic', filterFault, "Write an MQTT topic filter such as 'sluice/#'.");
  if (given.persistent === true && given.clientId === undefined) {
    throw badArgument('--persistent', 'needs a name to find the session again', 'Add --client-id.');
  }
  const idFault =
    given.clientId === undefined
      ? undefined
      : given.clientId === ''
        ? 'is empty'
        : characterFault(given.clientId);
  if (idFault !== undefined)
    throw badArgument('--client-id', idFault, 'Write a name, or leave it out for a random one.');
  return {
    from: brokerUrl(given.from),
    filter: given.topic,
    mode: modeOf(given),
    count: given.count === undefined ? undefined : wholeNumber('--count', given.count),
    forMs: given.for === undefined ? undefined : duration('--for', given.for),
    clientId: given.clientId,
    persistent: given.persistent ?? false,
    fromStart: given.fromStart ?? false,
  };
}

function modeOf(given: ReceiveArguments): ReceiveMode {
  const modes = [given.print, given.republish, given.summary].filter(
    (mode) => mode !== undefined && mode !== false,
  );
  if (modes.length > 1) {
    throw badArgument('--print, --republish and --summary', 'exclude each other', 'Give one of them.');
  }
  if (given.summary === true) return { kind: 'summary' };
  if (given.republish === undefined) return { kind: 'print' };
  const url = brokerUrl(given.republish);
  const template = given.republishTopic;
  const unknown = placeholdersOf(template).find((name) => !PLACEHOLDERS.includes(name));
  const fault =
    unknown === undefined ? topicTemplateFault(template) : `has the unknown placeholder {${unknown}}`;
  if (template === '' || fault !== undefined) {
    throw badArgument('--republish-topic', fault ?? 'is empty', "Write a topic such as 'plant/{topic}'.");
  }
  return { kind: 'republish', url, topicTemplate: template };
}

function wholeNumber(name: string, text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw badArgument(name, `'${text}' is no whole number above 0`, 'Write for example 1000.');
}

function duration(name: string, text: string): number {
  const ms = parseQuantity('duration', text);
  if (ms !== undefined && ms > 0 && ms <= DURATION_MS_MAX) return ms;
  throw badArgument(name, `'${text}' is no duration`, 'Write a time such as 10s, 5m or 1h.');
}

/** What a timer of Node can wait for. */
const DURATION_MS_MAX = 2 ** 31 - 1;

function badArgument(name: string, fault: string, hint: string): SluiceError {
  return new SluiceError('BAD_ARGUMENT', `${name} ${fault}`, { kind: 'permanent', hint });
}
