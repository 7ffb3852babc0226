// WebSockets over whatever another transport hands on - TCP or TLS - each as a stream of the bytes in its binary
// messages (MQTT 5.0 6). From the hand-over until the WebSocket is open a connection has a limited time, whatever it
// says in HTTP meanwhile.

import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import type { Server, Socket } from 'node:net';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';
import type { Clock, Timer } from '../../../config/clock.ts';
import type { AcceptCounters } from '../accept-counters.ts';
import type { ByteStream } from '../client-socket.ts';
import type { CertifiedName } from '../peer.ts';
import type { OnSocket, Transport } from '../transport.ts';

/** MQTT 5.0 6: the subprotocol is "mqtt"; clients of MQTT 3.1 say "mqttv3.1". */
const SUBPROTOCOLS = ['mqtt', 'mqttv3.1'];
const UNSUPPORTED_DATA = 1003;
/** What a message may have beside one packet. */
const SLACK_BYTES = 1024;

export interface WebSocketTransportOptions {
  path: string;
  /** A WebSocket message may hold one packet and a little more. */
  packetBytesMax: number;
  upgradeTimeoutMs: number;
  clock: Clock;
  counters: AcceptCounters;
  /** What carries the WebSockets. */
  below(onSocket: OnSocket): Transport;
  /** `socket` is what carries `stream`. */
  onStream(stream: ByteStream, socket: Socket, certificate: CertifiedName | null): void;
}

interface Waiting {
  readonly certificate: CertifiedName | null;
  readonly timer: Timer;
}

export class WebSocketTransport implements Transport {
  readonly #options: WebSocketTransportOptions;
  readonly #below: Transport;
  readonly #webSockets: WebSocketServer;
  /** Never listens: it is given its connections. */
  readonly #http: HttpServer;
  /** No WebSocket yet. */
  readonly #waiting = new Map<Socket, Waiting>();

  constructor(options: WebSocketTransportOptions) {
    this.#options = options;
    this.#webSockets = new WebSocketServer({
      noServer: true,
      path: options.path,
      maxPayload: options.packetBytesMax + SLACK_BYTES,
      perMessageDeflate: false,
      clientTracking: true,
      handleProtocols: (offered) => SUBPROTOCOLS.find((name) => offered.has(name)) ?? false,
    });
    this.#http = createHttpServer((_request, response) =>
      response.writeHead(426, { upgrade: 'websocket', connection: 'close' }).end(),
    );
    this.#http.on('upgrade', (request, socket, head) => {
      this.#webSockets.handleUpgrade(request, socket, head, (opened) =>
        this.#onOpen(opened, socket as Socket),
      );
    });
    this.#below = options.below((socket, certificate) => this.#take(socket, certificate));
  }

  get server(): Server {
    return this.#below.server;
  }

  get connections(): number {
    return this.#below.connections;
  }

  async ended(): Promise<void> {
    for (const socket of this.#waiting.keys()) socket.destroy();
    for (const webSocket of this.#webSockets.clients) webSocket.terminate();
    await this.#below.ended();
    this.#webSockets.close();
  }

  #take(socket: Socket, certificate: CertifiedName | null): void {
    const { clock, counters, upgradeTimeoutMs } = this.#options;
    const timer = clock.after(upgradeTimeoutMs, () => {
      counters.upgradeTimeouts++;
      socket.destroy();
    });
    this.#waiting.set(socket, { certificate, timer });
    socket.once('close', () => this.#takeOut(socket));
    this.#http.emit('connection', socket);
  }

  #takeOut(socket: Socket): CertifiedName | null {
    const waiting = this.#waiting.get(socket);
    this.#waiting.delete(socket);
    waiting?.timer.clear();
    return waiting?.certificate ?? null;
  }

  #onOpen(webSocket: WebSocket, socket: Socket): void {
    const certificate = this.#takeOut(socket);
    const stream = createWebSocketStream(webSocket) as ByteStream;
    stream.remoteAddress = socket.remoteAddress;
    stream.remotePort = socket.remotePort;
    takeBinaryOnly(webSocket);
    // A WebSocket that is gone only ends its stream; a TCP socket closes then.
    stream.once('end', () => stream.destroy());
    this.#options.onStream(stream, socket, certificate);
  }
}

/** MQTT-6.0.0-1: data that is not in binary frames ends the connection, and nothing of it is taken. */
function takeBinaryOnly(socket: WebSocket): void {
  const [take] = socket.listeners('message') as ((data: unknown, isBinary: boolean) => void)[];
  socket.removeAllListeners('message');
  socket.on('message', (data, isBinary) => {
    if (socket.readyState !== socket.OPEN) return;
    if (isBinary) take(data, isBinary);
    else socket.close(UNSUPPORTED_DATA);
  });
}
