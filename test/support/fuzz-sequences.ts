// Sequences of frames for the fuzzer, and what MQTT wants to become of each. A sequence is a stream of bytes: mostly a
// CONNECT, some frames valid and damaged, and a PINGREQ, cut into frames by their remaining lengths whatever was done
// to these. Sequence `index` of a seed is always the same.

import { endOfFrame, type Verdict, verdictOn } from './frame-verdict.ts';
import type { ClientVersion } from './mqtt-frame-packets.ts';
import { Random } from './mqtt-frame-random.ts';
import { type FrameSource, frameSource } from './mqtt-frames.ts';
import { type Outcome, StreamJudge } from './stream-judge.ts';

export interface Sequence {
  readonly index: number;
  readonly bytes: Buffer;
  readonly expected: Outcome;
  /** Why it is not `open`. */
  readonly why: string;
  /** PINGREQ packets that are to be answered. */
  readonly pings: number;
  /** Two connections of one client would end each other. */
  readonly clientId: string;
}

export interface FuzzOptions {
  /** How many different frames per version are made; sequences combine them. */
  readonly frames: number;
  readonly mutatedPercent: number;
  readonly mutatedConnectPercent: number;
}

const PINGREQ = Buffer.of(0xc0, 0);
const VERSIONS: readonly ClientVersion[] = [3, 4, 5];
const FRAMES_MAX = 4;
/** Of a hundred sequences: how many open with a plain CONNECT, and with a CONNECT of any kind. */
const PLAIN_CONNECT = 50;
const ANY_CONNECT = 98;
/** Of a hundred frames. */
const SECOND_CONNECT = 2;

interface Pool {
  readonly source: FrameSource;
  readonly frames: readonly Buffer[];
  readonly connects: readonly Buffer[];
  readonly verdicts: WeakMap<Buffer, Verdict>;
}

export class FuzzSequences {
  readonly #seed: number;
  readonly #pools = new Map<ClientVersion, Pool>();

  constructor(seed: number, options: FuzzOptions) {
    this.#seed = seed;
    for (const version of VERSIONS) {
      const source = frameSource(seed + version, version, { mutatedPercent: options.mutatedPercent });
      const openings = frameSource(seed - version, version, {
        mutatedPercent: options.mutatedConnectPercent,
      });
      this.#pools.set(version, {
        source,
        frames: framesOf(source, options.frames, (cmd) => cmd !== 'connect'),
        connects: framesOf(openings, options.frames, (cmd) => cmd === 'connect'),
        verdicts: new WeakMap(),
      });
    }
  }

  at(index: number): Sequence {
    const random = new Random(Math.imul(this.#seed ^ 0x5bd1e995, 2 * index + 1) ^ index);
    const version = random.pick(VERSIONS);
    const { source, frames, connects } = this.#pools.get(version)!;
    const parts: Buffer[] = [];
    const clientId = `fuzz-${index}`;
    const opening = random.int(100);
    if (opening < PLAIN_CONNECT) parts.push(source.connect(clientId));
    else if (opening < ANY_CONNECT) parts.push(random.pick(connects));
    for (let count = random.between(1, FRAMES_MAX); count > 0; count--) {
      parts.push(random.pick(random.chance(SECOND_CONNECT) ? connects : frames));
    }
    parts.push(PINGREQ);
    const { bytes, judge } = this.#judge(parts, version);
    const expected = judge.finish();
    return {
      index,
      bytes,
      expected,
      why: judge.why,
      pings: judge.pings,
      clientId: judge.clientId || clientId,
    };
  }

  #judge(parts: readonly Buffer[], version: ClientVersion): { bytes: Buffer; judge: StreamJudge } {
    const bytes = Buffer.concat(parts);
    const partAt = new Map<number, Buffer>();
    let offset = 0;
    for (const part of parts) {
      partAt.set(offset, part);
      offset += part.length;
    }
    const judge = new StreamJudge();
    for (let at = 0; at < bytes.length && judge.outcome === undefined; ) {
      const end = endOfFrame(bytes, at);
      const part = partAt.get(at);
      const spoken = judge.version ?? version;
      const isWhole = part !== undefined && end === at + part.length;
      const verdict = isWhole ? this.#known(part, spoken) : verdictOn(bytes.subarray(at, end), spoken);
      judge.take(bytes[at]!, verdict);
      at = end;
    }
    return { bytes, judge };
  }

  /** Judged once for all sequences that have the frame. */
  #known(frame: Buffer, version: ClientVersion): Verdict {
    const { verdicts } = this.#pools.get(version)!;
    let verdict = verdicts.get(frame);
    if (verdict === undefined) {
      verdict = verdictOn(frame, version);
      verdicts.set(frame, verdict);
    }
    return verdict;
  }
}

/** Those that `wants` of the next `count`. */
function framesOf(source: FrameSource, count: number, wants: (cmd: string) => boolean): Buffer[] {
  const made = Array.from({ length: count }, () => source.next());
  return made.filter(({ cmd }) => wants(cmd)).map(({ bytes }) => bytes);
}
