// A server for one device that follows a script: answers CONNECT, writes down everything else by connection, and
// does with it what the test says, which may be nothing.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { generate, type IConnectPacket, type Packet, parser } from 'mqtt-packet';

/** One connection. */
export interface Peer {
  /** From 1. */
  readonly connection: number;
  readonly connect: IConnectPacket;
  /** Everything after CONNECT: "publish 7 dup: payload". */
  readonly seen: string[];
  isClosed: boolean;
  send(packet: Packet): void;
  /** Ends the connection without a word. */
  end(): void;
}

export interface ScriptOptions {
  /** Of CONNACK, by connection; 0 accepts. */
  connackCode?: (connection: number) => number;
  /** Whether CONNACK says that a session was kept, from the second connection on. */
  keepsSession?: boolean;
  /** Of CONNACK, by connection. */
  receiveMaximum?: (connection: number) => number;
  answer?: (packet: Packet, peer: Peer) => void;
}

export interface Script extends AsyncDisposable {
  readonly url: string;
  readonly peers: Peer[];
}

export async function startScript(options: ScriptOptions = {}): Promise<Script> {
  const sockets = new Set<Socket>();
  const peers: Peer[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => sockets.delete(socket));
    serve(socket, options, peers);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`,
    peers,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function serve(socket: Socket, options: ScriptOptions, peers: Peer[]): void {
  const { connackCode = () => 0, keepsSession = true, receiveMaximum, answer } = options;
  const reader = parser();
  let peer: Peer | undefined;
  socket.on('data', (bytes) => reader.parse(bytes));
  socket.on('close', () => {
    if (peer !== undefined) peer.isClosed = true;
  });
  reader.on('packet', (packet) => {
    if (packet.cmd !== 'connect') {
      peer!.seen.push(described(packet));
      answer?.(packet, peer!);
      return;
    }
    const connection = peers.length + 1;
    const protocolVersion = packet.protocolVersion ?? 4;
    const send = (sent: Packet): void => void socket.write(generate(sent, { protocolVersion }));
    const end = (): void => void socket.destroy();
    peer = { connection, connect: packet, seen: [], isClosed: false, send, end };
    peers.push(peer);
    const code = connackCode(connection);
    const sessionPresent = code === 0 && keepsSession && connection > 1;
    const properties =
      receiveMaximum === undefined ? {} : { properties: { receiveMaximum: receiveMaximum(connection) } };
    send({ cmd: 'connack', sessionPresent, reasonCode: code, returnCode: code, ...properties });
    if (code !== 0) socket.end();
  });
}

function described(packet: Packet): string {
  if (packet.cmd !== 'publish') return `${packet.cmd} ${packet.messageId ?? ''}`.trim();
  return `publish ${packet.messageId}${packet.dup ? ' dup' : ''}: ${packet.payload}`;
}
