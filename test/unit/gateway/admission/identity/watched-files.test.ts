import {
  chmodSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WatchedFiles } from '../../../../../gateway/admission/identity/watched-files.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';
import { TemporaryDirectory } from '../../../../support/temporary-directory.ts';

const INTERVAL_MS = 1000;
let directory: TemporaryDirectory;
let clock: FakeClock;
let cert: string;
let key: string;
let changes: number;
let problems: string[];
let watched: WatchedFiles;
let load: () => Promise<void> | void;

const watch = (paths: string[]) =>
  new WatchedFiles({
    paths,
    intervalMs: INTERVAL_MS,
    clock,
    onChange: () => {
      changes++;
      return load();
    },
    onProblem: (error) => problems.push(error.message),
  });

/** Lets so many intervals pass. */
async function looks(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    clock.advance(INTERVAL_MS);
    await watched.look();
    await new Promise(setImmediate); // the next one is scheduled
  }
}

function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

beforeEach(async () => {
  directory = new TemporaryDirectory();
  clock = new FakeClock();
  [cert, key] = [directory.file('cert.pem'), directory.file('key.pem')];
  writeFileSync(cert, 'cert 1');
  writeFileSync(key, 'key 1');
  utimesSync(cert, 1, 1);
  [changes, problems, load] = [0, [], () => {}];
  watched = watch([cert, key, '', key]);
  await watched.start();
});

afterEach(async () => {
  await watched.stop();
  directory[Symbol.dispose]();
});

describe('a change', () => {
  test.each([
    ['in place', () => writeFileSync(cert, 'cert 2')],
    [
      'in place, of the same length and date',
      () => {
        writeFileSync(cert, 'cert 2');
        utimesSync(cert, 1, 1);
      },
    ],
    ['by a rename', () => replace(cert, 'cert 2')],
    [
      'by a link that points elsewhere',
      () => {
        unlinkSync(cert);
        writeFileSync(directory.file('other'), 'cert 2');
        symlinkSync(directory.file('other'), cert);
      },
    ],
  ])('%s is told once', async (_, change) => {
    await looks(2);
    expect(changes).toBe(0);
    change();
    await looks(5);
    expect({ changes, problems }).toEqual({ changes: 1, problems: [] });
  });

  test.each([
    ['a touch', () => utimesSync(cert, 5, 5)],
    ['other rights', () => chmodSync(cert, 0o600)],
    ['the same content again', () => replace(cert, 'cert 1')],
  ])('%s is none', async (_, touch) => {
    touch();
    await looks(4);
    expect(changes).toBe(0);
  });

  test('of two files, one look apart, is told once and not before both are there', async () => {
    replace(cert, 'cert 2');
    await looks(1);
    replace(key, 'key 2');
    await looks(1);
    expect(changes).toBe(0);
    await looks(4);
    expect(changes).toBe(1);
  });

  test('that goes on is not told until it rests', async () => {
    for (let i = 0; i < 5; i++) {
      writeFileSync(cert, `cert ${i + 2}`);
      await looks(1);
    }
    expect(changes).toBe(0);
    await looks(3);
    expect(changes).toBe(1);
  });

  test('while the one before is being loaded is told as well', async () => {
    load = () => {
      if (changes === 1) replace(cert, 'cert 3');
    };
    replace(cert, 'cert 2');
    await looks(6);
    expect(changes).toBe(2);
  });
});

describe('a file that is missing', () => {
  test('is told once and loads nothing; when it is back as it was, nothing happened', async () => {
    renameSync(cert, `${cert}.away`);
    await looks(6);
    expect(changes).toBe(0);
    expect(problems).toEqual([expect.stringContaining(`cannot read ${cert}: ENOENT`)]);
    renameSync(`${cert}.away`, cert);
    await looks(4);
    expect(changes).toBe(0);
    rmSync(cert);
    await looks(4);
    expect(problems).toHaveLength(2);
  });

  test('for one look only, between unlink and create, is not told', async () => {
    unlinkSync(cert);
    await looks(1);
    writeFileSync(cert, 'cert 2');
    await looks(4);
    expect({ changes, problems }).toEqual({ changes: 1, problems: [] });
  });

  test('at the start is loaded when it comes', async () => {
    await watched.stop();
    unlinkSync(cert);
    watched = watch([cert, key]);
    await watched.start();
    expect(problems).toHaveLength(1);
    writeFileSync(cert, 'cert 1');
    await looks(3);
    expect(changes).toBe(1);
  });

  test('and a directory in its place are the same', async () => {
    unlinkSync(cert);
    mkdirSync(cert);
    await looks(3);
    expect({ changes, problems }).toEqual({
      changes: 0,
      problems: [`cannot read ${cert}: it is not a file`],
    });
  });
});

describe('a load that fails', () => {
  test('is told once, tried again ever more rarely, and tried at once at the next change', async () => {
    load = () => Promise.reject(new Error('key does not belong to cert'));
    replace(cert, 'cert 2');
    await looks(2);
    expect({ changes, problems }).toEqual({ changes: 1, problems: ['key does not belong to cert'] });
    await looks(100);
    expect(changes).toBeGreaterThan(3);
    expect(changes).toBeLessThan(12);
    expect(problems).toHaveLength(1);
    const before = changes;
    load = () => {};
    replace(key, 'key 2');
    await looks(2);
    expect(changes).toBe(before + 1);
    await looks(100);
    expect(changes).toBe(before + 1);
  });

  test('for a reason that passes is made good without another change', async () => {
    load = () => {
      throw new Error('EMFILE');
    };
    replace(cert, 'cert 2');
    await looks(2);
    load = () => {};
    await looks(4);
    expect(changes).toBe(2);
  });
});

test('after stop nothing is looked at; stop waits for a load that is under way', async () => {
  let finish = () => {};
  let isDone = false;
  load = async () => {
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    isDone = true;
  };
  replace(cert, 'cert 2');
  await looks(1);
  clock.advance(INTERVAL_MS);
  while (changes === 0) await new Promise(setImmediate);
  let isStopped = false;
  const stopped = watched.stop().then(() => {
    isStopped = true;
  });
  await new Promise(setImmediate);
  expect(isStopped).toBe(false);
  finish();
  await stopped;
  expect(isDone).toBe(true);
  await new Promise(setImmediate);
  expect(clock.timers).toBe(0);
  await watched.stop();
});
