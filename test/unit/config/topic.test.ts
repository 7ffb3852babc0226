import { describe, expect, test } from 'vitest';
import { matchesEverything, topicFilterFault } from '../../../config/topic-filter.ts';
import { couldReceive, placeholdersOf, topicTemplateFault } from '../../../config/topic-template.ts';

describe('topic filters', () => {
  test.each(['#', '+', '/', 'a', 'a/b', '+/+', 'a/+/c', 'a/#', '/#', 'a//b', '$SYS/#', 'ünï/код'])(
    '%s is good',
    (filter) => {
      expect(topicFilterFault(filter)).toBeUndefined();
    },
  );

  test.each([
    ['', 'is empty'],
    ['a/#/b', "has '#' before its last level"],
    ['#/', "has '#' before its last level"],
    ['a#', "has the wildcard '#' beside other characters in one level"],
    ['a/b+', "has the wildcard '+' beside other characters in one level"],
    ['a/+#', "has the wildcard '+' beside other characters in one level"],
    ['a\0b', 'has a control character'],
    ['a\u009fb', 'has a control character'],
    ['a\uffff', 'has a control character'],
    ['\ud800', 'is not valid Unicode'],
    ['é'.repeat(33_000), 'is longer than 65535 bytes'],
    ['$share/g/a', 'is a shared subscription, which has no meaning here'],
  ])('%j is bad', (filter, fault) => {
    expect(topicFilterFault(filter)).toBe(fault);
  });

  test('only # and +/# match everything', () => {
    expect(['#', '+/#', '+', '/#', 'a/#', '+/+/#'].filter(matchesEverything)).toEqual(['#', '+/#']);
  });
});

describe('topic templates', () => {
  test.each(['a', '{topic}', 'sluice/{gateway}/{lane}', 'x-{gateway}-{sink}/{device}/y', '{lane}{sink}'])(
    '%s is good',
    (template) => {
      expect(topicTemplateFault(template)).toBeUndefined();
    },
  );

  test.each([
    ['a/+', "has the wildcard '+', but one can only publish to a topic without wildcards"],
    ['{topic}/#', "has the wildcard '#', but one can only publish to a topic without wildcards"],
    ['a/{b}', 'has the unknown placeholder {b}'],
    ['a/{}', 'has the unknown placeholder {}'],
    ['a/{Topic}', 'has the unknown placeholder {Topic}'],
    ['a/{topic', 'has a brace that belongs to no placeholder'],
    ['a/topic}', 'has a brace that belongs to no placeholder'],
    ['{{topic}}', 'has a brace that belongs to no placeholder'],
    ['{to/pic}', 'has a brace that belongs to no placeholder'],
    ['a\nb', 'has a control character'],
  ])('%j is bad', (template, fault) => {
    expect(topicTemplateFault(template)).toBe(fault);
  });

  test('placeholders are named in order', () => {
    expect(placeholdersOf('{lane}/x-{gateway}/{lane}')).toEqual(['lane', 'gateway', 'lane']);
  });
});

describe('whether a subscription could receive what is published', () => {
  const values = { sink: ['cloud'], lane: ['main', 'alarms'] };

  test.each([
    ['#', 'sluice/{gateway}/{lane}'],
    ['sluice/#', 'sluice/{gateway}/{lane}'],
    ['sluice/+/main', 'sluice/{gateway}/{lane}'],
    ['sluice/g1/alarms', 'sluice/{gateway}/{lane}'],
    ['sluice/g1/alarms/#', 'sluice/{gateway}/{lane}'],
    ['+/+/+', 'sluice/{gateway}/{lane}'],
    ['up-cloud', 'up-{sink}'],
    ['cmd/x', '{topic}'],
    ['cmd', '{topic}'],
    ['up/a/b/c/d', 'up/{topic}/d'],
    ['up/+/x', 'up/{device}/x'],
    ['$aws/#', '$aws/rules/{topic}'],
  ])('%s could match %s', (filter, template) => {
    expect(couldReceive(filter, template, values)).toBe(true);
  });

  test.each([
    ['cmd/#', 'sluice/{gateway}/{lane}'],
    ['sluice/+', 'sluice/{gateway}/{lane}'],
    ['sluice/+/+/+', 'sluice/{gateway}/{lane}'],
    ['sluice/g1/other', 'sluice/{gateway}/{lane}'],
    ['up-other', 'up-{sink}'],
    ['down/#', 'up/{topic}'],
    ['up', 'up/{topic}'],
    ['up/a/x', 'up/{device}/y'],
    ['#', '$aws/rules/{topic}'],
    ['+/rules/#', '$aws/rules/{topic}'],
    ['a.c', 'abc'],
  ])('%s could not match %s', (filter, template) => {
    expect(couldReceive(filter, template, values)).toBe(false);
  });

  test('a known gateway is taken at its word', () => {
    const known = { ...values, gateway: ['g1'] };
    expect(couldReceive('sluice/g2/+', 'sluice/{gateway}/{lane}', known)).toBe(false);
    expect(couldReceive('sluice/g1/+', 'sluice/{gateway}/{lane}', known)).toBe(true);
  });

  test('the answer for many placeholders and many levels comes at once', () => {
    const template = Array(100).fill('{topic}').join('/');
    const filter = `${Array(400).fill('+').join('/')}/x`;
    expect(couldReceive(filter, template, values)).toBe(true);
    expect(couldReceive(Array(99).fill('+').join('/'), template, values)).toBe(false);
  });
});
