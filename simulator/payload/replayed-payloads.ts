// Payloads out of a recorded file: the record, or one column of it, as a JSON object with the mark added in front.
// A mark that was recorded is replaced. Where the profile replays the same file, the record is the one of its step;
// otherwise they come one after the other, and from the beginning again at the end.

import type { PayloadContext, PayloadSource } from './payload-source.ts';
import type { ReplayTrack } from './recordings.ts';

export class ReplayedPayloads implements PayloadSource {
  readonly #track: ReplayTrack;
  readonly #payloadColumn: string;

  constructor(track: ReplayTrack, payloadColumn: string) {
    this.#track = track;
    this.#payloadColumn = payloadColumn;
  }

  next({ mark }: PayloadContext): Buffer {
    const track = this.#track;
    const record = track.read(track.position);
    if (!track.isDriven) track.position = (track.position + 1) % track.length;
    const said = this.#payloadColumn === '' ? record : record[this.#payloadColumn];
    const isObject = typeof said === 'object' && said !== null && !Array.isArray(said);
    // A first key stays first when it is set again, so a recorded mark does not come back.
    const payload = isObject ? { mark, ...said } : { mark, value: said ?? null };
    payload.mark = mark;
    return Buffer.from(JSON.stringify(payload));
  }

  hasChanged(): boolean {
    return true;
  }
}
