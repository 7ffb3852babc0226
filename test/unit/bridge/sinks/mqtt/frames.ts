// What a FrameWriter wrote, read by mqtt-packet: the judge of whether it is MQTT.

import { type IPublishPacket, type Packet, parser } from 'mqtt-packet';
import { FrameWriter } from '../../../../../bridge/sinks/mqtt/frame-writer.ts';

export class FrameTray {
  chunks: Uint8Array[] = [];
  readonly out = new FrameWriter((chunk) => this.chunks.push(chunk));

  /** The packets written since the last call. */
  take(protocolVersion: 4 | 5): IPublishPacket[] {
    this.out.flush();
    const packets: Packet[] = [];
    const reader = parser({ protocolVersion });
    reader.on('packet', (packet) => packets.push(packet));
    reader.on('error', (error) => {
      throw error;
    });
    for (const chunk of this.chunks.splice(0)) reader.parse(Buffer.from(chunk));
    return packets as IPublishPacket[];
  }
}
