// Thread of EmbeddedUpstream.

import { type AddressInfo, createServer } from 'node:net';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { Aedes } from 'aedes';
import { messageOf } from '../config/errors.ts';
import type { FromUpstream } from './embedded-upstream.ts';

const { host, port } = workerData as { host: string; port: number };
const main = parentPort as MessagePort;
const tell = (message: FromUpstream): void => main.postMessage(message);

// aedes is a beta and throws at some malformed packets; a stand-in for the cloud should outlive that.
process.on('uncaughtException', (error) => tell({ kind: 'fault', message: messageOf(error) }));

const broker = await Aedes.createBroker({ topicAliasMaximum: 32 });
const server = createServer({ noDelay: true }, (socket) => void broker.handle(socket));
server.once('error', (error: NodeJS.ErrnoException) =>
  tell({ kind: 'failed', code: error.code ?? '', message: error.message }),
);
server.listen({ host, port }, () =>
  tell({ kind: 'listening', port: (server.address() as AddressInfo).port }),
);
