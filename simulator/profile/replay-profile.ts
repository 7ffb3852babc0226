// Speaks at the times of a recorded file, faster or slower, once or again and again. Moves the device's track, so
// that a payload of type `replay` says the record of the step that was asked for last.

import type { RecordedTimes } from '../payload/recorded-times.ts';
import type { ReplayTrack } from '../payload/recordings.ts';
import type { Profile, ProfileStep } from './profile.ts';
import type { ProfileSettingsOf } from './profile-settings.ts';

export class ReplayProfile implements Profile {
  readonly #settings: ProfileSettingsOf<'replay'>;
  readonly #track: ReplayTrack;
  readonly #times: RecordedTimes;
  /** Recorded time that is the device's 0. */
  readonly #originMs: number;
  /** Recorded time from the beginning of one round to that of the next. */
  readonly #roundMs: number;
  #steps = 0;

  constructor(settings: ProfileSettingsOf<'replay'>, track: ReplayTrack, times: RecordedTimes) {
    this.#settings = settings;
    this.#track = track;
    this.#times = times;
    track.isDriven = true;
    const isRecorded = settings.start === 'recorded';
    const endMs = isRecorded ? times.lastMs : times.at(track.indexAt(track.length - 1));
    this.#originMs = isRecorded ? times.firstMs : times.at(track.indexAt(0));
    // Between the last and the first again, as long a pause as there is in the mean.
    const pauses = (isRecorded ? track.recording.length : track.length) - 1;
    this.#roundMs = (endMs - this.#originMs) * (pauses > 0 ? 1 + 1 / pauses : 1);
  }

  next(): ProfileStep | undefined {
    const { speed, repeat } = this.#settings;
    const { length } = this.#track;
    const round = Math.floor(this.#steps / length);
    // A recording of no length would be said infinitely often at one time.
    if (round > 0 && !(repeat && this.#roundMs > 0)) return undefined;
    const position = this.#steps++ % length;
    this.#track.position = position;
    const recordedMs = this.#times.at(this.#track.indexAt(position)) - this.#originMs;
    return { atMs: (recordedMs + round * this.#roundMs) / speed, kind: 'publish' };
  }
}
