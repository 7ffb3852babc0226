// A Listener by itself: what it hands on echoes, and who came, what was refused and what was logged is at hand. And a
// client of it that can tell whether it was let in.

import { once } from 'node:events';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { systemClock } from '../../config/clock.ts';
import { createLogger } from '../../config/logger.ts';
import type { ListenerConfig } from '../../config/settings.ts';
import type { AuditEvent } from '../../gateway/admission/audit-event.ts';
import type { ByteStream } from '../../gateway/listener/client-socket.ts';
import { Listener, type ListenerOptions } from '../../gateway/listener/listener.ts';
import type { CertifiedName, Peer } from '../../gateway/listener/peer.ts';
import type { LogLine } from './running-gateway.ts';

export class TestListener implements AsyncDisposable {
  readonly listener: Listener;
  readonly audited: AuditEvent[] = [];
  readonly lines: LogLine[] = [];
  /** Who was handed on, in order. */
  readonly peers: Peer[] = [];
  readonly #streams = new Map<ByteStream, Peer>();

  private constructor(config: ListenerConfig, options: Partial<ListenerOptions>) {
    const write = (line: string) => void this.lines.push(JSON.parse(line) as LogLine);
    this.listener = new Listener({
      config,
      packetBytesMax: 64 * 1024,
      connectTimeoutMs: 60_000,
      idleProbeMs: 60_000,
      pendingLimits: () => ({ pendingMax: 10_000, pendingPerAddressMax: 10_000 }),
      reloadMs: 20,
      clock: systemClock,
      log: createLogger({ level: 'debug', format: 'json' }, { write }),
      audit: { write: (event) => void this.audited.push(event) },
      onClient: (stream, peer) => this.#serve(stream, peer),
      onRefused: (certificates) => this.#end(certificates),
      ...options,
    });
  }

  static async start(config: ListenerConfig, options: Partial<ListenerOptions> = {}): Promise<TestListener> {
    const test = new TestListener(config, options);
    await test.listener.start();
    return test;
  }

  get port(): number {
    return this.listener.port;
  }

  said(message: string | RegExp): LogLine[] {
    return this.lines.filter(({ msg }) =>
      typeof message === 'string' ? msg === message : message.test(msg),
    );
  }

  #serve(stream: ByteStream, peer: Peer): void {
    this.peers.push(peer);
    this.#streams.set(stream, peer);
    stream.on('error', () => {});
    stream.on('close', () => this.#streams.delete(stream));
    stream.on('data', (chunk) => stream.write(chunk));
  }

  #end(certificates: ReadonlySet<CertifiedName>): void {
    for (const [stream, { certificate }] of this.#streams)
      if (certificate !== null && certificates.has(certificate)) stream.end();
  }

  /** As the gateway does: it closes its clients, and the listener is done then. */
  async stop(deadlineMs = 600_000): Promise<void> {
    const stopped = this.listener.stop(deadlineMs);
    for (const stream of this.#streams.keys()) stream.destroy();
    await stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** A TLS client of 127.0.0.1 that does not check whom it talks to. */
export class TestTlsClient implements Disposable {
  readonly socket: TLSSocket;
  /** Sessions to resume that the server has given, the last one last. */
  readonly sessions: Buffer[] = [];
  #isClosed = false;

  constructor(port: number, options: ConnectionOptions = {}) {
    this.socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    this.socket.on('error', () => {}); // 'close' follows
    this.socket.on('close', () => (this.#isClosed = true));
    this.socket.on('session', (session) => this.sessions.push(session));
  }

  /** Whether what it sends comes back, or the connection is closed. */
  async isLetIn(): Promise<boolean> {
    this.socket.write('hello');
    return await Promise.race([
      once(this.socket, 'data').then(
        () => true,
        () => false,
      ),
      this.closed().then(() => false),
    ]);
  }

  async closed(): Promise<void> {
    if (this.#isClosed) return;
    await new Promise<void>((resolve) => this.socket.once('close', () => resolve()));
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}
