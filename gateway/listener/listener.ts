// Step 1, listen: opens the configured ports and makes a Connection of each client, whatever carries its bytes.

import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';
import type { Component } from '../../config/component.ts';
import { SluiceError } from '../../config/errors.ts';
import type { ListenerConfig } from '../../config/settings.ts';
import type { ByteStream } from './client-socket.ts';
import { readShared } from './shared-read-buffer.ts';

/** MQTT 5.0 6: the subprotocol is "mqtt"; clients of MQTT 3.1 say "mqttv3.1". */
const SUBPROTOCOLS = ['mqtt', 'mqttv3.1'];
const UNSUPPORTED_DATA = 1003;

export interface ListenerOptions {
  config: ListenerConfig;
  /** A WebSocket message may hold one packet and a little more. */
  packetBytesMax: number;
  onClient(stream: ByteStream): void;
}

export class Listener implements Component {
  readonly #options: ListenerOptions;
  #server: Server | HttpServer | null = null;
  #webSockets: WebSocketServer | null = null;
  readonly #open = new Set<Socket>();
  #onLastClosed: (() => void) | null = null;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** The port that was opened; 0 in the configuration takes any free one. */
  get port(): number {
    return (this.#server?.address() as AddressInfo | null)?.port ?? 0;
  }

  get url(): string {
    const { type, host } = this.#options.config;
    return `${type === 'tcp' ? 'mqtt' : 'ws'}://${host}:${this.port}${type === 'ws' ? this.#options.config.path : ''}`;
  }

  /** Throws PORT_TAKEN, PORT_FORBIDDEN or ADDRESS_UNKNOWN. */
  async start(): Promise<void> {
    const { config } = this.#options;
    const server = config.type === 'tcp' ? this.#tcpServer() : this.#webSocketServer(config.path);
    if (config.type === 'ws') server.maxConnections = config.maxConnections;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(cannotListen(error, config)));
      server.listen({ port: config.port, host: config.host, backlog: 4096 }, resolve);
    });
    this.#server = server;
  }

  #tcpServer(): Server {
    const { maxConnections } = this.#options.config;
    return createServer({ noDelay: true, pauseOnConnect: true }, (accepted) => {
      // Not the server's maxConnections: to the server this connection ends when its handle moves on.
      if (this.#open.size >= maxConnections) return void accepted.destroy();
      const socket = readShared(accepted);
      this.#open.add(socket);
      socket.once('close', () => this.#closed(socket));
      this.#options.onClient(socket);
    });
  }

  #webSocketServer(path: string): HttpServer {
    const server = createHttpServer((_request, response) =>
      response.writeHead(426, { upgrade: 'websocket' }).end(),
    );
    const webSockets = new WebSocketServer({
      server,
      path,
      maxPayload: this.#options.packetBytesMax + 1024,
      perMessageDeflate: false,
      clientTracking: true,
      handleProtocols: (offered) => SUBPROTOCOLS.find((name) => offered.has(name)) ?? false,
    });
    webSockets.on('connection', (socket, request) => {
      const stream = createWebSocketStream(socket) as ByteStream;
      stream.remoteAddress = request.socket.remoteAddress;
      stream.remotePort = request.socket.remotePort;
      takeBinaryOnly(socket);
      // A WebSocket that is gone only ends its stream; a TCP socket closes then.
      stream.once('end', () => stream.destroy());
      this.#options.onClient(stream);
    });
    webSockets.on('error', () => {}); // the HTTP server's error, which `start` has already turned into ours
    this.#webSockets = webSockets;
    return server;
  }

  /** Stops taking new clients. Those there are belong to the gateway, which closes them. */
  async stop(deadlineMs: number): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    for (const socket of this.#webSockets?.clients ?? []) socket.terminate();
    this.#webSockets?.close();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, deadlineMs);
      const allClosed = Promise.all([this.#lastClosed(), new Promise((closed) => server.close(closed))]);
      void allClosed.then(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #lastClosed(): Promise<void> {
    return new Promise((resolve) => {
      this.#onLastClosed = resolve;
      if (this.#open.size === 0) resolve();
    });
  }

  #closed(socket: Socket): void {
    this.#open.delete(socket);
    if (this.#open.size === 0) this.#onLastClosed?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(1000);
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

function cannotListen(error: NodeJS.ErrnoException, config: ListenerConfig): SluiceError {
  const where = `${config.host}:${config.port}`;
  const fault = (code: string, message: string, hint: string) =>
    new SluiceError(code, message, { kind: 'fatal', hint, cause: error });
  switch (error.code) {
    case 'EADDRINUSE':
      return fault(
        'PORT_TAKEN',
        `${where} is taken by another program`,
        'Stop it, or set another listeners[].port.',
      );
    case 'EACCES':
      return fault(
        'PORT_FORBIDDEN',
        `not allowed to listen on ${where}`,
        'Take a port above 1023, or grant CAP_NET_BIND_SERVICE.',
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return fault(
        'ADDRESS_UNKNOWN',
        `this machine has no address ${config.host}`,
        'Set listeners[].host to an address of this machine.',
      );
    default:
      return fault(
        'LISTEN_FAILED',
        `cannot listen on ${where}: ${error.message}`,
        'Check listeners[] in the configuration.',
      );
  }
}
