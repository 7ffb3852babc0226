// A sink that publishes to an MQTT broker: puts together one connection at a time, the outbox that belongs to
// it, and the inbox of commands, which outlives connections.
//
// Publishes need no session upstream: what is unacknowledged comes again from the log. With commands there is
// a session, and with it the upstream remembers packet ids of our half-done QoS 2 publishes - it would take a
// new message with such an id for a resent old one and drop it. So all ids of ours are released (PUBREL)
// before anything is published.

import { messageOf } from '../../../config/errors.ts';
import type { ConnectResult, SendResult, Sink, SinkContext, UpstreamBatch } from '../sink.ts';
import { CommandInbox } from './command-inbox.ts';
import type { MqttSinkSettings } from './config.ts';
import { Connection, type Opened } from './connection.ts';
import { FrameWriter } from './frame-writer.ts';
import { MessageMaker, type UpstreamLimits } from './message.ts';
import { Outbox } from './outbox.ts';
import { PUBLISH_IDS_MAX } from './packet-ids.ts';
import { blamesMessage, hintFor } from './reason-codes.ts';

/**
 * What a batch's PUBLISH needs besides topic template and batch, at most: header, packet id, properties, and
 * the names that are filled into the topic.
 */
const OVERHEAD_BYTES_MAX = 512;
/** An upstream that takes less than this is not one for batches. */
const BATCH_BYTES_MIN = 1024;
/** MQTT 5.0 3.2.2.3.6: without the property there is no limit but that of the protocol. */
const PACKET_BYTES_MAX = 268_435_455;
const PUBREL = 0x62;
const NO_QOS_HINT =
  'Without acknowledgements nothing is known to be delivered: use an upstream that allows QoS 1.';

interface Session {
  connection: Connection;
  outbox: Outbox;
}

export class MqttSink implements Sink {
  readonly takes: Sink['takes'];
  readonly #settings: MqttSinkSettings;
  readonly #context: SinkContext;
  readonly #maker: MessageMaker;
  readonly #inbox: CommandInbox;
  #connection: Connection | null = null;
  #session: Session | null = null;
  #isWriteDue = false;
  #bytesOfPast = 0;
  /** So many messages go one at a time on the next connection. */
  #singlyCount = 0;

  constructor(settings: MqttSinkSettings, context: SinkContext) {
    this.takes = settings.format === 'batch' ? 'encoded' : 'records';
    this.#settings = settings;
    this.#context = context;
    const { name, bootId, clock, recordMonotonicMs, gatewayId, events } = context;
    this.#maker = new MessageMaker(settings, { sink: name, bootId, clock, recordMonotonicMs });
    this.#inbox = new CommandInbox({
      gatewayId,
      filters: settings.commands,
      protocolVersion: settings.protocolVersion,
      emit: (command) => events.command(command),
      write: (bytes) => this.#connection?.write(bytes),
    });
  }

  async connect(): Promise<ConnectResult> {
    const { name, gatewayId } = this.#context;
    let opened: Opened;
    try {
      const clientId = this.#settings.clientId || `sluice-${gatewayId}-${name}`;
      this.#connection = new Connection(this.#settings, clientId, this.#events());
      opened = await this.#connection.opened;
    } catch (error) {
      // Nothing of the network throws: a certificate file that cannot be read, or a URL that cannot be used.
      return {
        kind: 'retry',
        reason: messageOf(error),
        afterMs: this.#slowMs,
        hint: "Check the sink's url and tls.",
      };
    }
    if (opened.kind === 'refused') return this.#refused(opened);
    if (this.#connection === null)
      return { kind: 'retry', reason: 'the upstream closed the connection', afterMs: 0 };
    return this.#opened(opened, this.#connection);
  }

  async send(batch: UpstreamBatch): Promise<SendResult> {
    const session = this.#session;
    if (session === null)
      return { kind: 'retry', reason: 'not connected', afterMs: 0, settledCount: 0, rejections: [] };
    const result = session.outbox.add(batch, this.#maker.runOf(batch));
    this.#writeSoon();
    return result;
  }

  drop(reason: string): void {
    this.#connection?.drop(reason);
  }

  answer(commandId: number, taken: boolean): void {
    this.#inbox.answer(commandId, taken);
  }

  bytesSent(): number {
    return this.#bytesOfPast + (this.#connection?.bytesSent ?? 0);
  }

  async close(deadlineMs: number): Promise<void> {
    await this.#connection?.close(deadlineMs);
  }

  get #slowMs(): number {
    return this.#settings.reconnect.maxMs;
  }

  #events(): ConstructorParameters<typeof Connection>[2] {
    return {
      ack: (kind, packetId, code) => {
        this.#session?.outbox.acknowledged(kind, packetId, code);
        this.#writeSoon();
      },
      command: (packet, carryOn) => this.#inbox.receive(packet, carryOn),
      released: (packetId) => this.#inbox.released(packetId),
      closed: (reason, code) => this.#onClosed(reason, code),
      isBusy: () => (this.#session?.outbox.open ?? 0) > 0,
    };
  }

  #refused({ reason, code }: Extract<Opened, { kind: 'refused' }>): ConnectResult {
    this.#connection = null;
    const hint = code === null ? undefined : hintFor(code);
    return { kind: 'retry', reason, afterMs: hint === undefined ? 0 : this.#slowMs, hint };
  }

  #opened({ connack }: Extract<Opened, { kind: 'open' }>, connection: Connection): ConnectResult {
    const { properties = {}, sessionPresent } = connack;
    const limits: UpstreamLimits = {
      messageBytesMax: properties.maximumPacketSize ?? PACKET_BYTES_MAX,
      qosMax: properties.maximumQoS === 1 ? 1 : 2,
      retainAvailable: properties.retainAvailable ?? true,
    };
    const batchBytesMax =
      limits.messageBytesMax - OVERHEAD_BYTES_MAX - Buffer.byteLength(this.#settings.topic);
    if (properties.maximumQoS === 0)
      return this.#unsuitable(connection, 'the upstream allows QoS 0 only', NO_QOS_HINT);
    if (this.takes === 'encoded' && batchBytesMax < BATCH_BYTES_MIN) {
      const reason = `the upstream takes packets of ${limits.messageBytesMax} bytes only`;
      return this.#unsuitable(connection, reason, 'Raise its maximum packet size, or set format: each.');
    }
    const messagesMax = Math.min(this.#windowMax, properties.receiveMaximum ?? PUBLISH_IDS_MAX);
    this.#session = { connection, outbox: this.#outbox(connection, limits, messagesMax) };
    this.#inbox.connected(sessionPresent);
    if (sessionPresent) connection.write(releaseAll(this.#windowMax));
    void this.#subscribe(connection);
    const batchesMax = this.takes === 'encoded' ? messagesMax : this.#settings.inFlight.batchesMax;
    return { kind: 'connected', messageBytesMax: batchBytesMax, batchesMax };
  }

  #unsuitable(connection: Connection, reason: string, hint: string): ConnectResult {
    connection.drop(reason);
    return { kind: 'retry', reason, afterMs: this.#slowMs, hint };
  }

  /** Most messages under way, as far as the settings go. */
  get #windowMax(): number {
    const { batchesMax, messagesMax } = this.#settings.inFlight;
    return Math.min(PUBLISH_IDS_MAX, this.takes === 'encoded' ? batchesMax : messagesMax);
  }

  #outbox(connection: Connection, limits: UpstreamLimits, messagesMax: number): Outbox {
    const singlyCount = this.#singlyCount;
    this.#singlyCount = 0;
    return new Outbox({
      out: new FrameWriter((chunk) => connection.write(chunk)),
      limits,
      messagesMax,
      singlyCount,
      laterMs: this.#settings.reconnect.minMs,
      notAllowedMs: this.#slowMs,
      release: (packetId) => connection.write(pubrel(packetId)),
    });
  }

  async #subscribe(connection: Connection): Promise<void> {
    const { commands } = this.#settings;
    if (commands.length === 0) return;
    const refused = await connection.subscribe(commands);
    for (const filter of refused)
      this.#context.events.log('error', 'the upstream refused a command subscription', { filter });
  }

  /** Many acknowledgements come in one go, and so go many messages. */
  #writeSoon(): void {
    if (this.#isWriteDue) return;
    this.#isWriteDue = true;
    setImmediate(() => {
      this.#isWriteDue = false;
      this.#session?.outbox.write();
    });
  }

  #onClosed(reason: string, code: number | null): void {
    const session = this.#session;
    this.#bytesOfPast = this.bytesSent();
    this.#connection = null;
    this.#session = null;
    if (session === null) return;
    const { outbox } = session;
    if (code !== null && blamesMessage(code) && !outbox.blame(code)) this.#singlyCount = outbox.open;
    outbox.fail(reason);
    this.#context.events.lost(reason);
  }
}

function pubrel(packetId: number): Uint8Array {
  return Uint8Array.of(PUBREL, 2, packetId >> 8, packetId & 0xff);
}

function releaseAll(idMax: number): Uint8Array {
  return Buffer.concat(Array.from({ length: idMax }, (_, i) => pubrel(i + 1)));
}
