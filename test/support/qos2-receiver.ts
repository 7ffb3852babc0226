// A subscriber that follows the receiver's side of QoS 2 to the letter (MQTT 5.0 4.3.3, method B of MQTT 3.1.1) while its
// connection is lost again and again, at any step of any flow.

import type { Random } from './mqtt-frame-random.ts';
import type { RawClient } from './raw-client.ts';

export class Qos2Receiver {
  /** Payloads, once each: a PUBLISH whose packet id was not yet released is the same message again. */
  readonly delivered: string[] = [];
  connections = 0;
  readonly #unreleased = new Set<number>();
  readonly #connect: () => Promise<RawClient>;
  readonly #random: Random;
  #released = 0;
  /** Of a hundred packets that want an answer, how many get one before the connection is lost. */
  #answers = 90;

  constructor(connect: () => Promise<RawClient>, random: Random) {
    this.#connect = connect;
    this.#random = random;
  }

  /** Resolves when `count` messages have been delivered and released, and the gateway is owed nothing more. */
  async run(count: number): Promise<void> {
    while (this.#released < count) {
      using client = await this.#connect();
      this.connections++;
      const steps = this.#random.between(1, 60);
      for (let step = 0; step < steps && this.#released < count; step++) await this.#step(client);
      await client.drop();
    }
    using client = await this.#connect();
    this.#answers = 100;
    for (let left = 1; left > 0; ) {
      client.send({ cmd: 'pingreq' });
      for (left = 0; await this.#step(client); ) left++;
    }
  }

  /** False when it was a PINGRESP. */
  async #step(client: RawClient): Promise<boolean> {
    const { cmd, messageId, payload } = await client.any();
    if (cmd === 'pingresp') return false;
    if (messageId === undefined) throw new Error(`unexpected ${cmd}`);
    const answers = this.#random.chance(this.#answers);
    if (cmd === 'publish') {
      if (!this.#unreleased.has(messageId)) this.delivered.push(String(payload));
      this.#unreleased.add(messageId);
      if (answers) client.send({ cmd: 'pubrec', messageId });
    } else if (cmd === 'pubrel') {
      if (this.#unreleased.delete(messageId)) this.#released++;
      if (answers) client.send({ cmd: 'pubcomp', messageId });
    } else {
      throw new Error(`unexpected ${cmd}`);
    }
    return true;
  }
}
