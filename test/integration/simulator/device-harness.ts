// A device client under test: what its events have said, and waiting for them. Destroyed when disposed.

import { type Clock, systemClock } from '../../../config/clock.ts';
import type {
  DeviceClient,
  DeviceClientEvents,
  DeviceClientOptions,
  OutboundMessage,
} from '../../../simulator/fleet/device-client.ts';
import { FaithfulClient } from '../../../simulator/fleet/faithful-client.ts';
import { LeanClient } from '../../../simulator/fleet/lean-client.ts';
import { waitFor } from '../../support/wait-for.ts';

export type ClientClass = new (
  options: DeviceClientOptions,
  events: DeviceClientEvents,
  clock?: Clock,
) => DeviceClient;

export const clientClasses: { name: string; Client: ClientClass }[] = [
  { name: 'the faithful client', Client: FaithfulClient },
  { name: 'the lean client', Client: LeanClient },
];

export class Subject implements Disposable {
  readonly client: DeviceClient;
  readonly log: string[] = [];
  readonly acked: number[] = [];
  readonly latenciesMs: number[] = [];
  readonly refused: [sequence: number, reasonCode: number][] = [];
  connects = 0;
  ready = 0;
  onReady: (() => void) | undefined;
  onAcked: (() => void) | undefined;

  constructor(Client: ClientClass, options: Partial<DeviceClientOptions> & { url: string }, clock?: Clock) {
    const defaults = {
      clientId: 'subject',
      version: 5 as const,
      cleanSession: false,
      sessionExpiryS: 60,
      keepAliveS: 30,
      windowMessages: 10,
      reconnect: { minMs: 10, maxMs: 40 },
      random: () => 0.5,
    };
    this.client = new Client({ ...defaults, ...options }, this.#events(), clock ?? systemClock);
  }

  async connect(): Promise<void> {
    const before = this.connects;
    this.client.connect();
    await waitFor(() => this.connects > before, { timeoutMs: 5000, what: `a connection: ${this.log}` });
  }

  publish(sequence: number, qos: OutboundMessage['qos'] = 1): boolean {
    const payload = Buffer.from(`payload ${sequence}`);
    return this.client.publish({ topic: 'plant/subject', payload, qos, retain: false, sequence });
  }

  /** As fast as there is room. */
  async publishAll(sequences: Iterable<number>, qosOf: (sequence: number) => OutboundMessage['qos']) {
    for (const sequence of sequences) {
      while (!this.publish(sequence, qosOf(sequence))) {
        const room = new Promise<void>((resolve) => {
          this.onReady = resolve;
        });
        await room;
      }
    }
  }

  waitUntil(isSo: () => boolean): Promise<void> {
    return waitFor(isSo, { timeoutMs: 5000, what: () => `${this.log.join('; ')}; acked ${this.acked}` });
  }

  [Symbol.dispose](): void {
    this.client.destroy();
  }

  #events(): DeviceClientEvents {
    return {
      connected: (sessionPresent, connackMs) => {
        this.connects++;
        this.log.push(`connected ${sessionPresent}${connackMs >= 0 ? '' : ` after ${connackMs} ms`}`);
      },
      disconnected: (reason, wasUp) => void this.log.push(`${wasUp ? 'lost' : 'failed'}: ${reason}`),
      acked: (sequence, latencyMs) => {
        this.acked.push(sequence);
        this.latenciesMs.push(latencyMs);
        this.onAcked?.();
      },
      refused: (sequence, reasonCode) => void this.refused.push([sequence, reasonCode]),
      ready: () => {
        this.ready++;
        this.onReady?.();
      },
    };
  }
}
