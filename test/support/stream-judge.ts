// What becomes of a connection, packet after packet, by what the packets mean: CONNECT comes first and once, a topic
// alias is set before it is used, AUTH needs a method, DISCONNECT ends it (MQTT 5.0 3.1, 3.3.2.3.4, 3.14, 4.12).

import type { EssentialFields, Verdict } from './frame-verdict.ts';
import type { ClientVersion } from './mqtt-frame-packets.ts';

/**
 * `open`: every PINGREQ is answered. `ended`: the gateway ends the connection. `waiting`: the last frame is incomplete
 * and the connection stays as it is. `either`: MQTT leaves it to the gateway.
 */
export type Outcome = 'open' | 'ended' | 'waiting' | 'either';

const CONNECT = 1;
/** A client that takes no larger packets may have to be left without an answer (MQTT-3.1.2-25). */
const ROOMY_BYTES = 64 * 1024;
/** A waiting connection may die of it. */
const SHORT_KEEP_ALIVE_S = 60;

export class StreamJudge {
  /** Undefined while more bytes may change it. */
  outcome: Outcome | undefined;
  why = '';
  /** Of the CONNECT; undefined before it. */
  version: ClientVersion | undefined;
  clientId = '';
  pings = 0;
  #isAnyones = false;
  readonly #aliases = new Set<number>();
  readonly #refusedAliases = new Set<number>();

  take(firstByte: number, verdict: Verdict): void {
    if (verdict.kind === 'disagreement') throw new Error(verdict.why);
    const isConnect = firstByte >> 4 === CONNECT;
    if (isConnect !== (this.version === undefined)) this.#end(isConnect ? 'second CONNECT' : 'no CONNECT');
    else if (verdict.kind === 'malformed') this.#end(verdict.why);
    else if (verdict.kind === 'incomplete') this.#settle('waiting', 'incomplete');
    else this.#packet(verdict.packet, verdict.isRefused);
  }

  #packet(packet: EssentialFields, isRefused: boolean): void {
    if (packet.cmd === 'connect') this.#connect(packet);
    else if (packet.cmd === 'publish') this.#publish(packet, isRefused);
    else if (packet.cmd === 'pingreq') this.pings++;
    else if (packet.cmd === 'disconnect' || packet.cmd === 'auth') this.#end(packet.cmd);
  }

  #connect(packet: EssentialFields): void {
    this.version = packet.version;
    this.clientId = packet.clientId ?? '';
    if (packet.hasAuthenticationMethod) this.#end('authentication method');
    const isImpatient = packet.keepAliveS > 0 && packet.keepAliveS < SHORT_KEEP_ALIVE_S;
    this.#isAnyones = isImpatient || (packet.maximumPacketBytes ?? ROOMY_BYTES) < ROOMY_BYTES;
  }

  #publish({ hasTopic, topicAlias }: EssentialFields, isRefused: boolean): void {
    if (topicAlias === undefined) return;
    if (hasTopic) (isRefused ? this.#refusedAliases : this.#aliases).add(topicAlias);
    else if (this.#aliases.has(topicAlias)) return;
    // Whether a publish that was refused sets its alias is not said.
    else if (this.#refusedAliases.has(topicAlias)) this.#settle('either', 'alias of a refused publish');
    else this.#end('unknown alias');
  }

  /** No more bytes come. */
  finish(): Outcome {
    this.outcome ??= 'open';
    if (this.#isAnyones && this.outcome !== 'ended') this.outcome = 'either';
    return this.outcome;
  }

  #end(why: string): void {
    this.#settle('ended', why);
  }

  #settle(outcome: Outcome, why: string): void {
    this.outcome = outcome;
    this.why = why;
  }
}
