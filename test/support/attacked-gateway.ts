// A gateway that is attacked while a bystander goes on publishing: the bystander must have been served all the time, also
// while the attack stands. The bound on its wait is one against hanging, it claims nothing about speed.

import { expect } from 'vitest';
import { Bystander } from './bystander.ts';
import type { TestSettings } from './gateway-settings.ts';
import { RunningGateway } from './running-gateway.ts';
import { TemporaryDirectory } from './temporary-directory.ts';
import { waitFor } from './wait-for.ts';

/** Test and gateway share a thread: what holds up the test is not to be taken for pressure. */
const pressure = {
  lowerReceiveMaximum: 1,
  shedQos0: 1,
  holdLowLanes: 1,
  refuseConnections: 1,
  stopReading: 1,
};
const WAIT_MS_MAX = 8000;
const INTERVAL_MS = 5;
/** So many more acknowledgements show that the bystander is served. */
const SERVED = 3;

export interface Attack {
  readonly gateway: RunningGateway;
  /** Resolves when the bystander got some more acknowledgements: to be asked while the attack stands. */
  served(): Promise<void>;
}

export async function attacked(
  settings: TestSettings,
  attack: (attack: Attack) => Promise<void>,
): Promise<void> {
  using directory = new TemporaryDirectory();
  await using gateway = await RunningGateway.start(directory.path, { pressure, ...settings });
  await using bystander = await Bystander.start(gateway.port, INTERVAL_MS);
  const served = async (): Promise<void> => {
    const enough = bystander.acknowledged + SERVED;
    const isDone = () => bystander.acknowledged >= enough || bystander.fault !== undefined;
    await waitFor(isDone, { what: 'service for the bystander' });
    expect(bystander.fault).toBe(undefined);
    expect(bystander.longestWaitMs).toBeLessThan(WAIT_MS_MAX);
  };
  await served();
  await attack({ gateway, served });
  await served();
}
