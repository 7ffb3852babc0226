// Loaded into a gateway under test before anything else, and into each of its threads (HeapProbe): at SIGUSR2 every
// thread collects its garbage and adds a line to HEAP_PROBE_FILE that says what it still holds.

import { appendFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';

const file = process.env.HEAP_PROBE_FILE as string;
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const toThreads = new BroadcastChannel('heap-probe');

function tell(line: object): void {
  appendFileSync(file, `${JSON.stringify({ thread: threadId, ...line })}\n`);
}

function measure(serial: number): void {
  collectGarbage();
  // What the first collection found dead may have held something else: handles, timers, memory outside the heap.
  setImmediate(() => {
    collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    tell({ serial, heapBytes: heapUsed, externalBytes: external });
  });
}

if (isMainThread) {
  let serial = 0;
  process.on('SIGUSR2', () => {
    toThreads.postMessage(++serial);
    measure(serial);
  });
} else {
  toThreads.onmessage = ({ data }) => measure(data as number);
}
toThreads.unref();
tell({ serial: 0 });
