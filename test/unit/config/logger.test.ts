import { expect, test } from 'vitest';
import { SluiceError } from '../../../config/errors.ts';
import { childLogger, createLogger, logKeys } from '../../../config/logger.ts';

function stream() {
  const lines: string[] = [];
  return { lines, write: (line: string) => void lines.push(line) };
}

test('json is one object per line, with the name of the level and the time', () => {
  const out = stream();
  createLogger({ level: 'info', format: 'json' }, out).warn({ [logKeys.port]: 1883 }, 'odd');
  expect(out.lines).toHaveLength(1);
  expect(JSON.parse(out.lines[0]!)).toEqual({
    level: 'warn',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    port: 1883,
    msg: 'odd',
  });
});

test('what is below the level is not written', () => {
  const out = stream();
  const log = createLogger({ level: 'warn', format: 'json' }, out);
  log.info('no');
  log.error('yes');
  expect(out.lines.map((line) => JSON.parse(line).msg)).toEqual(['yes']);
});

test('a child says which component speaks', () => {
  const out = stream();
  childLogger(createLogger({ level: 'info', format: 'json' }, out), 'listener').info('up');
  expect(JSON.parse(out.lines[0]!)).toMatchObject({ component: 'listener', msg: 'up' });
});

test('an error is written with its code and hint', () => {
  const out = stream();
  const error = new SluiceError('PORT_TAKEN', 'port 1883 is taken', { kind: 'permanent', hint: 'Stop it.' });
  createLogger({ level: 'info', format: 'json' }, out).error({ [logKeys.error]: error }, 'failed');
  expect(JSON.parse(out.lines[0]!).err).toMatchObject({
    type: 'SluiceError',
    message: 'port 1883 is taken',
    code: 'PORT_TAKEN',
    hint: 'Stop it.',
  });
});

test('pretty is a line for people, written before the call returns', () => {
  const out = stream();
  const log = childLogger(createLogger({ level: 'info', format: 'pretty' }, out), 'listener');
  log.info({ [logKeys.port]: 1883 }, 'listening');
  expect(out.lines).toEqual([
    expect.stringMatching(/^\[[\d:.]+\] INFO: listener: listening \{"port":1883\}\n$/),
  ]);
});

test('a name that comes from outside cannot break a pretty line', () => {
  const out = stream();
  createLogger({ level: 'info', format: 'pretty' }, out).info({ [logKeys.device]: 'a\n\x1b[2J' }, 'hello');
  expect(out.lines).toEqual([expect.stringContaining('hello {"device":"a\\n\\u001b[2J"}\n')]);
});

test('auto is json where there is no terminal', () => {
  const out = stream();
  createLogger({ level: 'info', format: 'auto' }, out).info('hello');
  expect(JSON.parse(out.lines[0]!)).toMatchObject({ msg: 'hello' });
});
