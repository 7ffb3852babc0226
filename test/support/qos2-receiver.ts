// A subscriber that follows the receiver's side of QoS 2 to the letter (MQTT 5.0 4.3.3, method B of MQTT 3.1.1) while its
// connection is lost again and again, at any step of any flow.

import type { Random } from './mqtt-frame-random.ts';
import type { Packet, RawClient } from './raw-client.ts';

export class Qos2Receiver {
  /** Payloads, once each: a PUBLISH whose packet id was not yet released is the same message again. */
  readonly delivered: string[] = [];
  connections = 0;
  readonly #unreleased = new Set<number>();
  readonly #connect: () => Promise<RawClient>;
  readonly #random: Random;
  #released = 0;

  constructor(connect: () => Promise<RawClient>, random: Random) {
    this.#connect = connect;
    this.#random = random;
  }

  /** Resolves when `count` messages have been delivered and released, and the gateway is owed nothing more. */
  async run(count: number): Promise<void> {
    while (this.#released < count) {
      using client = await this.#connect();
      this.connections++;
      // The connection is lost after some steps: before the last one is answered, or behind the answer.
      for (let left = this.#random.between(1, 60); left > 0 && this.#released < count; left--) {
        const packet = await client.any();
        if (left === 1 && this.#random.chance(50)) this.#take(packet);
        else this.#answer(client, packet);
      }
      await client.drop();
    }
    await this.#settle();
  }

  /** Answers everything until a ping's round trip brings nothing else. */
  async #settle(): Promise<void> {
    using client = await this.#connect();
    for (let answered = 1; answered > 0; ) {
      answered = 0;
      client.send({ cmd: 'pingreq' });
      for (let packet = await client.any(); packet.cmd !== 'pingresp'; packet = await client.any()) {
        this.#answer(client, packet);
        answered++;
      }
    }
  }

  #take({ cmd, messageId, payload }: Packet): number {
    if (messageId === undefined || !['publish', 'pubrel'].includes(cmd)) throw new Error(`unexpected ${cmd}`);
    if (cmd === 'publish') {
      if (!this.#unreleased.has(messageId)) this.delivered.push(String(payload));
      this.#unreleased.add(messageId);
    } else if (this.#unreleased.delete(messageId)) {
      this.#released++;
    }
    return messageId;
  }

  #answer(client: RawClient, packet: Packet): void {
    const messageId = this.#take(packet);
    client.send({ cmd: packet.cmd === 'publish' ? 'pubrec' : 'pubcomp', messageId });
  }
}
