// The audit log on a disk that is full: nothing is thrown, lines wait in memory, and no half line is left behind.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createLogger } from '../../config/logger.ts';
import { AuditLog } from '../../gateway/admission/audit-log.ts';
import { SmallDisk } from '../../simulator/system/small-disk.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { canMount } from '../support/machine-tools.ts';

const KiB = 1024;

describe.skipIf(!canMount())('a full disk', () => {
  test.each([0, 1])(
    'stops the audit log for as long as it is full, with %i pages left',
    async (pagesLeft) => {
      await using disk = SmallDisk.mount(128 * KiB);
      const clock = new FakeClock();
      const logged: string[] = [];
      const log = createLogger(
        { level: 'info', format: 'json' },
        { write: (line) => void logged.push(line) },
      );
      const file = join(disk.directory, 'audit.log');
      const audit = new AuditLog({ file, fileBytesMax: 64 * KiB, filesMax: 2, clock, log });
      await audit.start();
      const write = (number: number) =>
        audit.write({
          event: 'identity-data',
          reason: 'r',
          detail: `${number} ${'x'.repeat(500 + (number % 7))}`,
        });
      const pass = async (ms: number) => {
        for (let passed = 0; passed < ms; passed += 250) {
          clock.advance(250);
          await audit.settled();
          await Promise.resolve();
        }
      };
      write(0);
      await pass(500);
      const ballast = join(disk.directory, 'ballast');
      writeFileSync(ballast, '');
      for (let bytes = disk.freeBytes; ; bytes -= 4 * KiB) {
        try {
          writeFileSync(ballast, Buffer.alloc(bytes - pagesLeft * 4 * KiB));
          break;
        } catch {} // what the file system takes for itself
      }
      for (let number = 1; number <= 60; number++) write(number);
      await pass(60_000);
      expect(audit.counters.failures).toBeGreaterThan(1);
      expect(logged.filter((line) => line.includes('ENOSPC'))).toHaveLength(1);
      rmSync(ballast);
      await pass(60_000);
      await audit.stop(1000);
      const text = readdirSync(disk.directory)
        .sort()
        .reverse()
        .map((name) => readFileSync(join(disk.directory, name), 'utf8'))
        .join('');
      const lines = text.split('\n').slice(0, -1);
      expect(lines.map((line) => Number(JSON.parse(line).detail.split(' ')[0]))).toEqual(
        Array.from({ length: 61 }, (_, i) => i),
      );
      expect(audit.counters.lost).toBe(0);
    },
  );
});
