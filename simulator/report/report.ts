// What a run of a scenario has to say: the same for the JSON file, the HTML page and the last lines in a
// terminal. Plain data, no behaviour. Times are ms since the run's start, latencies ms, counts since the start
// unless a name says other.

export const REPORT_VERSION = 1;

export interface Report {
  version: typeof REPORT_VERSION;
  scenario: { name: string; why: string; file: string | null };
  run: { id: string; seed: number; startedAt: string; durationMs: number };
  /** What was under test, in words: product, version, settings that matter. */
  system: { gateway: string; upstream: string; machine: string; node: string };
  /** What changes within a phase, such as its rate, is a span among them with no length: a mark. */
  phases: PhaseSpan[];
  faults: FaultSpan[];
  /** One every `sampleEveryMs`, in order. */
  samples: Sample[];
  sampleEveryMs: number;
  groups: GroupTotals[];
  /**
   * Somebody listened at the upstream end. Otherwise all that only it can tell (delivered, lost, duplicates, order,
   * end-to-end latency) is 0 or empty and means nothing.
   */
  verified: boolean;
  totals: Totals;
  checks: Check[];
  verdict: 'pass' | 'fail' | 'inconclusive';
  /** Why the verdict is worth less than it seems: the generator was late, the account ran out of room, ... */
  remarks: string[];
}

export interface PhaseSpan {
  name: string;
  fromMs: number;
  toMs: number;
}

export interface FaultSpan {
  /** For people: "upstream cut", "gateway kill -9", "link 50 kbit/s". */
  name: string;
  fromMs: number;
  /** Equal to `fromMs` for what happens in an instant; null while it lasts. */
  toMs: number | null;
}

export interface LatencySummary {
  count: number;
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
}

/** Rates can be had from differences of the counts. */
export interface Sample {
  atMs: number;
  phase: string;
  connected: number;
  sent: number;
  acked: number;
  refused: number;
  /** Different messages that have arrived at the upstream end. */
  delivered: number;
  /** acked and not delivered */
  lag: number;
  /** Of the time since the last sample. */
  ackP50Ms: number;
  ackP99Ms: number;
  endToEndP50Ms: number;
  endToEndP99Ms: number;
  /** How late the generator was with what was due, at worst, since the last sample. */
  generatorLateMs: number;
}

export interface GroupTotals {
  name: string;
  devices: number;
  connected: number;
  sent: number;
  acked: number;
  refused: number;
  /** Readings that a device did not send: offline without a store, or its store was full. */
  skipped: number;
  delivered: number;
  lost: number;
  reconnects: number;
  connectRefusals: number;
  ack: LatencySummary;
  endToEnd: LatencySummary;
  /** In order; the settling at the end is one of them. */
  phases: PhaseOfGroup[];
}

export interface PhaseOfGroup {
  name: string;
  lengthMs: number;
  /** Of what was acknowledged in it. */
  ack: LatencySummary;
}

/** `sent - sentQos0 = acked + refused + unacked` */
export interface Totals {
  sent: number;
  sentQos0: number;
  acked: number;
  refused: number;
  unacked: number;
  skipped: number;
  /** Of these: due, and at the end still on their devices, or not even taken. */
  unsent: number;
  payloadBytes: number;
  bytesSent: number;
  delivered: number;
  /** Acknowledged and never delivered. */
  lost: number;
  lostQos0: number;
  /** Again under the same record name: a consumer can tell. */
  duplicatesSameName: number;
  /** Again under another record name, or where there are no names: a consumer cannot tell. */
  duplicatesNewName: number;
  /** One record name for two different messages. */
  namesReused: number;
  /** First arrivals after a later one of the same device (and lane, where lanes are known). */
  reordered: number;
  /** Delivered and never acknowledged: allowed. */
  deliveredUnacked: number;
  /** At the upstream end: messages without a mark of this run. */
  foreign: number;
  /** At the upstream end: batches or records that could not be read. */
  damaged: number;
  upstreamMessages: number;
  upstreamBytes: number;
  ack: LatencySummary;
  endToEnd: LatencySummary;
  /** From the end of the last fault of the link until nothing was owed any more; null when there was none. */
  drainMs: number | null;
  /** End-to-end latency of what was sent while a backlog drained. */
  liveWhileDraining: LatencySummary | null;
  generatorLateP99Ms: number;
  /** First examples of what is wrong, by kind: "device-7 12-15, 19". */
  examples: Record<string, string[]>;
}

export interface Check {
  /** As in the scenario: `loss`, `reorder`, `p99Ack`, ... */
  name: string;
  /** For people, with units: "0", "50 ms". */
  wanted: string;
  got: string;
  /** null: it could not be judged, `got` says why. */
  ok: boolean | null;
}
