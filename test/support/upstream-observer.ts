// An independent subscriber of a broker that writes down every record that arrives, in both formats of the
// MQTT sink: by name where there is one, else by the number that test payloads begin with.

import { connectAsync, type IPublishPacket, type MqttClient } from 'mqtt';
import { decodeBatch } from '../../storage/record-batch/codec.ts';
import { recordsOf } from '../../storage/record-batch/record-batch.ts';
import { LookOut } from './look-out.ts';

export interface ObservedRecord {
  lane: string;
  offset: number;
  topic: string;
  payload: string;
}

export class UpstreamObserver implements AsyncDisposable {
  readonly records: ObservedRecord[] = [];
  readonly packets: IPublishPacket[] = [];
  readonly #client: MqttClient;
  readonly #lookOut = new LookOut();

  constructor(client: MqttClient) {
    this.#client = client;
    client.on('message', (topic, payload, packet) => {
      this.packets.push(packet);
      this.#note(topic, payload, packet);
      this.#lookOut.look();
    });
  }

  static async start(port: number, filter = '#'): Promise<UpstreamObserver> {
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, {
      protocolVersion: 5,
      reconnectPeriod: 20,
    });
    const observer = new UpstreamObserver(client);
    await client.subscribeAsync(filter, { qos: 2, rap: true });
    return observer;
  }

  /** Resolves when `isThere` holds; looks at every arrival. */
  until(isThere: () => boolean): Promise<void> {
    return this.#lookOut.until(isThere);
  }

  /** Resolves when every record of a lane up to `end` has arrived. */
  async received(end: number, lane = 'main'): Promise<void> {
    const offsets = new Set<number>();
    let seen = 0;
    await this.until(() => {
      for (; seen < this.records.length; seen++)
        if (this.records[seen].lane === lane) offsets.add(this.records[seen].offset);
      return offsets.size >= end;
    });
  }

  /** The offsets of a lane in the order of their first copies. */
  firstCopies(lane = 'main'): number[] {
    return [...new Set(this.records.filter((record) => record.lane === lane).map(({ offset }) => offset))];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.endAsync(true);
  }

  #note(topic: string, payload: Buffer, packet: IPublishPacket): void {
    if (payload.subarray(0, 3).equals(Buffer.from([0xd9, 0xd9, 0xf7]))) {
      for (const record of recordsOf(decodeBatch(payload))) {
        const { lane, offset } = record;
        this.records.push({
          lane,
          offset,
          topic: record.topic,
          payload: Buffer.from(record.payload).toString(),
        });
      }
      return;
    }
    const name = [packet.properties?.userProperties?.sluice].flat().at(-1)?.split('/');
    const offset = name === undefined ? Number.parseInt(payload.toString(), 10) : Number(name[2]);
    this.records.push({ lane: name?.[1] ?? 'main', offset, topic, payload: payload.toString() });
  }
}
