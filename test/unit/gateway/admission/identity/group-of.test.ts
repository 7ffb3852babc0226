import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../../../../config/load.ts';
import { Groups } from '../../../../../gateway/admission/identity/group-of.ts';
import { NamePattern, NamePatterns } from '../../../../../gateway/admission/identity/name-pattern.ts';

describe('a name pattern', () => {
  test.each([
    ['alice', 'alice', true],
    ['alice', 'alice2', false],
    ['alice', 'Alice', false],
    ['', '', true],
    ['', 'x', false],
    ['*', '', true],
    ['*', 'anything', true],
    ['**', '', true],
    ['a*', 'a', true],
    ['a*', 'ba', false],
    ['*a', 'ba', true],
    ['*a', 'ab', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['ab*ba', 'aba', false],
    ['a*b*c', 'a-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['a*b*c', 'abbc', true],
    ['*ab*ab', 'ab', false],
    ['*ab*ab', 'aabab', true],
    ['a*bc*c', 'abc', false],
    ['a*bc*c', 'abcc', true],
    ['a.c', 'abc', false],
    ['[a-z]*', 'abc', false],
    ['press-*-[1]', 'press-7-[1]', true],
    ['{user}', '{user}', true],
  ])('%j and %j: %s', (pattern, name, matches) => {
    expect(new NamePattern(pattern).matches(name)).toBe(matches);
    expect(new NamePatterns(['nobody', pattern]).matches(name)).toBe(matches);
  });

  test.each([
    ['{user}', 'alice', 'alice', true],
    ['{user}', 'alic', 'alice', false],
    ['{user}-*', 'alice-1', 'alice', true],
    ['{user}-*', 'bob-1', 'alice', false],
    ['*/{user}/{user}', 'x/a/a', 'a', true],
    ['{user}*', '', '', false],
    ['{user}', '', '', false],
    ['*{user}*', 'anything', '', false],
    ['{user}', 'bob', '*', false],
    ['{user}', '*', '*', true],
    ['{user}', 'a/b', 'a/b', false],
    ['{user}', '+', '+', false],
    ['{user}', 'a#', 'a#', false],
    ['{user}', 'a\u0000', 'a\u0000', false],
    ['{user}', '$&', '$&', true],
    ['dev-*', 'dev-1', '', true],
  ])('%j, client id %j, user %j: %s', (pattern, clientId, user, matches) => {
    const options = { placeholders: true };
    expect(new NamePattern(pattern, options).matches(clientId, user)).toBe(matches);
    expect(new NamePatterns([pattern], options).matches(clientId, user)).toBe(matches);
  });

  test('that no name meets is known not to be met as soon as any other', () => {
    const name = 'a'.repeat(65_000);
    expect(new NamePattern(`${'a*'.repeat(120)}b`).matches(name)).toBe(false);
    expect(new NamePattern(`*${'a*'.repeat(120)}b*`).matches(name)).toBe(false);
  });

  test('of an empty list is met by nobody', () => {
    expect(new NamePatterns([]).matches('')).toBe(false);
  });
});

describe('the group of a client', () => {
  const yaml = `access:
  anonymous: true
  groups:
    presses: { users: [press-*], clientIds: ['{user}', '{user}-*'] }
    special: { users: [press-1, root], tenant: acme }
    given: {}
    nobody: { clientIds: [] }
`;
  const loaded = loadConfig({ text: yaml, env: {} });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const groups = new Groups(loaded.config.access.groups);

  test.each([
    ['press-1', undefined, 'presses'],
    ['root', undefined, 'special'],
    ['somebody', undefined, 'default'],
    ['', undefined, 'default'],
    ['press-1', 'given', 'given'],
    ['somebody', 'default', 'default'],
    ['somebody', 'gvien', undefined],
    ['somebody', 'constructor', undefined],
  ])('user %j, given %j: %j', (user, given, group) => {
    expect(groups.groupOf(user, given)).toBe(group);
  });

  test.each([
    ['press-1', 'presses', 'press-1', true],
    ['press-1', 'presses', 'press-1-b', true],
    ['press-1', 'presses', 'press-2', false],
    ['root', 'special', 'whatever', true],
    ['x', 'default', 'whatever', true],
    ['x', 'nobody', 'x', false],
  ])('user %j of %j may use the client id %j: %s', (user, group, clientId, may) => {
    expect(groups.mayUseClientId({ user, group }, clientId)).toBe(may);
  });
});
