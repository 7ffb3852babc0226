// The kinds of clients that do not behave, each as a function that makes one: half-open, slow reader, malformed,
// oversize, wrong credentials. What they share is in misbehaving-client.ts.

import { connectFrame, frame, subscribeFrame } from './connect-frame.ts';
import { FrameWriter } from './frame-writer.ts';
import { malformedFrame } from './malformed-frame.ts';
import {
  type Conduct,
  ConductedClient,
  type Line,
  type MisbehavingClient,
  type MisbehavingOptions,
} from './misbehaving-client.ts';

const KEEP_ALIVE_S = 30;
const PINGREQ = frame(0xc0);
/** A gateway that has not ended the connection after that long does not mind. */
const PATIENCE_MS = 3000;

/** Connects and then says nothing, or the first half of a CONNECT. */
export function halfOpenClient(options: MisbehavingOptions, says: 'nothing' | 'half'): MisbehavingClient {
  return new ConductedClient(options, {
    opened(line) {
      const connect = introduction(options);
      if (says === 'half') line.send(connect.subarray(0, connect.length >> 1));
    },
  });
}

/** Subscribes to `filter`, and then reads nothing of what it gets; it keeps itself alive. */
export function slowReader(options: MisbehavingOptions, filter: string): MisbehavingClient {
  const { version } = options;
  const keepAlive = (line: Line): void => {
    line.send(PINGREQ);
    line.after((KEEP_ALIVE_S * 1000) / 2, () => keepAlive(line));
  };
  return conducted(options, {
    welcomed: (line) => line.send(subscribeFrame({ version, packetId: 1, filter, qos: 1 })),
    answered(line) {
      line.stopReading();
      keepAlive(line);
    },
  });
}

/** Sends a frame that no MQTT version allows, as soon as it is welcome. */
export function malformedClient(options: MisbehavingOptions): MisbehavingClient {
  return conducted(options, {
    welcomed(line) {
      line.send(malformedFrame(options.random, options.version));
      line.after(PATIENCE_MS, () => line.tolerated());
    },
  });
}

export interface OversizeOptions {
  topic: string;
  payloadBytes: number;
  /** Between two of them on one connection. */
  intervalMs: number;
}

/** Publishes what is too large, again and again, one at a time. */
export function oversizeClient(
  options: MisbehavingOptions,
  { topic, payloadBytes, intervalMs }: OversizeOptions,
): MisbehavingClient {
  const writer = new FrameWriter(options.version);
  const payload = Buffer.alloc(payloadBytes, 'oversize ');
  let sequence = 0;
  const publish = (line: Line): void => {
    const packetId = 1 + (sequence % 0xffff);
    writer.publish({ topic, payload, qos: 1, retain: false, sequence: sequence++ }, packetId, false);
    line.send(writer.take());
  };
  return conducted(options, {
    welcomed: publish,
    answered: (line) => line.after(intervalMs, () => publish(line)),
  });
}

/** Introduces itself with the wrong password of its options; if the gateway takes it, it leaves and tries again. */
export function wrongCredentialsClient(options: MisbehavingOptions): MisbehavingClient {
  return conducted(options, { welcomed: (line) => line.tolerated() });
}

/** Of a client that introduces itself as it should. */
function conducted(options: MisbehavingOptions, conduct: Omit<Conduct, 'opened'>): MisbehavingClient {
  const opened = (line: Line): void => line.send(introduction(options));
  return new ConductedClient(options, { ...conduct, opened });
}

function introduction({ version, clientId, username, password }: MisbehavingOptions): Buffer {
  const session = { cleanSession: true, sessionExpiryS: 0, keepAliveS: KEEP_ALIVE_S };
  return connectFrame({ ...session, version, clientId, username, password });
}
