import { describe, expect, test } from 'vitest';
import { exitCode, type ReceiveArguments, receiveOptions } from '../../../../gateway/commands/receive.ts';
import { ReceiveAccount } from '../../../../gateway/commands/receive-account.ts';

function parse(given: Partial<ReceiveArguments> = {}) {
  return receiveOptions({
    from: 'mqtt://127.0.0.1:1884',
    topic: 'sluice/#',
    republishTopic: '{topic}',
    ...given,
  });
}

describe('the arguments of sluice receive', () => {
  test('print records unless told otherwise', () => {
    expect(parse()).toMatchObject({ mode: { kind: 'print' }, persistent: false, fromStart: false });
    expect(parse({ summary: true }).mode).toEqual({ kind: 'summary' });
    expect(parse({ republish: 'mqtt://other', republishTopic: 'x/{lane}/{topic}' }).mode).toEqual({
      kind: 'republish',
      url: 'mqtt://other',
      topicTemplate: 'x/{lane}/{topic}',
    });
  });

  test('take limits as people write them', () => {
    expect(parse({ count: '100', for: '1.5s' })).toMatchObject({ count: 100, forMs: 1500 });
  });

  test.each<[Partial<ReceiveArguments>, string]>([
    [{ from: 'http://127.0.0.1' }, 'http://127.0.0.1'],
    [{ from: '127.0.0.1:1884' }, '127.0.0.1:1884'],
    [{ topic: 'a/#/b' }, '--topic'],
    [{ topic: '' }, '--topic'],
    [{ count: '0' }, '--count'],
    [{ count: '1e3' }, '--count'],
    [{ for: 'soon' }, '--for'],
    [{ for: '0s' }, '--for'],
    [{ for: '60d' }, '--for'],
    [{ clientId: '' }, '--client-id'],
    [{ persistent: true }, '--persistent'],
    [{ print: true, summary: true }, '--summary'],
    [{ republish: 'mqtt://other', republishTopic: '' }, '--republish-topic'],
    [{ republish: 'mqtt://other', republishTopic: 'a/#' }, '--republish-topic'],
    [{ republish: 'mqtt://other', republishTopic: '{sink}/{topic}' }, '{sink}'],
  ])('refuse %j and say what to write', (given, named) => {
    expect(() => parse(given)).toThrow(
      expect.objectContaining({ message: expect.stringContaining(named), hint: expect.stringMatching(/./) }),
    );
  });

  test('never show the password of a URL', () => {
    expect(() => parse({ from: 'ftp://user:secret@host' })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') }),
    );
  });
});

describe('the exit code of sluice receive', () => {
  const nothing = new ReceiveAccount().summary(false);

  test('is 0 only when nothing is missing or damaged and as many came as were asked for', () => {
    expect(exitCode(nothing, {})).toBe(0);
    expect(exitCode({ ...nothing, ok: false }, {})).toBe(1);
    expect(exitCode({ ...nothing, records: 9 }, { count: 10 })).toBe(1);
    expect(exitCode({ ...nothing, records: 11 }, { count: 10 })).toBe(0);
  });
});
