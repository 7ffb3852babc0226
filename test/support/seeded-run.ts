// A test whose course is random: the seed is printed when it fails, and FAULT_SEED repeats it.

import { Random } from './mqtt-frame-random.ts';

export async function seededRun(body: (random: Random) => Promise<void>): Promise<void> {
  const seed = Number(process.env.FAULT_SEED ?? Math.floor(Math.random() * 2 ** 32));
  try {
    await body(new Random(seed));
  } catch (error) {
    console.error(`failed with FAULT_SEED=${seed}`);
    throw error;
  }
}
