// A position that moves as a vehicle does: the rate at which it turns wanders and comes back to straight on (an
// Ornstein-Uhlenbeck process, stepped once a second), so the track is smooth. Flat geometry per step, which is good
// to centimetres at these distances; near the poles, where it is not, it turns round.

import type { SettingsOf } from './generator-settings.ts';
import { type Generator, Quantity } from './quantity.ts';
import { normal } from './wandering-generators.ts';

const METRES_PER_DEGREE = 111_320;
const RADIANS = Math.PI / 180;
const LATITUDE_MAX = 85;
const STEP_MS = 1000;
/** After a longer pause the track goes straight on for the rest of it: nobody sees how it turned. */
const STEPS_MAX = 60;
/** Share of the turning that is left after a step, and its usual size in radians per second. */
const TURN_KEPT = 0.9;
const TURN_RATE = 0.1;
/** Seven decimals of a degree are a centimetre. */
const SCALE = 1e7;

export class GpsTrack implements Generator {
  readonly quantities: readonly [Quantity, Quantity];
  readonly #random: () => number;
  readonly #speed: number;
  #lat: number;
  #lon: number;
  /** Clockwise from north, radians. */
  #heading: number;
  #turnRate = 0;
  #elapsedMs = 0;

  constructor({ lat, lon, spread, speed, deadband }: SettingsOf<'gps'>, random: () => number) {
    this.#random = random;
    this.#speed = speed;
    this.#heading = 2 * Math.PI * random();
    this.#lat = lat;
    this.#lon = lon;
    // The root makes starts as dense at the edge as in the middle.
    this.#move(spread * Math.sqrt(random()));
    this.#heading = 2 * Math.PI * random();
    const degrees = deadband / METRES_PER_DEGREE;
    this.quantities = [
      new Quantity({ part: 'lat', unit: 'lat', deadband: degrees }),
      new Quantity({ part: 'lon', unit: 'lon', deadband: degrees / Math.cos(this.#lat * RADIANS) }),
    ];
  }

  advance(elapsedMs: number): void {
    let leftMs = elapsedMs - this.#elapsedMs;
    this.#elapsedMs = elapsedMs;
    for (let step = 0; leftMs > 0; step++) {
      const stepMs = step < STEPS_MAX ? Math.min(leftMs, STEP_MS) : leftMs;
      leftMs -= stepMs;
      const kept = TURN_KEPT ** Math.min(1, stepMs / STEP_MS);
      this.#turnRate = kept * this.#turnRate + TURN_RATE * Math.sqrt(1 - kept * kept) * normal(this.#random);
      this.#heading += (this.#turnRate * Math.min(stepMs, STEP_MS)) / 1000;
      this.#move((this.#speed * stepMs) / 1000);
    }
    this.quantities[0].value = Math.round(this.#lat * SCALE) / SCALE;
    this.quantities[1].value = Math.round(this.#lon * SCALE) / SCALE;
  }

  #move(metres: number): void {
    const lat = this.#lat + (metres * Math.cos(this.#heading)) / METRES_PER_DEGREE;
    if (Math.abs(lat) > LATITUDE_MAX) {
      this.#heading += Math.PI;
      return;
    }
    const lon =
      this.#lon + (metres * Math.sin(this.#heading)) / (METRES_PER_DEGREE * Math.cos(lat * RADIANS));
    this.#lat = lat;
    this.#lon = ((((lon + 180) % 360) + 360) % 360) - 180;
  }
}
