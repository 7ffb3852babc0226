// A program: a gateway whose session engine has faults put into it, each set off by what a client subscribes to or by
// its ping. Runs like `sluice start`: one argument, the configuration file.

import { Aedes } from 'aedes';
import { loadConfig } from '../../config/load.ts';
import { createLogger } from '../../config/logger.ts';
import { Gateway } from '../../gateway/gateway.ts';

type Done = (error?: Error) => void;
interface Broker {
  subscribe(topic: string, deliver: unknown, done: Done): void;
  on(event: 'ping', listener: (packet: unknown, client: { id: string }) => void): void;
}

const fault = (how: string): Error => new Error(`a fault put in: ${how}`);

/** How a fault can surface where nobody catches it. */
const faults: Readonly<Record<string, () => void>> = {
  'fault/at-once': () => {
    throw fault('at once');
  },
  'fault/next-tick': () => process.nextTick(faults['fault/at-once']),
  'fault/immediate': () => void setImmediate(faults['fault/at-once']),
  'fault/timer': () => void setTimeout(faults['fault/at-once'], 5),
  'fault/promise': () => void Promise.resolve().then(faults['fault/at-once']),
  'fault/no-error': () => {
    setImmediate(() => {
      throw 'not even an Error';
    });
  },
};

const create = Aedes.createBroker;
Aedes.createBroker = (async (options: never) => {
  const broker = (await create.call(Aedes, options)) as unknown as Broker;
  const subscribe = broker.subscribe.bind(broker);
  broker.subscribe = (topic, deliver, done) => {
    faults[topic]?.();
    subscribe(topic, topic === 'poison/#' ? faults['fault/at-once'] : deliver, done);
  };
  broker.on('ping', (_packet, client) => {
    if (client.id === 'faulty-ping') throw fault('in a listener');
  });
  return broker;
}) as never;

const loaded = loadConfig({ file: process.argv[2], env: {} });
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
const { config } = loaded;
const gateway = new Gateway({
  config,
  log: createLogger(config.log),
  onFatal: (error) => {
    console.error('FATAL', error);
    process.exit(1);
  },
});
await gateway.start();
console.error(`devices publish to   ${gateway.listenerUrls[0]}`);
process.once('SIGTERM', () => void gateway.stop(3000).then(() => process.exit(0)));
