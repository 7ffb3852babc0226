// Messages from upstream to devices, from the moment they come in until the gateway has answered for them. A
// QoS 1 command is acknowledged (PUBACK), a QoS 2 command received (PUBREC), only then; one that is resent
// because the connection broke in between is not handed on twice while the gateway is still at it. A gateway
// that stops in between gets it again: commands arrive at least once.
//
// No loops: on MQTT 5 the subscription says "no local" (MQTT 5.0 3.8.3.1), and whatever bears our own name is
// dropped; on MQTT 3.1.1 nothing tells an echo from a command, the settings are checked for overlaps instead.
// Bounded: with too many commands open, the connection is not read on until one is answered.

import type { IPublishPacket } from 'mqtt';
import type { CommandMessage } from '../sink.ts';
import { COMMANDS_OPEN_MAX, type MqttSinkSettings } from './config.ts';
import { NAME_PROPERTY } from './properties.ts';
import { matchesFilter } from './topic.ts';

/** Set by gateways on what they send, so that they know it again. */
export const ORIGIN_PROPERTY = 'sluice-origin';

const PUBACK = 0x40;
const PUBREC = 0x50;
/** MQTT 5.0 3.4.2.1: "the receiver does not accept the PUBLISH". */
const NOT_ACCEPTED = 0x83;

export interface CommandInboxOptions {
  gatewayId: string;
  filters: MqttSinkSettings['commands'];
  protocolVersion: 4 | 5;
  emit: (command: CommandMessage) => void;
  /**
   * Writes a whole packet to the connection there is now; without one it is lost, and the upstream resends.
   */
  write: (bytes: Uint8Array) => void;
}

interface OpenCommand {
  qos: 0 | 1 | 2;
  packetId: number;
}

export class CommandInbox {
  readonly #options: CommandInboxOptions;
  #nextId = 1;
  /** Handed on and not answered, by our id. */
  readonly #open = new Map<number, OpenCommand>();
  /** Packet ids of those with QoS 1 and 2. */
  readonly #openPacketIds = new Set<number>();
  /** QoS 2: received in full, not released yet (MQTT 5.0 4.3.3). */
  readonly #received = new Set<number>();
  readonly #waiting: (() => void)[] = [];

  constructor(options: CommandInboxOptions) {
    this.#options = options;
  }

  /** A new connection; without the old session, packet ids mean nothing any more. */
  connected(sessionPresent: boolean): void {
    this.#waiting.length = 0;
    if (sessionPresent) return;
    this.#open.clear();
    this.#openPacketIds.clear();
    this.#received.clear();
  }

  /** A PUBLISH came in. `carryOn` has the connection read on. */
  receive(packet: IPublishPacket, carryOn: () => void): void {
    const { qos, messageId = 0 } = packet;
    if (qos === 2 && this.#received.has(messageId)) this.#acknowledge(2, messageId, true);
    else if (qos === 0 || !this.#openPacketIds.has(messageId)) this.#accept(packet);
    if (this.#open.size < COMMANDS_OPEN_MAX) carryOn();
    else this.#waiting.push(carryOn);
  }

  /** The upstream has released a QoS 2 packet id. */
  released(packetId: number): void {
    this.#received.delete(packetId);
  }

  /** The gateway has published the command to its devices, or could not. */
  answer(id: number, taken: boolean): void {
    const command = this.#open.get(id);
    if (command === undefined) return;
    this.#open.delete(id);
    this.#openPacketIds.delete(command.packetId);
    this.#acknowledge(command.qos, command.packetId, taken);
    this.#waiting.shift()?.();
  }

  #accept(packet: IPublishPacket): void {
    const { qos, messageId = 0 } = packet;
    if (!this.#isWanted(packet)) {
      this.#acknowledge(qos, messageId, true);
      return;
    }
    const id = this.#nextId++;
    this.#open.set(id, { qos, packetId: messageId });
    if (qos > 0) this.#openPacketIds.add(messageId);
    this.#options.emit(commandOf(id, packet));
  }

  #isWanted({ topic, properties }: IPublishPacket): boolean {
    const { gatewayId, filters } = this.#options;
    const own = properties?.userProperties;
    if (valuesOf(own?.[ORIGIN_PROPERTY]).includes(gatewayId)) return false;
    if (valuesOf(own?.[NAME_PROPERTY]).some((name) => name.startsWith(`${gatewayId}/`))) return false;
    // A subscription of an earlier configuration lives on in the session.
    return filters.some(({ filter }) => matchesFilter(filter, topic));
  }

  #acknowledge(qos: 0 | 1 | 2, packetId: number, taken: boolean): void {
    if (qos === 0) return;
    const refused = !taken && this.#options.protocolVersion === 5;
    if (qos === 2 && !refused) this.#received.add(packetId);
    const id = [packetId >> 8, packetId & 0xff];
    const head = qos === 1 ? PUBACK : PUBREC;
    this.#options.write(Uint8Array.from(refused ? [head, 3, ...id, NOT_ACCEPTED] : [head, 2, ...id]));
  }
}

function valuesOf(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value as string];
}

function commandOf(
  id: number,
  { topic, payload, qos, retain, properties = {} }: IPublishPacket,
): CommandMessage {
  const { subscriptionIdentifier: _subscription, topicAlias: _alias, ...travelling } = properties;
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
  return { id, topic, payload: bytes, qos, retain, properties: travelling };
}
