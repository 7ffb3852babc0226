// One client. Stands between its socket and the session engine (aedes): cuts the inbound bytes into frames, keeps
// PUBLISH and PUBREL for us, checks every other frame and gives it to the engine byte for byte; outbound, what the
// engine writes goes to the socket through OutboundFlow, which mends it.
//
// Invariants: nothing is admitted before the engine has accepted the CONNECT; nothing malformed reaches the engine;
// when there is no room the socket is not read (back-pressure), and the bytes already read wait here.

import { clientLimits } from '../../config/limits.ts';
import { noUnreleasedIds, type UnreleasedIds } from '../../storage/sessions/inbound-qos2.ts';
import { noMount } from '../admission/access/mount.ts';
import type { Entrance } from '../admission/front-door.ts';
import type { AdmittedClient, Guest } from '../admission/guest.ts';
import type { LatestMessage } from '../admission/quota/sample.ts';
import type { TopicEntry } from '../admission/topic-table.ts';
import type { ByteStream } from './client-socket.ts';
import { ClientSource } from './client-source.ts';
import type { ConnectionHost, ConnectRequest } from './connection-host.ts';
import { inCrowd } from './crowd-queue.ts';
import { EngineStream } from './engine-stream.ts';
import { isStored } from './frames/connect.ts';
import { disconnectSessionExpiryS, packetIdOf, validateControl } from './frames/control-validator.ts';
import { cutFrame, Frame, incomplete, packetType } from './frames/fixed-header.ts';
import type { FrameRules, ProtocolVersion } from './frames/frame-rules.ts';
import { mountControl } from './frames/mount-subscription.ts';

import { explain, type Reason, reason } from './frames/reasons.ts';
import { InboundBytes } from './inbound-bytes.ts';
import { KeepAliveFeed } from './keep-alive-feed.ts';
import type { ConnackMend } from './outbound/connack-mend.ts';
import {
  noRoom,
  notItsTurn,
  type Outcome,
  overQuota,
  type PublishOrigin,
  underPressure,
  windowFull,
} from './publish-intake.ts';
import { QuotaWait } from './quota-wait.ts';
import { Hold } from './reading-gate.ts';

type State = 'new' | 'signing-in' | 'connecting' | 'open' | 'closed';

/** Why a client's silence is ours: it is not read. */
const NOT_READ = Hold.room | Hold.drain | Hold.window | Hold.kept | Hold.pressure | Hold.crowd;
/** What does not end once a client has gone. */
const UNHEARD = Hold.end | Hold.drain;
/** Shared by all connections: valid until the next frame is cut. */
const frame = new Frame();

export class Connection extends EngineStream implements PublishOrigin {
  readonly guest: Guest;
  readonly #inbound = new InboundBytes();
  #state: State = 'new';
  /** MQTT 5.0 3.14.2.2.2: a session that was to end with the connection cannot be kept by DISCONNECT. */
  #mayExtendSession = true;
  readonly #keepAlive = new KeepAliveFeed();
  readonly #quotaWait: QuotaWait;
  readonly #tryAgain = () => this.gate.open(Hold.room);
  /** It has gone, and so much of what it had sent is still to be handled; 0: it is there. */
  #leavingBytes = 0;
  /** Completed until the engine's CONNACK comes. */
  #connack: ConnackMend = {};
  readonly rules: FrameRules;
  admitted: AdmittedClient | null = null;
  receiveMaximum = 0;
  persistent = false;
  qos2: UnreleasedIds = noUnreleasedIds;
  readonly source: ClientSource;
  lastTopic: TopicEntry | null = null;
  aliases: TopicEntry[] | null = null;

  constructor(stream: ByteStream, guest: Guest, host: ConnectionHost) {
    super(stream, host);
    this.guest = guest;
    this.rules = host.newRules();
    this.source = new ClientSource({ client: this, lanes: host.lanes, counters: host.counters });
    const { gate, socket } = this;
    this.#inbound.countIn(host.partialConnects, this);
    this.#quotaWait = new QuotaWait({
      gate,
      socket,
      inbound: this.#inbound,
      heldBytesMax: host.heldBytesMax,
      keepLatest: (message) => this.#keepLatest(message),
    });
    stream.on('data', (chunk) => this.#onData(chunk));
    stream.on('error', () => host.crowd.run(() => this.destroy())); // a reset: the session engine sees the end
    if (stream.allowHalfOpen) stream.on('end', () => host.crowd.run(() => stream.end()));
    stream.on('close', () => host.crowd.run(() => this.#left(stream.readableEnded)));
  }

  // -- inbound ------------------------------------------------------------------------------------------------------

  #onData(chunk: Buffer): void {
    this.#look();
    this.#consume(this.#inbound.append(chunk));
    this.#quotaWait.look();
    if (chunk.length >= clientLimits.bytesPerTurnMax) this.endTurn();
    if (this.#state === 'open') this.#keepAlive.feed(this.host.groupCommit.nowMs, this.outbound);
  }

  /** The time, for all that is handled now. */
  #look(): void {
    const { clock, groupCommit, admission } = this.host;
    groupCommit.nowMs = clock.nowMs();
    admission.nowMs = clock.monotonicMs();
  }

  /** Handles whole frames from the front of `bytes`; what is left over stays in `#inbound`. */
  #consume(bytes: Buffer): void {
    let at = 0;
    let wantedBytes = 0;
    for (let frames = 1; at < bytes.length && this.gate.isOpen; frames++) {
      const cut = cutFrame(bytes, at, bytes.length, frame, this.rules);
      if (cut === incomplete) {
        wantedBytes = frame.bodyEnd - at; // negative while the length itself is incomplete
        break;
      }
      const end = frame.bodyEnd;
      const outcome = cut === reason.ok ? this.#handleFenced(bytes) : cut;
      if (outcome < reason.ok) {
        this.#waitFor(outcome);
        break;
      }
      if (outcome !== reason.ok) {
        this.#violate(outcome as Reason);
        return;
      }
      at = end;
      if (frames === clientLimits.framesPerTurnMax) this.endTurn();
    }
    this.#inbound.keep(bytes, at, wantedBytes);
    this.host.admission.chunkEnds();
  }

  /** A fault over the bytes of one client, the gateway's own too, ends that client and nobody else. */
  #handleFenced(bytes: Buffer): Outcome | typeof inCrowd {
    try {
      return this.#handle(bytes);
    } catch (thrown) {
      this.faulted(thrown instanceof Error ? thrown : new Error(String(thrown)));
      return reason.ok;
    }
  }

  #handle(bytes: Buffer): Outcome | typeof inCrowd {
    if (frame.type === packetType.publish) return this.host.intake.publish(this, bytes, frame);
    if (isCostly(frame.type) && !this.host.crowd.admits()) return inCrowd;
    const { groupCommit } = this.host;
    if (this.#state === 'new') return this.#connect(bytes);
    const why = validateControl(bytes, frame, this.rules);
    if (why !== reason.ok) return why;
    switch (frame.type) {
      case packetType.pubrel:
        return this.host.intake.release(this, packetIdOf(bytes, frame));
      case packetType.pingreq:
        if (this.#quotaWait.passOver()) return reason.ok;
        break;
      case packetType.subscribe:
      case packetType.unsubscribe:
        if (this.persistent && !groupCommit.hasRoomToWait()) return noRoom;
        break;
      case packetType.auth:
        return reason.authNotNegotiated;
      case packetType.disconnect:
        if (!this.#mayExtendSession && (disconnectSessionExpiryS(bytes, frame) ?? 0) > 0)
          return reason.sessionExpiryRaised;
        this.gate.close(Hold.end); // MQTT-3.14.4-2: nothing may follow
    }
    const asSent = Buffer.from(bytes.subarray(frame.start, frame.bodyEnd));
    const own = mountControl(asSent, this.rules.version as ProtocolVersion, this.admitted?.mount ?? noMount);
    if (isDeliveryAck(frame.type) && this.outbound.fromClient(frame.type, own) === 'swallow')
      return reason.ok;
    this.#keepAlive.fed(groupCommit.nowMs);
    this.toEngine(own);
    return reason.ok;
  }

  #connect(bytes: Buffer): Outcome {
    const opening = this.host.open(bytes, frame, this.rules);
    if (!opening.ok) {
      if (opening.answer !== null) this.socket.write(opening.answer);
      this.host.counters.protocolViolations++;
      this.endConnection('connect-refused', opening.detail);
      return reason.ok;
    }
    const { request } = opening;
    if (isStored(request.connect) && !this.host.groupCommit.hasRoomToWait()) return noRoom;
    this.rules.version = request.connect.version;
    this.device = request.clientId; // for the log, until it is known who that is
    this.#state = 'signing-in';
    this.gate.close(Hold.session);
    this.host.door
      .signIn(this.guest, { ...request.connect, clientId: request.clientId, link: this.#quotaWait })
      .then((entrance) => this.#signedIn(entrance, request))
      .catch((thrown: Error) => this.faulted(thrown));
    return reason.ok;
  }

  #signedIn(entrance: Entrance, request: ConnectRequest): void {
    if (this.#state !== 'signing-in') return;
    if (entrance.kind === 'refuse') {
      this.socket.write(this.host.refusal(request.connect, entrance.reason));
      this.endConnection('connect-refused', entrance.reason);
      return;
    }
    const { client } = entrance;
    const { clientId, keepAliveS, terms, receiveMaximum, frame } = this.host.terms(request, client);
    this.admitted = client;
    this.device = clientId;
    this.source.identify(clientId, client.records);
    this.receiveMaximum = receiveMaximum;
    this.#keepAlive.set(keepAliveS);
    this.#connack = terms.connack;
    this.socket.configure(request.connect);
    this.outbound.configure(terms);
    this.#inbound.countIn(this.host.partialPackets, this);
    this.#mayExtendSession = request.connect.sessionExpiryS > 0;
    this.#state = 'connecting';
    this.toEngine(frame);
  }

  protected override get isOpen(): boolean {
    return this.#state === 'open';
  }

  sessionOpened(sessionPresent: boolean): void {
    this.#connack.sessionPresent = sessionPresent;
  }

  /** The engine has accepted the CONNECT and its CONNACK is written: what came after it may be handled. */
  accepted(session: { persistent: boolean; clientId: string }): void {
    if (this.#state !== 'connecting') return;
    this.persistent = session.persistent;
    this.qos2 = this.host.qos2Of(session.clientId);
    this.#state = 'open';
    this.gate.open(Hold.session);
  }

  #waitFor(outcome: Outcome | typeof inCrowd): void {
    switch (outcome) {
      case notItsTurn:
      case noRoom:
        this.gate.close(Hold.room);
        if (outcome === notItsTurn) return;
        this.host.counters.readPauses++;
        if (this.#state === 'new') this.host.whenRoom(this.#tryAgain);
        else this.host.admission.waitForRoom(this.admitted!);
        return;
      case windowFull: // it is read on when one of its publishes is finished
        this.host.counters.windowPauses++;
        this.gate.close(Hold.window);
        return;
      case overQuota:
        this.gate.close(Hold.quota);
        return;
      case underPressure:
        this.gate.close(Hold.pressure);
        this.host.whenEased(() => this.gate.open(Hold.pressure));
        return;
      case inCrowd:
        this.gate.close(Hold.crowd);
        this.host.crowd.wait(() => this.gate.open(Hold.crowd));
    }
  }

  #keepLatest(message: LatestMessage): boolean {
    this.#look();
    return this.host.intake.keepLatest(this, message);
  }

  protected override consumeKept(): void {
    if (this.#state === 'closed') return;
    this.#look();
    this.#quotaWait.rewind();
    this.#consume(this.#inbound.take());
    this.#quotaWait.look();
    if (this.#leavingBytes > 0 && this.gate.isOpen) this.destroy();
  }

  /** The gateway is about to stop. */
  stopReading(): void {
    this.gate.close(Hold.end);
  }

  /** Called about once a second: a client that we do not read is not dead. */
  sweep(nowMs: number): void {
    this.host.unsent.changed(this);
    if (this.#state !== 'open') return;
    if (this.gate.holdsAny(NOT_READ) || this.#leavingBytes > 0) this.#keepAlive.feed(nowMs, this.outbound);
  }

  // -- the end ------------------------------------------------------------------------------------------------------

  /** `inOrder`: everything that it had sent has come. */
  #left(inOrder: boolean): void {
    const { length } = this.#inbound.kept;
    const waits = this.#state === 'open' && this.gate.holds(Hold.quota) && !this.gate.holdsAny(UNHEARD);
    if (inOrder && waits && this.host.leavers.stays(length)) this.#leavingBytes = length;
    else this.destroy();
  }

  /** MQTT 5 clients are told why (MQTT 5.0 4.13); others just see the connection end (MQTT 3.1.1 4.8). */
  #violate(why: Reason): void {
    const { reasonCode, text } = explain(why);
    this.host.counters.protocolViolations++;
    this.#sayGoodbye(reasonCode);
    this.endConnection('protocol-violation', text);
  }

  /** MQTT 5.0 3.14.2.1: administrative action. */
  expel(detail: string): void {
    this.#sayGoodbye(0x98);
    this.endConnection('expelled', detail);
  }

  #sayGoodbye(reasonCode: number): void {
    if (this.rules.version === 5 && this.#state === 'open') this.socket.disconnect(reasonCode);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    // The engine's clock runs from the beginning; it has nothing else to find fault with yet.
    if (error !== null && (this.#state === 'new' || this.#state === 'signing-in'))
      this.host.counters.connectTimeouts++;
    this.#state = 'closed';
    this.isClosed = true;
    this.gate.close(Hold.end);
    this.host.door.leave(this.guest); // what its quota still holds is kept now
    this.source.leave();
    this.host.forgetWaiter(this.#tryAgain);
    this.#inbound.clear();
    if (this.#leavingBytes > 0) this.host.leavers.gone(this.#leavingBytes);
    this.host.unsent.gone(this);
    this.outbound.close();
    this.socket.close();
    this.host.closed(this);
    callback(null);
  }
}

/** Opens, ends or changes what the gateway knows of a client: some fifty times the work of a publish. */
function isCostly(type: number): boolean {
  const { connect, subscribe, unsubscribe, disconnect } = packetType;
  return type === connect || type === subscribe || type === unsubscribe || type === disconnect;
}

function isDeliveryAck(type: number): boolean {
  return type === packetType.puback || type === packetType.pubrec || type === packetType.pubcomp;
}
