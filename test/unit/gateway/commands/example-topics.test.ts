import { expect, test } from 'vitest';
import { loadConfig } from '../../../../config/load.ts';
import { exampleTopics } from '../../../../gateway/commands/example-topics.ts';

function topicsOf(access: object) {
  const loaded = loadConfig({ text: JSON.stringify({ access }), env: {} });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return exampleTopics(loaded.config);
}

test('are any where everything is allowed', () => {
  const any = { publish: '-t plant/line1/temperature', subscribe: "-t 'plant/#'" };
  expect(topicsOf({ anonymous: true })).toEqual(any);
  expect(topicsOf({ usersFile: 'u', rules: [{ publish: ['#'], subscribe: ['#'] }] })).toEqual(any);
});

test('are those of the first rule that grants something, with placeholders for who one is', () => {
  const rules = [
    { subscribe: ['plant/{user}/commands/#'] },
    { publish: ['plant/{user}/+/#'], subscribe: ['other/#'] },
  ];
  expect(topicsOf({ usersFile: 'u', rules })).toEqual({
    publish: '-t plant/USER/line1/temperature',
    subscribe: "-t 'plant/USER/commands/#'",
  });
  expect(topicsOf({ usersFile: 'u', rules: [{ publish: ['{group}/{client}'] }] })).toEqual({
    publish: '-i CLIENT -t GROUP/CLIENT',
    subscribe: undefined,
  });
});

test('are none where nothing is granted', () => {
  expect(topicsOf({ usersFile: 'u' })).toEqual({ publish: undefined, subscribe: undefined });
});
