// Messages from upstream to devices: published to local subscribers, acknowledged upstream when they are delivered to
// those that are here and on disk for those that are away. They do not enter the log, so they cannot loop.

import type { CommandMessage } from '../../bridge/sinks/sink.ts';
import type { MqttProperties } from '../../storage/record-batch/mqtt-properties.ts';
import type { FanOut } from './fan-out.ts';

/** The publisher's name where the engine wants one; it stands for no client. */
const UPSTREAM = '$upstream';

export function commandPublisher(fanOut: FanOut): (command: CommandMessage) => Promise<void> {
  return ({ topic, payload, qos, retain, properties }) =>
    new Promise((resolve) => {
      const message = {
        topic,
        payload: Buffer.from(payload),
        qos,
        retain,
        properties: properties as MqttProperties,
      };
      fanOut.deliver(UPSTREAM, message, resolve);
    });
}
