// Entry of the bridge thread. Whatever goes wrong in here unexpectedly ends the thread with an error event,
// which the main thread's Bridge passes on.

import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../config/clock.ts';
import { BridgeCore } from './bridge-core.ts';
import type { BridgeData } from './bridge-messages.ts';

const { storagePort, ...data } = workerData as BridgeData;
new BridgeCore({ data, main: parentPort!, storage: storagePort, clock: systemClock }).start();
