import { rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig } from '../../../../config/load.ts';
import { childLogger, createLogger, type Logger } from '../../../../config/logger.ts';
import type { Config } from '../../../../config/settings.ts';
import { Reload } from '../../../../gateway/commands/reload.ts';
import { TemporaryDirectory } from '../../../support/temporary-directory.ts';

interface Line {
  level: string;
  msg: string;
  [key: string]: unknown;
}

let directory: TemporaryDirectory;
let file: string;
let lines: Line[];
let log: Logger;
let component: Logger;
let applied: Config[];
/** What becomes of `apply`. */
let applying: () => Promise<void>;
let reload: Reload;

const base = { access: { anonymous: true }, log: { level: 'info', format: 'json' } };
const devices = (messagesPerS: string) => ({ quotas: { devices: [{ messagesPerS }] } });
const write = (settings: object) => writeFileSync(file, JSON.stringify({ ...base, ...settings }));
const said = (msg: string) => lines.filter((line) => line.msg === msg);
const rateOf = (config: Config) => config.quotas.devices[0]?.messagesPerS;
const REFUSED = 'configuration not taken into use; the one before stays';

function loaded(): Config {
  const result = loadConfig({ file, env: process.env });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

beforeEach(() => {
  directory = new TemporaryDirectory();
  file = directory.file('config.yaml');
  [lines, applied, applying] = [[], [], async () => {}];
  log = createLogger(
    { level: 'info', format: 'json' },
    { write: (line) => void lines.push(JSON.parse(line)) },
  );
  component = childLogger(childLogger(log, 'listener'), 'part of it');
  write(devices('10/s'));
  const apply = async (config: Config): Promise<void> => {
    await applying();
    applied.push(config);
  };
  reload = new Reload({ file, config: loaded(), log, apply });
});
afterEach(() => directory[Symbol.dispose]());

test('what has changed is taken into use, and named', async () => {
  write(devices('20/s'));
  await reload.run();
  expect(applied.map(rateOf)).toEqual([20]);
  expect(rateOf(reload.config)).toBe(20);
  expect(said('configuration read again')).toMatchObject([{ level: 'info', file, changed: ['quotas'] }]);
});

test('a file that says the same changes nothing', async () => {
  write({ ...devices('10/s'), pressure: {} });
  await reload.run();
  expect(applied).toEqual([]);
  expect(said('configuration read again: no change')).toHaveLength(1);
});

describe('the configuration before stays', () => {
  test('when the file is no good, and every problem in it is told', async () => {
    write({ quotas: { devices: [{ messagesPerS: 'fast', messagesBurst: -1 }] }, acess: {} });
    await reload.run();
    expect(applied).toEqual([]);
    expect(rateOf(reload.config)).toBe(10);
    const problems = said(REFUSED);
    expect(problems.map(({ level }) => level)).toEqual(['error', 'error', 'error']);
    const told = problems.map(({ problem }) => String(problem)).join('\n');
    for (const name of ['messagesPerS', 'messagesBurst', 'acess']) expect(told).toContain(name);
  });

  test.each([
    ['is gone', () => rmSync(file)],
    ['is half written', () => writeFileSync(file, '{ "access": { "anonymous": tr')],
    ['lets nobody in', () => writeFileSync(file, '{}')],
  ])('when the file %s, and the next good one is taken', async (_what, spoil) => {
    spoil();
    await reload.run();
    expect(applied).toEqual([]);
    expect(said(REFUSED).length).toBeGreaterThan(0);
    write(devices('30/s'));
    await reload.run();
    expect(applied.map(rateOf)).toEqual([30]);
  });

  test('when it cannot be taken into use, and it is tried again at the next time', async () => {
    applying = async () => {
      throw new Error('no such luck');
    };
    write({ ...devices('20/s'), log: { level: 'error' } });
    await reload.run();
    expect(rateOf(reload.config)).toBe(10);
    expect(log.level).toBe('info');
    const msg = 'the configuration was read again, but could not be taken into use';
    expect(said(msg)).toMatchObject([{ level: 'error', err: { message: 'no such luck' } }]);
    applying = async () => {};
    await reload.run();
    expect(applied.map(rateOf)).toEqual([20]);
  });
});

describe('what holds from the next start on', () => {
  test('is named, and not in effect; the rest of the file is', async () => {
    write({ ...devices('20/s'), listeners: [{ type: 'tcp', port: 1999 }], commit: { lingerMs: '7ms' } });
    await reload.run();
    expect(applied.map(rateOf)).toEqual([20]);
    expect(reload.config.listeners[0]).toMatchObject({ port: 1883 });
    const [warning] = said('these settings hold from the next start on');
    expect(warning).toMatchObject({ level: 'warn' });
    expect(warning.needRestart).toEqual(expect.arrayContaining(['listeners.0.port', 'commit.lingerMs']));
    expect(warning.needRestart).toHaveLength(2);
  });

  test('is named again as long as it differs', async () => {
    write({ ...devices('10/s'), commit: { lingerMs: '7ms' } });
    await reload.run();
    await reload.run();
    expect(said('these settings hold from the next start on')).toHaveLength(2);
    expect(applied).toEqual([]);
    write(devices('10/s'));
    await reload.run();
    expect(said('these settings hold from the next start on')).toHaveLength(2);
  });
});

test('the log level holds at once, for all components', async () => {
  write({ ...devices('10/s'), log: { level: 'error' } });
  await reload.run();
  expect(applied).toEqual([]); // nothing of admission has changed
  component.warn('hushed');
  component.error('heard');
  write({ ...devices('10/s'), log: { level: 'debug' } });
  await reload.run();
  component.debug('heard too');
  expect(lines.map(({ msg }) => msg).filter((msg) => /hushed|heard/.test(msg))).toEqual([
    'heard',
    'heard too',
  ]);
});

test('one that comes while another is under way is done after it, with the file as it is then', async () => {
  let release = (): void => {};
  let underWay = 0;
  applying = async () => {
    expect(++underWay).toBe(1);
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    underWay--;
  };
  write(devices('20/s'));
  const first = reload.run();
  await new Promise(setImmediate);
  write(devices('30/s'));
  const others = [reload.run(), reload.run()];
  write(devices('40/s'));
  release();
  await first;
  expect(applied.map(rateOf)).toEqual([20]);
  await new Promise(setImmediate);
  release();
  await Promise.all(others);
  expect(applied.map(rateOf)).toEqual([20, 40]);
});

test('without a file there is nothing to read again', async () => {
  const fileless = new Reload({ file: undefined, config: reload.config, log, apply: async () => {} });
  await fileless.run();
  expect(lines).toMatchObject([{ level: 'warn', msg: 'there is no configuration file to read again' }]);
});
