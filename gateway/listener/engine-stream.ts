// What goes out of a connection, and the side of it that the session engine (aedes) sees: a Duplex. What it reads from
// it are the frames that the connection lets through; what it writes goes through OutboundFlow, which mends it, to the
// client's socket. What piles up towards a client that does not read is bounded by ending it.

import { Duplex } from 'node:stream';
import type { AckKind } from '../../storage/record-source.ts';
import { type ByteStream, ClientSocket } from './client-socket.ts';
import type { ConnectionHost } from './connection-host.ts';
import { EnginePace } from './engine-pace.ts';
import { OutboundFlow } from './outbound/outbound-flow.ts';
import type { Unfinished } from './partial-packets.ts';
import { finishes } from './publish-intake.ts';
import { Hold, ReadingGate } from './reading-gate.ts';
import type { Receiver } from './unsent-bytes.ts';

export abstract class EngineStream extends Duplex implements Receiver, Unfinished {
  protected readonly host: ConnectionHost;
  protected readonly socket: ClientSocket;
  protected readonly gate: ReadingGate;
  protected readonly outbound: OutboundFlow;
  readonly #pace = new EnginePace();
  protected isClosed = false;
  /** PublishOrigin's. */
  unfinished = 0;
  finishing = 0;
  /** Its client id, as far as it is known. */
  device = '';
  countedBytes = 0;

  constructor(stream: ByteStream, host: ConnectionHost) {
    super({ readableHighWaterMark: 64 * 1024, writableHighWaterMark: 64 * 1024, emitClose: true });
    this.host = host;
    const onDrained = () => this.gate.open(Hold.drain);
    this.socket = new ClientSocket(stream, { bytesMax: host.outboundBytesMax, onDrained });
    this.gate = new ReadingGate(stream, () => this.consumeKept());
    this.outbound = new OutboundFlow(
      {
        send: (bytes) => this.socket.write(bytes),
        toAedes: (bytes) => this.toEngine(bytes),
        clock: host.clock,
        onDiscard: (_reason, count) => {
          host.counters.discardedOutbound += count;
        },
        fail: (fault) => this.endConnection('outbound-fault', fault.message),
      },
      host.outboundLimits,
    );
  }

  /** The session is open: acknowledgements go out. */
  protected abstract get isOpen(): boolean;
  /** Nothing speaks any more against handling what was kept. */
  protected abstract consumeKept(): void;
  /** One whole frame. */
  protected toEngine(bytes: Buffer): void {
    this.host.fence.run(this, () => {
      if (!this.push(bytes)) this.gate.close(Hold.engine);
    });
    if (this.#pace.spend(bytes)) this.endTurn();
  }

  readonly #nextTurn = (): void => {
    if (this.#pace.payBack()) this.gate.open(Hold.turn);
    else setImmediate(this.#nextTurn);
  };

  acknowledge(kind: AckKind, packetId: number, reason: number): void {
    if (finishes(kind, reason)) {
      this.finishing--;
      if (this.unfinished > 0) this.unfinished--; // of a PUBCOMP the PUBLISH may have come by an earlier connection
    }
    if (this.isOpen) this.socket.acknowledge(kind, packetId, reason);
  }

  flushAcknowledgements(): void {
    if (!this.isOpen) return;
    this.socket.flushAcknowledgements();
    if (this.socket.isCongested) this.#waitForDrain();
    // Not from within the walk over what a commit owes: what is read now belongs to the next one.
    if (this.gate.holds(Hold.window)) setImmediate(() => this.gate.open(Hold.window));
  }

  /** The client does not read what it is owed: it is not read either, until it does. */
  #waitForDrain(): void {
    if (this.gate.holds(Hold.drain)) return;
    this.host.counters.readPauses++;
    this.gate.close(Hold.drain);
  }

  override _read(): void {
    if (this.gate.holds(Hold.engine)) setImmediate(() => this.gate.open(Hold.engine));
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.outbound.fromAedes(chunk, () => this.#whenSocketTakesMore(callback));
  }

  override _writev(chunks: { chunk: Buffer }[], callback: () => void): void {
    const bytes = chunks.length === 1 ? chunks[0].chunk : Buffer.concat(chunks.map(({ chunk }) => chunk));
    this.outbound.fromAedes(bytes, () => this.#whenSocketTakesMore(callback));
  }

  /** The engine writes whatever the stream says. */
  override write(chunk: unknown, encoding?: unknown, callback?: unknown): boolean {
    const more = super.write(chunk, encoding as BufferEncoding, callback as () => void);
    if (this.isClosed) return more;
    if (this.writableLength > this.host.outboundBytesMax) this.endAsSlow();
    else this.host.unsent.changed(this);
    return more;
  }

  get unsentBytes(): number {
    return this.isClosed ? 0 : this.writableLength + this.outbound.waitingBytes + this.socket.unsentBytes;
  }

  fallenSilent(): void {
    this.host.counters.keepAliveTimeouts++;
  }

  endAsSlow(): void {
    if (this.isClosed) return;
    this.host.counters.slowReaders++;
    this.endConnection('slow-reader', 'the client does not read what it has subscribed to');
  }

  /** So much of a packet was kept for so long that others need the room. */
  giveUp(): void {
    this.host.counters.partialPackets++;
    this.endConnection('unfinished-packet', 'packets that come in part take too much memory');
  }

  /** Others have their turn before more of this client is handled. */
  protected endTurn(): void {
    if (this.gate.holds(Hold.turn)) return;
    this.host.counters.turnPauses++;
    this.gate.close(Hold.turn);
    setImmediate(this.#nextTurn);
  }

  #whenSocketTakesMore(callback: () => void): void {
    const tell = () => this.host.fence.run(this, callback);
    if (this.isClosed) tell();
    else this.socket.whenTakesMore(tell);
  }

  /** With a line in the log, or in a sum of them. */
  protected endConnection(event: string, detail: string): void {
    // What an outbound fault says may be anything; all other details are of a closed set.
    if (this.host.endings.add(event === 'outbound-fault' ? event : detail))
      this.host.log.info(
        { event, client: this.device, remote: this.socket.remote, detail },
        'connection ended',
      );
    this.destroy();
  }

  /** A fault, mostly inside the engine, while something was done for this client. */
  faulted(error: Error): void {
    this.host.counters.engineFaults++;
    this.host.log.error(
      { client: this.device, remote: this.socket.remote, err: error },
      'fault while a client was served; the client is disconnected',
    );
    this.destroy();
  }
}
