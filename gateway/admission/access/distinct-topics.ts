// Counts the different topics that a device publishes to, for quotas.devices.topicsMax. Kept are 32 bits of hash for
// each, in a table that grows with the topics and never beyond what the limit needs: at most 11 bytes for each topic of
// it. A topic is taken for another one about once in four thousand million times for each topic that is known: a device
// may have a topic more than its limit, never one less.
//
// May be kept with the device over its connections: hashes hold for the life of the process.

/** A power of two. */
const PLACES_MIN = 8;
/** Beyond this share of its places the table is doubled. */
const FILL_MAX = 0.75;
const EMPTY = 0;

export class DistinctTopics {
  #places: Int32Array | null = null;
  #first = EMPTY;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /**
   * Counts the topic of this hash (TopicEntry.hash), unless there are `topicsMax` already; 0 is no limit, and then
   * nothing is counted. Returns false for a new topic that is one too many. A limit that was lowered takes away no
   * topic that was counted before.
   */
  admit(hash: number, topicsMax: number): boolean {
    if (topicsMax === 0) return true;
    const key = hash === EMPTY ? 1 : hash;
    if (key === this.#first) return true;
    if (this.#count === 0) {
      this.#first = key;
      this.#count = 1;
      return true;
    }
    const places = this.#places;
    if (places !== null && places[placeOf(places, key)] === key) return true;
    if (this.#count >= topicsMax) return false;
    this.#insert(key);
    this.#count++;
    return true;
  }

  #insert(key: number): void {
    let places = this.#places ?? new Int32Array(PLACES_MIN);
    if (this.#count > places.length * FILL_MAX) places = doubled(places);
    places[placeOf(places, key)] = key;
    this.#places = places;
  }
}

/** Where the key is, or the free place where it belongs: there always is one. */
function placeOf(places: Int32Array, key: number): number {
  const mask = places.length - 1;
  // The upper bits of a product are the mixed ones.
  let place = (Math.imul(key, 0x9e3779b1) >>> 8) & mask;
  while (places[place] !== EMPTY && places[place] !== key) place = (place + 1) & mask;
  return place;
}

function doubled(places: Int32Array): Int32Array {
  const larger = new Int32Array(places.length * 2);
  for (const key of places) if (key !== EMPTY) larger[placeOf(larger, key)] = key;
  return larger;
}
