// When a device speaks. A profile is a sequence of steps at times of the device's own, computed from a seed and
// never from a clock: the same seed gives the same steps. Who runs it maps the device's time to real time (a
// phase may make it pass faster or slower).

export type StepKind =
  /** Take a reading and send it. */
  | 'publish'
  /** Take a reading and keep it on the device. */
  | 'hold'
  /** Send what was kept. */
  | 'flush'
  /** Wake up: connect. */
  | 'connect'
  /** Go to sleep: disconnect, in order. */
  | 'disconnect';

export interface ProfileStep {
  /** ms since the device's start; never less than the step before. */
  atMs: number;
  kind: StepKind;
}

export interface Profile {
  /** The next step; undefined when there is none any more (a replayed file has ended). */
  next(): ProfileStep | undefined;
}
