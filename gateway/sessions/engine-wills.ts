// Wills, as the session engine hands them over: it says when one is due, and is told not to publish it, because the
// gateway keeps it like any publish of that device (will-keeper.ts) and publishes it when it is on disk.

import type { Clock } from '../../config/clock.ts';
import type { MqttProperties } from '../../storage/record-batch/mqtt-properties.ts';
import type { SessionOp } from '../../storage/sessions/session-ops.ts';
import type { SessionPersistence } from '../../storage/sessions/session-persistence.ts';
import type { LeftoverWill } from '../../storage/sessions/wills.ts';
import type { EngineClient, EngineWill } from './engine-types.ts';
import type { LocalMessage } from './fan-out.ts';
import type { LocalPacket } from './session-engine.ts';
import type { WillKeeping } from './will-keeper.ts';

/** The longest that a timer can wait: 24 days. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export interface EngineWillsOptions {
  persistence: SessionPersistence;
  clock: Clock;
  /** A will is due: keep it like any publish of that device, then call back to have it published here. */
  onWill(clientId: string, message: LocalMessage, keeping: WillKeeping): void;
  engine: {
    prepare(message: LocalMessage, clientId: string): LocalPacket;
    opsFor(packet: LocalPacket): SessionOp[];
    publish(packet: LocalPacket, clientId: string, done: () => void): void;
  };
  isRunning(): boolean;
  onStoreFault(cause: Error): void;
}

export class EngineWills {
  readonly #options: EngineWillsOptions;

  constructor(options: EngineWillsOptions) {
    this.#options = options;
  }

  /**
   * Called by the engine for wills only: every other publish is taken before it. It removes the will from the store
   * when
   * it is told no, which is in the same commit.
   */
  authorize(client: EngineClient | null, will: EngineWill, done: (error: Error | null) => void): void {
    if (client === null) return; // the engine's own search for leftovers, which are published by publishLeftover
    if (will.properties !== undefined) {
      // The delay is the gateway's business and no property of a PUBLISH (MQTT 5.0 3.1.3.2.2, 3.3.2.3).
      const { willDelayInterval: _delay, ...properties } = will.properties;
      will.properties = properties;
    }
    this.#keep(client.id, messageOf(will), () => done(new Error('the gateway publishes it')));
  }

  /** A will of the boot before: its client's connection ended with that boot (MQTT 5.0 3.1.2.5). */
  publishLeftover({ clientId, brokerId, packet, delayMs }: LeftoverWill): void {
    const { persistence, clock, isRunning, onStoreFault } = this.#options;
    clock.after(Math.min(delayMs, TIMER_MS_MAX), async () => {
      // The client may have come back within the delay, and left in order: then the will is gone (MQTT-3.1.3-9).
      const will = await persistence.getWill({ id: clientId });
      if (!isRunning() || will?.brokerId !== brokerId) return;
      this.#keep(clientId, messageOf(packet as EngineWill), () => {
        persistence.delWill({ id: clientId, brokerId }).catch(onStoreFault);
      });
    });
  }

  #keep(clientId: string, message: LocalMessage, remove: () => void): void {
    const { engine, onWill } = this.#options;
    let packet: LocalPacket;
    onWill(clientId, message, {
      begin: () => {
        remove();
        packet = engine.prepare(message, clientId); // now, because counters have to be in the order of publishing
        return engine.opsFor(packet);
      },
      done: () => engine.publish(packet, clientId, () => {}),
    });
  }
}

function messageOf(will: EngineWill): LocalMessage {
  const properties = will.properties as MqttProperties | undefined;
  return {
    topic: will.topic,
    payload: Buffer.from(will.payload),
    qos: will.qos,
    retain: will.retain,
    properties,
  };
}
