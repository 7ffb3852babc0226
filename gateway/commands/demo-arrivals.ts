// What has become of what the demo's devices sent: a receiver of the simulator listens at the embedded upstream and
// accounts for every message, by device and sequence.

import { messageOf } from '../../config/errors.ts';
import { ReceiverThread } from '../../simulator/receive/receiver-thread.ts';
import type { DemoFleet } from '../../simulator/run/demo-fleet.ts';

const STOP_MS = 500;

export class DemoArrivals {
  readonly #devices: DemoFleet;
  readonly #receiver: ReceiverThread;
  /** Why nothing is known. */
  #fault = '';

  private constructor(devices: DemoFleet, url: string) {
    const { run, groupOfDevice } = devices;
    this.#devices = devices;
    this.#receiver = new ReceiverThread(
      { url, run, groupOfDevice, snapshotEveryMs: 0 },
      { fault: (error) => this.#note(error) },
    );
  }

  /** Listens before a device speaks. A receiver that cannot is no reason not to show the gateway. */
  static async listen(devices: DemoFleet, url: string): Promise<DemoArrivals> {
    const arrivals = new DemoArrivals(devices, url);
    await arrivals.#receiver.start().catch((error: unknown) => arrivals.#note(error));
    return arrivals;
  }

  /** The devices have been started then. */
  begin(startEpochMs: number): void {
    this.#receiver.begin(startEpochMs);
  }

  /** In a line; `pending`: messages that the gateway has yet to deliver. Ends the receiver. */
  async verdict(pending: number): Promise<string> {
    try {
      return this.#fault === '' ? await this.#verified(pending) : `not known: ${this.#fault}`;
    } catch (error) {
      return `not known: ${messageOf(error)}`;
    } finally {
      await this.#receiver.stop(STOP_MS);
    }
  }

  async #verified(pending: number): Promise<string> {
    const { fleet } = this.#devices;
    const { acked } = fleet.totals();
    const { losses, totals } = await this.#receiver.verify(fleet.outcomes());
    const missing = losses.lost.count;
    const { reordered, duplicatesNewName } = totals;
    const way = `${reordered} out of order, ${duplicatesNewName} duplicates`;
    if (missing === 0) return `nothing lost: all ${acked} acknowledged messages have arrived, ${way}`;
    const arrived = `${acked - missing} of ${acked} acknowledged messages have arrived, ${way}`;
    if (missing <= pending) return `${arrived}; the other ${missing} are kept, and go on at the next start`;
    return `LOST ${missing - pending}: ${arrived}, ${pending} are pending`;
  }

  #note(error: unknown): void {
    this.#fault ||= messageOf(error);
  }
}
