// The recorded files of a run, each open once however many devices replay it, and each device's track through its
// file. The track is where profile and payload of a device meet: the profile moves it, the payload is read where it
// stands.

import { RecordedTimes, type TimeSettings } from './recorded-times.ts';
import { type RecordedObject, Recording } from './recording.ts';
import type { RecordingSettings } from './recording-settings.ts';

export class Recordings implements Disposable {
  readonly #recordings = new Map<string, Recording>();
  readonly #times = new Map<string, RecordedTimes>();
  readonly #tracks = new Map<string, ReplayTrack>();

  /** The one track of a device, by its index in the fleet. Throws SluiceError, naming file and line, for a bad file. */
  track(settings: RecordingSettings, deviceIndex: number): ReplayTrack {
    const key = `${deviceIndex} ${nameOf(settings)}`;
    const present = this.#tracks.get(key);
    if (present !== undefined) return present;
    const track = new ReplayTrack(this.#recording(settings), deviceIndex);
    this.#tracks.set(key, track);
    return track;
  }

  /** When the records were taken. Throws SluiceError, naming file and line, where there is no time or it goes back. */
  times(settings: RecordingSettings & TimeSettings): RecordedTimes {
    const key = `${settings.timeUnit} ${settings.timeColumn} ${nameOf(settings)}`;
    const times = this.#times.get(key) ?? new RecordedTimes(this.#recording(settings), settings);
    this.#times.set(key, times);
    return times;
  }

  #recording(settings: RecordingSettings): Recording {
    const name = nameOf(settings);
    const recording = this.#recordings.get(name) ?? new Recording(settings);
    this.#recordings.set(name, recording);
    return recording;
  }

  [Symbol.dispose](): void {
    for (const recording of this.#recordings.values()) recording[Symbol.dispose]();
    this.#recordings.clear();
    this.#times.clear();
    this.#tracks.clear();
  }
}

function nameOf({ file, format, deviceColumn }: RecordingSettings): string {
  return JSON.stringify([file, format, deviceColumn]);
}

export class ReplayTrack {
  readonly recording: Recording;
  /** A profile sets `position`; otherwise the payloads move on by themselves. */
  isDriven = false;
  /** Of the record that is said next, in the device's own records. */
  position = 0;
  readonly #own: readonly number[] | undefined;

  constructor(recording: Recording, deviceIndex: number) {
    this.recording = recording;
    const { devices } = recording;
    if (devices.length > 0) this.#own = devices[deviceIndex % devices.length];
  }

  /** Records of this device. */
  get length(): number {
    return this.#own?.length ?? this.recording.length;
  }

  read(position: number): RecordedObject {
    return this.recording.read(this.indexAt(position));
  }

  /** The record's place in the file. */
  indexAt(position: number): number {
    return this.#own === undefined ? position : this.#own[position];
  }
}
