// What a connection needs of the gateway around it; one object for all connections.

import type { Clock } from '../../config/clock.ts';
import type { Logger } from '../../config/logger.ts';
import type { SummedReport } from '../../config/summed-report.ts';
import type { GroupCommit } from '../../storage/group-commit.ts';
import type { UnreleasedIds } from '../../storage/sessions/inbound-qos2.ts';
import type { FrontDoor } from '../admission/front-door.ts';
import type { AdmittedClient } from '../admission/guest.ts';
import type { ConnectRefusal } from '../admission/identity/identity.ts';
import type { PublishAdmission } from '../admission/publish-admission.ts';
import type { FaultFence } from '../sessions/fault-fence.ts';
import type { Connection } from './connection.ts';
import type { CrowdQueue } from './crowd-queue.ts';
import type { Connect } from './frames/connect.ts';
import type { Frame } from './frames/fixed-header.ts';
import type { FrameRules } from './frames/frame-rules.ts';
import type { Leavers } from './leavers.ts';
import type { ListenerCounters } from './listener-counters.ts';
import type { ClientTerms } from './outbound/outbound-flow.ts';
import type { QueueLimits } from './outbound/publish-queue.ts';
import type { PartialPackets } from './partial-packets.ts';
import type { PublishIntake } from './publish-intake.ts';
import type { UnsentBytes } from './unsent-bytes.ts';

/** A CONNECT that MQTT itself has nothing against. */
export interface ConnectRequest {
  readonly connect: Connect;
  /** Chosen here for a client that sent none. */
  readonly clientId: string;
  /** The CONNECT as it came; a copy. */
  readonly raw: Buffer;
}

/** What became of a CONNECT. */
export type Opening =
  | { ok: true; request: ConnectRequest }
  /** `answer`: the CONNACK that says no, null where the protocol wants the connection just closed. */
  | { ok: false; answer: Buffer | null; detail: string };

/** What holds for a client that was let in. */
export interface GrantedTerms {
  /** As the session engine is to know it. */
  clientId: string;
  /** 0 = none. */
  keepAliveS: number;
  terms: ClientTerms;
  receiveMaximum: number;
  /** The CONNECT as the session engine is to see it. */
  frame: Buffer;
}

export interface ConnectionHost {
  readonly lanes: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: ListenerCounters;
  /** Connections that the gateway ends, by why: a flood of bad clients must not become a flood of lines. */
  readonly endings: SummedReport<string>;
  readonly fence: FaultFence;
  readonly groupCommit: GroupCommit;
  readonly intake: PublishIntake;
  readonly outboundLimits: QueueLimits;
  readonly outboundBytesMax: number;
  readonly partialConnects: PartialPackets;
  readonly partialPackets: PartialPackets;
  readonly unsent: UnsentBytes;
  readonly crowd: CrowdQueue;
  newRules(): FrameRules;
  readonly door: FrontDoor;
  readonly admission: PublishAdmission;
  /** Of a client that waits for its quota, so much is read and kept. */
  readonly heldBytesMax: number;
  /** Those who have gone and are still heard. */
  readonly leavers: Leavers;
  /** The CONNACK for one who is not let in. */
  refusal(connect: Connect, reason: ConnectRefusal): Buffer;
  terms(request: ConnectRequest, client: AdmittedClient): GrantedTerms;
  /** Calls back once when the pressure has eased. */
  whenEased(callback: () => void): void;
  /** Judges the CONNECT in `frame`. */
  open(bytes: Buffer, frame: Frame, rules: FrameRules): Opening;
  /** Packet ids of inbound QoS 2 messages of the client's session that are not released. */
  qos2Of(clientId: string): UnreleasedIds;
  /** Calls back once when a publish that found no room may be tried again. */
  whenRoom(callback: () => void): void;
  /** The one who waited for room has gone. */
  forgetWaiter(callback: () => void): void;
  closed(connection: Connection): void;
}
