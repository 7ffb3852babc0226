// What the devices of one group have done so far.

import { LatencyHistogram } from '../latency-histogram.ts';

export class GroupCounters {
  connected = 0;
  /** Ever made. */
  connections = 0;
  /** Connections after the first of each device. */
  reconnects = 0;
  connectRefusals = 0;
  /** Accounted by sequence: sent = acked + refused + unacked. */
  sent = 0;
  sentQos0 = 0;
  acked = 0;
  refused = 0;
  /**
   * Readings that were not sent: no connection, or too much under way, and no room to keep them; and what was left at
   * the end.
   */
  skipped = 0;
  /** Of these, kept on the devices and not got rid of by the end. */
  givenUp = 0;
  /** Of these, due before the end and not even taken: the generator was too late. Counted up to a million. */
  unreached = 0;
  payloadBytes = 0;
  readonly ack = new LatencyHistogram();
}
