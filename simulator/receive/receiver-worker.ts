// The receiver's thread: its own event loop, so that what the fleet does never delays the moment at which an arrival is
// noted. Ends when it is told to stop, or after a fault, which it tells.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { messageOf, SluiceError } from '../../config/errors.ts';
import { unpackSets } from './packed-sets.ts';
import type {
  FromReceiver,
  PackedOutcomes,
  ReceiverSnapshot,
  ReceiverThreadOptions,
  ToReceiver,
  Verification,
} from './receiver-messages.ts';
import { UpstreamReceiver } from './upstream-receiver.ts';
import { type DeviceOutcome, verify } from './verify.ts';

const SNAPSHOT_EVERY_MS = 250;

const options = workerData as ReceiverThreadOptions;
const main = parentPort as MessagePort;
const receiver = new UpstreamReceiver(options);
let utilization = performance.eventLoopUtilization();
let timer: NodeJS.Timeout | undefined;

main.on('message', (message: ToReceiver) => {
  try {
    onMessage(message);
  } catch (error) {
    fault(error);
  }
});
receiver.start().then(onSubscribed, fault);

function onSubscribed(): void {
  const { snapshotEveryMs = SNAPSHOT_EVERY_MS } = options;
  if (snapshotEveryMs > 0) {
    timer = setInterval(
      () => tell({ kind: 'snapshot', snapshot: snapshot(), isAnswer: false }),
      snapshotEveryMs,
    );
  }
  tell({ kind: 'subscribed' });
}

function onMessage(message: ToReceiver): void {
  switch (message.kind) {
    case 'snapshot':
      tell({ kind: 'snapshot', snapshot: snapshot(), isAnswer: true });
      break;
    case 'begin':
      receiver.begin(message.startEpochMs);
      utilization = performance.eventLoopUtilization(); // what it took to get here is not the run's
      break;
    case 'live-from':
      receiver.account.liveFromMs = message.liveFromMs;
      break;
    case 'verify':
      tell({ kind: 'verified', verification: verification(message.outcomes) });
      break;
    case 'stop':
      clearInterval(timer);
      receiver.stop(message.deadlineMs).then(() => main.close(), fault);
      break;
  }
}

function snapshot(): ReceiverSnapshot {
  const { account, intake, connection } = receiver;
  const before = utilization;
  utilization = performance.eventLoopUtilization();
  return {
    ...account.totals(),
    ...intake.counts,
    ...connection,
    atMs: receiver.nowMs,
    recent: account.takeRecentLatency(),
    busyShare: performance.eventLoopUtilization(utilization, before).utilization,
  };
}

function verification(outcomes: PackedOutcomes): Verification {
  const { account, intake } = receiver;
  const latency = account.latency();
  return {
    losses: verify(unpacked(outcomes), account),
    totals: snapshot(),
    examples: account.examples(),
    lanes: account.lanes(),
    endToEnd: latency.all,
    endToEndByGroup: latency.byGroup,
    liveWhileDraining: latency.live,
    firstDamage: intake.firstDamage,
  };
}

function unpacked({ acked, refused, sentCount, qos0 }: PackedOutcomes): DeviceOutcome[] {
  const refusedSets = unpackSets(refused);
  return unpackSets(acked).map((set, device) => ({
    acked: set,
    refused: refusedSets[device],
    sentCount: sentCount[device],
    qos0: qos0[device] !== 0,
  }));
}

function tell(message: FromReceiver): void {
  main.postMessage(message);
}

function fault(error: unknown): void {
  const known = error instanceof SluiceError ? error : undefined;
  tell({
    kind: 'fault',
    code: known?.code ?? 'RECEIVER_FAULT',
    message: messageOf(error),
    hint: known?.hint,
  });
}
