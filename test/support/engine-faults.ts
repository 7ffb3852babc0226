// Preloaded into a gateway (`node --import`): puts faults into its session engine, each set off by what a client
// subscribes to, or by the ping of a client of a certain name.

import { Aedes } from 'aedes';

type Done = (error?: Error) => void;
interface Broker {
  subscribe(topic: string, deliver: unknown, done: Done): void;
  on(event: 'ping', listener: (packet: unknown, client: { id: string }) => void): void;
}

const fail = (): never => {
  throw new Error('a fault that was put in');
};

/** How a fault can surface where nobody catches it. */
const faults: Readonly<Record<string, () => void>> = {
  'fault/at-once': fail,
  'fault/next-tick': () => process.nextTick(fail),
  'fault/immediate': () => void setImmediate(fail),
  'fault/timer': () => void setTimeout(fail, 5),
  'fault/promise': () => void Promise.resolve().then(fail),
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
    subscribe(topic, topic === 'poison/#' ? fail : deliver, done);
  };
  broker.on('ping', (_packet, client) => {
    if (client.id === 'faulty-ping') fail();
  });
  return broker;
}) as never;
