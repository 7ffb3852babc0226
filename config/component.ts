// What every long-lived part of the gateway is: something that starts, and that can be stopped at any time.

export interface Component extends AsyncDisposable {
  /** Returns quickly; throws a `SluiceError` when the component cannot run (taken port, damaged store). */
  start(): Promise<void>;
  /**
   * Repeatable, safe without `start`. When it resolves nothing of the component is alive: no timer, socket,
   * thread or file. Work that is not done after `deadlineMs` is abandoned; what is on disk stays on disk.
   */
  stop(deadlineMs: number): Promise<void>;
}
