// A server that speaks just enough MQTT to misbehave: answers CONNECT with the code it is told, and PUBLISH
// as it is told or not at all.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { generate, type IConnackPacket, type IPublishPacket, type Packet, parser } from 'mqtt-packet';

/** One connection, as the test's own handling sees it. */
export interface Peer {
  /** 1 for the first connection. */
  connection: number;
  send(packet: Packet): void;
  destroy(): void;
}

export interface ImpostorOptions {
  port?: number;
  /** Of CONNACK; 0 accepts. */
  connackCode?: number;
  connackProperties?: IConnackPacket['properties'];
  /** Of SUBACK, one for each filter; without it a SUBSCRIBE is not answered. */
  subackCodes?: number[];
  /** Of CONNACK. */
  sessionPresent?: boolean;
  /** Sees every packet first; true: it has dealt with it. */
  onPacket?: (packet: Packet, peer: Peer) => boolean;
  /** What a PUBLISH is answered with; null, or without it: nothing. Other packets can be sent with `send`. */
  onPublish?: (packet: IPublishPacket, send: (packet: Packet) => void) => number | null;
}

export interface Impostor extends AsyncDisposable {
  readonly port: number;
  readonly connects: number;
  readonly publishes: IPublishPacket[];
}

export async function startImpostor(options: ImpostorOptions = {}): Promise<Impostor> {
  const sockets = new Set<Socket>();
  const seen = { connects: 0, publishes: [] as IPublishPacket[] };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {}); // clients go as they like
    serve(socket, options, seen);
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get connects() {
      return seen.connects;
    },
    publishes: seen.publishes,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function serve(
  socket: Socket,
  options: ImpostorOptions,
  seen: { connects: number; publishes: IPublishPacket[] },
): void {
  const { connackCode = 0, connackProperties, onPublish = () => null } = options;
  let protocolVersion = 5;
  const reader = parser();
  const send = (packet: Packet): void => void socket.write(generate(packet, { protocolVersion }));
  socket.on('data', (bytes) => reader.parse(bytes));
  reader.on('packet', (packet) => {
    const peer = { connection: seen.connects, send, destroy: () => void socket.destroy() };
    if (options.onPacket?.(packet, peer)) return;
    switch (packet.cmd) {
      case 'connect': {
        seen.connects++;
        protocolVersion = packet.protocolVersion ?? 4;
        send({
          cmd: 'connack',
          sessionPresent: options.sessionPresent ?? false,
          reasonCode: connackCode,
          returnCode: connackCode,
          properties: connackProperties,
        });
        if (connackCode !== 0) socket.end();
        return;
      }
      case 'publish': {
        seen.publishes.push(packet);
        const code = onPublish(packet, send);
        if (code !== null) send({ cmd: 'puback', messageId: packet.messageId, reasonCode: code });
        return;
      }
      case 'subscribe':
        if (options.subackCodes)
          send({ cmd: 'suback', messageId: packet.messageId, granted: options.subackCodes });
        return;
      case 'pingreq':
        send({ cmd: 'pingresp' });
    }
  });
}
