// Fits a packet other than PUBLISH into the client's Maximum Packet Size by leaving out what is only for people:
// user properties first, then the reason string. MQTT 5 forbids to send either where it would make the packet too
// large (MQTT-3.2.2-19 and -20 of CONNACK, MQTT-3.4.2-2 and -3 of PUBACK, and so on for every packet that has them).

import { property } from '../frames/property-table.ts';
import { propertyBlockOf, withoutProperties } from './property-block.ts';

/** The packet in at most `bytesMax` bytes, or undefined where that cannot be. */
export function shrinkPacket(frame: Buffer, bytesMax: number): Buffer | undefined {
  let shrunk = frame;
  for (const dispensable of [property.userProperty, property.reasonString]) {
    if (shrunk.length <= bytesMax) return shrunk;
    const block = propertyBlockOf(shrunk);
    if (block === undefined) return undefined;
    shrunk = withoutProperties(shrunk, block, (id) => id !== dispensable);
  }
  return shrunk.length <= bytesMax ? shrunk : undefined;
}
