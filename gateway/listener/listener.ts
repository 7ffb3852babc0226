// Step 1, listen: opens a configured port and hands on each client as a stream of bytes, with who it is as far as the
// connection tells, whatever carries it: TCP or TLS, with or without a WebSocket on top.

import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '../../config/clock.ts';
import type { Component } from '../../config/component.ts';
import { type Logger, logKeys } from '../../config/logger.ts';
import type { ListenerConfig } from '../../config/settings.ts';
import type { Audit } from '../admission/audit-event.ts';
import { type AcceptCounters, createAcceptCounters } from './accept-counters.ts';
import { Antechamber, type PendingLimits } from './antechamber.ts';
import type { ByteStream } from './client-socket.ts';
import { listenFault } from './listen-fault.ts';
import { type CertifiedName, type Peer, peerOf } from './peer.ts';
import { PlainTransport } from './tcp/plain-transport.ts';
import { TcpTransport } from './tcp/tcp-transport.ts';
import { ContextWatch } from './tls/context-watch.ts';
import type { TlsContext, TlsListenerConfig } from './tls/tls-context.ts';
import { TlsTransport } from './tls/tls-transport.ts';
import type { OnSocket, Transport } from './transport.ts';
import { WebSocketTransport } from './ws/websocket-transport.ts';

const BACKLOG = 4096;

export interface ListenerOptions {
  config: ListenerConfig;
  /** A WebSocket message may hold one packet and a little more. */
  packetBytesMax: number;
  /** For a TLS handshake, and for the opening of a WebSocket. */
  connectTimeoutMs: number;
  /** How long a socket is silent before the system asks for its peer. */
  idleProbeMs: number;
  /** For connections whose handshake or WebSocket is still to be done. */
  pendingLimits(): PendingLimits;
  /** How often certificates are looked at for changes. */
  reloadMs: number;
  clock: Clock;
  log: Logger;
  audit: Audit;
  onClient(stream: ByteStream, peer: Peer): void;
  /** The certificates with which some clients came are no longer accepted: ends them. */
  onRefused(certificates: ReadonlySet<CertifiedName>): void;
}

const SCHEME = { tcp: 'mqtt', ws: 'ws', tls: 'mqtts', wss: 'wss' } as const;

export class Listener implements Component {
  readonly #options: ListenerOptions;
  readonly counters: AcceptCounters = createAcceptCounters();
  readonly #antechamber: Antechamber;
  #transport: Transport | null = null;
  #secure: TlsTransport | null = null;
  #watch: ContextWatch | null = null;
  #port = 0;
  #toldAcceptFailure: string | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#antechamber = new Antechamber(() => options.pendingLimits(), this.counters);
  }

  /** The port that was opened; 0 in the configuration takes any free one. */
  get port(): number {
    return this.#port;
  }

  get url(): string {
    const { config } = this.#options;
    const host = config.host.includes(':') ? `[${config.host}]` : config.host;
    const path = config.type === 'ws' || config.type === 'wss' ? config.path : '';
    return `${SCHEME[config.type]}://${host}:${this.port}${path}`;
  }

  /** For people, and the same in all they see. */
  readonly #name = (): string => {
    const { type, port } = this.#options.config;
    return `${type}:${this.#port === 0 ? port : this.#port}`;
  };

  /** Connections there are, those that are not clients yet included. */
  get connections(): number {
    return this.#transport?.connections ?? 0;
  }

  /** Throws PORT_TAKEN, PORT_FORBIDDEN, ADDRESS_UNKNOWN, LISTEN_FAILED, or a TLS_ code (tls-fault.ts). */
  async start(): Promise<void> {
    const { config } = this.#options;
    try {
      this.#transport = await this.#openTransport(config);
      await this.#listen(this.#transport);
    } catch (error) {
      this.#transport = null;
      await this.#watch?.stop();
      throw error;
    }
  }

  async #openTransport(config: ListenerConfig): Promise<Transport> {
    const counters = this.counters;
    const antechamber = this.#antechamber;
    const { maxConnections } = config;
    const { idleProbeMs } = this.#options;
    switch (config.type) {
      case 'tcp':
        return new TcpTransport({ maxConnections, counters, idleProbeMs, onSocket: this.#onSocket });
      case 'ws':
        return this.#webSockets(
          config.path,
          (onSocket) => new PlainTransport({ maxConnections, counters, idleProbeMs, antechamber, onSocket }),
        );
      case 'tls':
        return this.#openSecure(config, await this.#loadContext(config), this.#onSocket);
      case 'wss': {
        const context = await this.#loadContext(config);
        return this.#webSockets(config.path, (onSocket) => this.#openSecure(config, context, onSocket));
      }
    }
  }

  readonly #onSocket: OnSocket = (socket, certificate) => this.#handOn(socket, socket, certificate);

  /** `socket` is what carries `stream`, or the same. */
  #handOn(stream: ByteStream, socket: Socket, certificate: CertifiedName | null): void {
    this.#antechamber.leave(socket);
    this.#options.onClient(stream, peerOf(socket, this.#name(), certificate));
  }

  #webSockets(path: string, below: (onSocket: OnSocket) => Transport): Transport {
    const { packetBytesMax, connectTimeoutMs, clock } = this.#options;
    return new WebSocketTransport({
      path,
      packetBytesMax,
      upgradeTimeoutMs: connectTimeoutMs,
      clock,
      counters: this.counters,
      below,
      onStream: (stream, socket, certificate) => this.#handOn(stream, socket, certificate),
    });
  }

  async #loadContext(config: TlsListenerConfig): Promise<TlsContext> {
    const { reloadMs, clock, log, audit } = this.#options;
    this.#watch = new ContextWatch({
      config,
      reloadMs,
      listener: this.#name,
      clock,
      log,
      audit,
      counters: this.counters,
      onSwap: (context) => this.#secure?.use(context),
    });
    return await this.#watch.start();
  }

  #openSecure(config: TlsListenerConfig, context: TlsContext, onSocket: OnSocket): Transport {
    const { connectTimeoutMs, idleProbeMs, clock, log, audit, onRefused } = this.#options;
    this.#secure = new TlsTransport({
      config,
      context,
      handshakeTimeoutMs: connectTimeoutMs,
      listener: this.#name,
      clock,
      log,
      audit,
      counters: this.counters,
      idleProbeMs,
      antechamber: this.#antechamber,
      onSocket,
      onRefused,
    });
    return this.#secure;
  }

  async #listen({ server }: Transport): Promise<void> {
    const { config } = this.#options;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(listenFault(error, config)));
      server.listen({ port: config.port, host: config.host, backlog: BACKLOG }, resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    server.removeAllListeners('error');
    server.on('error', (error: NodeJS.ErrnoException) => this.#onAcceptFailure(error));
  }

  /** No file descriptor is left for it, or the like: this connection is lost, the next one may do. */
  #onAcceptFailure(error: NodeJS.ErrnoException): void {
    this.counters.acceptFailures++;
    if (this.#toldAcceptFailure === error.code) return;
    this.#toldAcceptFailure = error.code;
    this.#options.log.error(
      { [logKeys.listener]: this.#name(), [logKeys.error]: error },
      'a connection could not be accepted; further ones are only counted',
    );
  }

  /** Takes no new clients. Those of TCP and TLS belong to the gateway, which closes them; WebSockets end here. */
  async stop(deadlineMs: number): Promise<void> {
    const parts: Promise<unknown>[] = [this.#watch?.stop() ?? Promise.resolve()];
    const transport = this.#transport;
    this.#watch = null;
    this.#transport = null;
    if (transport !== null)
      parts.push(new Promise((closed) => transport.server.close(closed)), transport.ended());
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, deadlineMs);
      void Promise.all(parts).then(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(1000);
  }
}
