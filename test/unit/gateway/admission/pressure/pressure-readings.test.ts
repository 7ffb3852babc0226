import { expect, test } from 'vitest';
import { slowReadings } from '../../../../../gateway/admission/pressure/pressure-readings.ts';
import { TemporaryDirectory } from '../../../../support/temporary-directory.ts';

const status = async () => ({ lanes: [], books: [], usedBytes: 0, fill: 0.25, sharesGivenUp: 0 });

test('reads how full the store is, what the disk has left and what the process takes', async () => {
  using directory = new TemporaryDirectory();
  const readings = await slowReadings({ dataDir: directory.path, storeStatus: status })();
  expect(readings.fill).toBe(0.25);
  expect(readings.freeDiskBytes).toBeGreaterThan(0);
  expect(readings.residentBytes).toBeGreaterThan(1024 * 1024);
});

test('fails when the data directory is gone', async () => {
  using directory = new TemporaryDirectory();
  const read = slowReadings({ dataDir: directory.file('gone'), storeStatus: status });
  await expect(read()).rejects.toThrow(/ENOENT/);
});
