// What a run drives and harms: where devices connect, where messages arrive, and what can be done to what lies
// between. Two kinds are started for the run (sluice-system.ts, mosquitto-system.ts), one runs already (external-
// system.ts).

import type { LinkProxy } from '../faults/link-proxy.ts';
import type { ProcessUsage } from '../system/process-usage.ts';

export interface SystemUnderTest extends AsyncDisposable {
  /** Where devices connect. */
  readonly gatewayUrl: string;
  /** Where messages arrive; null: nothing can be verified. */
  readonly upstreamUrl: string | null;
  readonly upstreamFilter: string;
  /** Of the receiver, where the upstream asks for them. */
  readonly upstreamCredentials?: { username: string; password: string };
  /** For reports: products, versions, settings that matter. */
  readonly gatewayText: string;
  readonly upstreamText: string;
  /** Between the gateway and its upstream; null: out of reach. */
  readonly link: LinkProxy | null;
  /** null: not ours to harm. */
  readonly gateway: GatewayControl | null;
  /** Processes of the run that ended without anybody ending them, a sentence each. */
  ownEndings?(): readonly string[];
}

/** Everything resolves when it has happened; `start` when connections are taken. */
export interface GatewayControl {
  start(): Promise<void>;
  /** kill -9 */
  kill(): Promise<void>;
  /** In order. */
  stop(): Promise<void>;
  /** Kills it, and leaves on the disk what was synced. */
  cutPower(): Promise<void>;
  fillDisk(leaveFreeBytes: number): void;
  releaseDisk(): void;
  readonly usage: ProcessUsage | undefined;
}
