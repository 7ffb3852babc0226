// What one may publish and subscribe to here, as arguments of mosquitto_pub and mosquitto_sub: anything where
// everything is allowed, else what the first rule that grants something says, with placeholders in capitals for who
// one is.

import type { Config } from '../../config/settings.ts';
import { hasUsers } from '../../config/sign-in-ways.ts';
import { quoted } from './client-flags.ts';

export interface ExampleTopics {
  /** Undefined: nobody may. */
  readonly publish: string | undefined;
  readonly subscribe: string | undefined;
}

const TOPIC = 'plant/line1/temperature';
const FILTER = 'plant/#';

export function exampleTopics(config: Pick<Config, 'access' | 'listeners'>): ExampleTopics {
  const { rules } = config.access;
  const isOpen = rules.length === 0 && !hasUsers(config);
  const [toPublish, toSubscribe] = isOpen
    ? ['#', '#']
    : [rules.flatMap(({ publish }) => publish)[0], rules.flatMap(({ subscribe }) => subscribe)[0]];
  return {
    publish: argument(
      toPublish === '#' ? TOPIC : toPublish?.replace(/#$/, 'temperature').replaceAll('+', 'line1'),
    ),
    subscribe: argument(toSubscribe === '#' ? FILTER : toSubscribe),
  };
}

function argument(filter: string | undefined): string | undefined {
  if (filter === undefined) return undefined;
  const named = filter.replace(/\{(client|user|group)\}/g, (_, name: string) => name.toUpperCase());
  const isOfClient = filter.includes('{client}');
  return `${isOfClient ? '-i CLIENT ' : ''}-t ${quoted(named)}`;
}
