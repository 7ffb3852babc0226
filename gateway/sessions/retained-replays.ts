// Retained messages on their way to new subscriptions (MQTT 5.0 3.3.1.3). The engine reads them for as long as there
// are any, also for a client that has gone, and begins with the next SUBSCRIBE's before the last one's are through.
// Here they end with their connection, and a client with too many under way - it subscribes and does not read - is
// ended.

import { Readable } from 'node:stream';
import { clientLimits } from '../../config/limits.ts';
import type { SessionPersistence } from '../../storage/sessions/session-persistence.ts';
import type { FaultFence, Fenced } from './fault-fence.ts';

/** A client's connection, as far as its replays go. */
export interface ReplayTarget extends Fenced {
  readonly destroyed: boolean;
  once(event: 'close', listener: () => void): unknown;
  off(event: 'close', listener: () => void): unknown;
  endAsSlow(): void;
}

export function boundReplays(persistence: SessionPersistence, fence: FaultFence): void {
  const underWay = new WeakMap<ReplayTarget, number>();
  const createStream = persistence.createRetainedStreamCombi.bind(persistence);

  persistence.createRetainedStreamCombi = (filters) => {
    const target = fence.current;
    if (target === undefined || !isReplayTarget(target)) return createStream(filters);
    const count = (underWay.get(target) ?? 0) + 1;
    if (count > clientLimits.replaysMax) target.endAsSlow();
    if (target.destroyed) return Readable.from([]);
    underWay.set(target, count);
    const stream = createStream(filters);
    const end = () => stream.destroy();
    target.once('close', end);
    stream.once('close', () => {
      underWay.set(target, (underWay.get(target) ?? 1) - 1);
      target.off('close', end);
    });
    return stream;
  };
}

/** Other things are done within the fence too. */
function isReplayTarget(fenced: Fenced): fenced is ReplayTarget {
  return 'endAsSlow' in fenced;
}
