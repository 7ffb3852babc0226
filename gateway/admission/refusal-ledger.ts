// Publishes that were turned down, or kept as dead letters: counted exactly, and told to the audit log once a second
// for each client and reason, with how many they were. A client that does nothing else may be turned down hundreds of
// thousands of times a second.

import type { Audit, AuditEvent } from './audit-event.ts';
import type { AdmittedClient } from './guest.ts';
import { publishRefusalOf } from './publish-refusal.ts';

const TELL_EVERY_MS = 1000;

/** What one client was turned down for and has not been told of yet. */
interface Untold {
  readonly refusal: number;
  count: number;
  /** The topic of the latest. */
  topic: string;
  toldAtMs: number;
}

export class RefusalLedger {
  readonly #audit: Audit;
  readonly #nowMs: () => number;
  readonly #event: AuditEvent['event'];
  readonly #counts = new Map<number, number>();
  readonly #byClient = new WeakMap<AdmittedClient, Untold[]>();

  constructor(audit: Audit, monotonicMs: () => number, event: AuditEvent['event'] = 'publish-refused') {
    this.#audit = audit;
    this.#nowMs = monotonicMs;
    this.#event = event;
  }

  /** By name; since the start. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].map(([refusal, count]) => [nameOf(refusal), count]));
  }

  /** `refusal`: of publish-refusal.ts. */
  add(client: AdmittedClient, refusal: number, topic: string): void {
    this.#counts.set(refusal, (this.#counts.get(refusal) ?? 0) + 1);
    const untold = this.#of(client, refusal);
    untold.count++;
    untold.topic = topic;
    const nowMs = this.#nowMs();
    if (nowMs - untold.toldAtMs < TELL_EVERY_MS) return;
    untold.toldAtMs = nowMs;
    this.#tell(client, untold);
  }

  /** The client has gone: what was not told yet is. */
  close(client: AdmittedClient): void {
    for (const untold of this.#byClient.get(client) ?? []) if (untold.count > 0) this.#tell(client, untold);
    this.#byClient.delete(client);
  }

  #of(client: AdmittedClient, refusal: number): Untold {
    let all = this.#byClient.get(client);
    if (all === undefined) {
      all = [];
      this.#byClient.set(client, all);
    }
    let untold = all.find((one) => one.refusal === refusal);
    if (untold === undefined) {
      untold = { refusal, count: 0, topic: '', toldAtMs: -Infinity };
      all.push(untold);
    }
    return untold;
  }

  #tell(client: AdmittedClient, untold: Untold): void {
    const { count, topic, refusal } = untold;
    untold.count = 0;
    this.#audit.write({
      event: this.#event,
      reason: nameOf(refusal),
      client: client.clientId,
      user: client.identity.user,
      address: client.address,
      object: topic,
      times: count,
    });
  }
}

function nameOf(refusal: number): string {
  return publishRefusalOf(refusal)?.name ?? 'unknown';
}
