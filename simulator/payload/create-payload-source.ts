// Makes the payloads of one device from its settings. Everything random in them comes from the run's seed and the
// device's index, so the same device says the same in every run.

import { SluiceError } from '../../config/errors.ts';
import { derivedSeed } from '../seeded-random.ts';
import { BytePayloads } from './byte-payloads.ts';
import { encodeCbor } from './cbor-format.ts';
import { type Encode, encodeJson, encodeSenml, encodeSparkplug } from './field-formats.ts';
import type { PayloadSettings } from './payload-settings.ts';
import type { PayloadContext, PayloadSource } from './payload-source.ts';
import { Readings } from './readings.ts';
import type { Recordings } from './recordings.ts';
import { ReplayedPayloads } from './replayed-payloads.ts';
import { encodeTemplate } from './template-format.ts';

export interface PayloadDevice {
  /** Of the run. */
  seed: number;
  clientId: string;
  /** In the whole fleet, from 0. */
  index: number;
  /** Needed for payloads of type `replay`. */
  recordings?: Recordings;
}

/** A payload source that can always be asked whether there is something new. */
export interface ChangingPayloads extends PayloadSource {
  /**
   * Takes readings at `timeMs`, from any origin; true when they differ from the last payload by more than their
   * deadbands. The next payload carries these. A source that was ever asked takes readings only when it is.
   */
  hasChanged(timeMs?: number): boolean;
}

/** `settings` without problems (payload-problems.ts). Throws SluiceError when a recorded file cannot be used. */
export function createPayloadSource(settings: PayloadSettings, device: PayloadDevice): ChangingPayloads {
  const seed = derivedSeed(device.seed, device.index);
  switch (settings.type) {
    case 'bytes':
      return new BytePayloads(settings, seed);
    case 'replay': {
      if (device.recordings === undefined) throw noRecordings();
      const track = device.recordings.track(settings, device.index);
      return new ReplayedPayloads(track, settings.payloadColumn);
    }
    default: {
      const readings = new Readings(settings.fields, seed);
      return new FieldPayloads(readings, encoderOf(settings, readings, device));
    }
  }
}

type FieldFormat = Exclude<PayloadSettings, { type: 'bytes' | 'replay' }>;

function encoderOf(settings: FieldFormat, readings: Readings, device: PayloadDevice): Encode {
  switch (settings.type) {
    case 'json':
      return encodeJson(settings, readings);
    case 'cbor':
      return encodeCbor(settings, readings);
    case 'senml':
      return encodeSenml(settings, readings, device.clientId);
    case 'sparkplug':
      return encodeSparkplug(readings);
    case 'template':
      return encodeTemplate(settings.text, readings, device);
  }
}

class FieldPayloads implements ChangingPayloads {
  readonly #readings: Readings;
  readonly #encode: Encode;
  /** Readings are taken by `hasChanged` alone: its time and that of payloads need not have one origin. */
  #isSampled = false;
  #sampledAtMs = 0;

  constructor(readings: Readings, encode: Encode) {
    this.#readings = readings;
    this.#encode = encode;
  }

  next(context: PayloadContext): Buffer {
    if (this.#isSampled) this.#readings.markSent();
    else this.#readings.advance(context.timeMs);
    return this.#encode(context);
  }

  hasChanged(timeMs = this.#sampledAtMs + 1000): boolean {
    this.#isSampled = true;
    this.#sampledAtMs = timeMs;
    this.#readings.advance(timeMs);
    return this.#readings.haveChanged;
  }
}

function noRecordings(): SluiceError {
  return new SluiceError('NO_RECORDINGS', 'payloads of type replay were made without recorded files', {
    kind: 'fatal',
  });
}
