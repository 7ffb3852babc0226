// Which packet identifiers are in use towards the client, and how many PUBLISH packets it still owes an
// acknowledgement: the send quota of MQTT 5.0 4.9. A connection starts with an empty window; nothing of it survives
// the connection (MQTT 5.0 4.9, 3.1.2.11.3).

export class DeliveryWindow {
  readonly #receiveMaximum: number;
  // Identifier -> whether its PUBLISH was sent on this connection. False for one whose PUBREL alone was: its
  // identifier is in use, but it never counts against the Receive Maximum (MQTT 5.0 4.9).
  readonly #inUse = new Map<number, boolean>();
  #unacknowledged = 0;

  constructor(receiveMaximum: number) {
    this.#receiveMaximum = receiveMaximum;
  }

  /** Whether a PUBLISH of this identifier may be sent now (MQTT-3.3.4-9, MQTT-2.2.1-4). */
  admits(id: number): boolean {
    return this.#unacknowledged < this.#receiveMaximum && !this.#inUse.has(id);
  }

  holds(id: number): boolean {
    return this.#inUse.has(id);
  }

  publishSent(id: number): void {
    this.#inUse.set(id, true);
    this.#unacknowledged++;
  }

  /** A PUBREL goes out: of a PUBLISH sent before, or of one that was sent on an earlier connection. */
  pubrelSent(id: number): void {
    if (!this.#inUse.has(id)) this.#inUse.set(id, false);
  }

  /** The client ended the flow of this identifier. */
  release(id: number): void {
    if (this.#inUse.get(id) === true) this.#unacknowledged--;
    this.#inUse.delete(id);
  }
}
