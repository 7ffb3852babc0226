// What a connection needs of the gateway around it; one object for all connections.

import type { Clock } from '../../config/clock.ts';
import type { Logger } from '../../config/logger.ts';
import type { GroupCommit } from '../../storage/group-commit.ts';
import type { UnreleasedIds } from '../../storage/sessions/inbound-qos2.ts';
import type { FaultFence } from '../sessions/fault-fence.ts';
import type { Connection } from './connection.ts';
import type { Frame } from './frames/fixed-header.ts';
import type { FrameRules } from './frames/frame-rules.ts';
import type { ListenerCounters } from './listener-counters.ts';
import type { ClientTerms } from './outbound/outbound-flow.ts';
import type { QueueLimits } from './outbound/publish-queue.ts';
import type { PublishIntake } from './publish-intake.ts';

/** What became of a CONNECT. */
export type Opening =
  | {
      ok: true;
      clientId: string;
      version: 3 | 4 | 5;
      /** 0 = none. */
      keepAliveS: number;
      /** As the client asked for it. */
      sessionExpiryS: number;
      terms: ClientTerms;
      /** The CONNECT as the session engine is to see it. */
      frame: Buffer;
    }
  /** `answer`: the CONNACK that says no, null where the protocol wants the connection just closed. */
  | { ok: false; answer: Buffer | null; detail: string };

export interface ConnectionHost {
  readonly lanes: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: ListenerCounters;
  readonly fence: FaultFence;
  readonly groupCommit: GroupCommit;
  readonly intake: PublishIntake;
  readonly outboundLimits: QueueLimits;
  readonly outboundBytesMax: number;
  newRules(): FrameRules;
  /** Judges the CONNECT in `frame`. */
  open(bytes: Buffer, frame: Frame, rules: FrameRules): Opening;
  /** Packet ids of inbound QoS 2 messages of the client's session that are not released. */
  qos2Of(clientId: string): UnreleasedIds;
  /** Calls back once when a publish that found no room may be tried again. */
  whenRoom(callback: () => void): void;
  closed(connection: Connection): void;
}
