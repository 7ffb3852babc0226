import { describe, expect, test } from 'vitest';
import { PasswordCheck } from '../../../../../gateway/admission/identity/password-check.ts';
import { parsePasswordFile } from '../../../../../gateway/admission/identity/password-file.ts';
import { decoyHash, hashPassword } from '../../../../../gateway/admission/identity/password-hash.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';

const cheap = { ln: 10, r: 8, p: 1 };
const question = (user: string, password: string, address = '192.0.2.1') => ({
  user,
  password: Buffer.from(password),
  address,
});
const users = (...lines: string[]) => parsePasswordFile(lines.join('\n')).users;
const [hash, hash2] = await Promise.all([hashPassword('good', cheap), hashPassword('better', cheap)]);

/** Calculations that end when they are told to. */
function held() {
  const ends: ((isGood: boolean) => void)[] = [];
  const asked: string[] = [];
  const check = new PasswordCheck(new FakeClock(), (_, stored) => {
    asked.push(stored);
    return new Promise((resolve) => ends.push(resolve));
  });
  return { check, ends, asked };
}

describe('a password check', () => {
  test.each([
    ['alice', 'good', 'good'],
    ['alice', 'bad', 'bad'],
    ['alice', '', 'bad'],
    ['mallory', 'good', 'unknown-user'],
  ])('%s with %j: %s', async (user, password, verdict) => {
    const check = new PasswordCheck(new FakeClock());
    expect(await check.check(question(user, password), users(`alice:${hash}`))).toBe(verdict);
    expect(check.counters.calculated).toBe(1);
  });

  test('calculates for an unknown user what it would for a known one', async () => {
    const { check, ends, asked } = held();
    const answer = check.check(question('mallory', 'x'), users(`alice:${hash}`));
    expect(asked).toEqual([expect.stringMatching(/^\$scrypt\$ln=10,r=8,p=1\$/)]);
    ends[0](true); // even if: nobody is let in by a decoy
    expect(await answer).toBe('unknown-user');
  });

  test('remembers what was good, by user, password and stored hash', async () => {
    const check = new PasswordCheck(new FakeClock());
    const file = users(`alice:${hash}`, `bob:${hash}`);
    const ask = (user: string, password: string, known = file) =>
      check.check(question(user, password), known);
    for (let i = 0; i < 3; i++) expect(await ask('alice', 'good')).toBe('good');
    expect(check.counters).toEqual({ calculated: 1, remembered: 2 });
    expect(await ask('alice', 'good', users(`alice:${hash}`, 'bob:x'))).toBe('good');
    expect(check.counters.calculated).toBe(1);
    expect(await ask('bob', 'good')).toBe('good');
    expect(check.counters.calculated).toBe(2);
    expect(await ask('alice', 'good', users(`alice:${hash2}`))).toBe('bad');
    expect(await ask('alice', 'better', users(`alice:${hash2}`))).toBe('good');
    expect(await ask('alice', 'good', users())).toBe('unknown-user');
  });

  test('calculates a wrong password once, until the stored hash is another', async () => {
    const check = new PasswordCheck(new FakeClock());
    for (let i = 0; i < 3; i++)
      expect(await check.check(question('alice', 'better'), users(`alice:${hash}`))).toBe('bad');
    expect(check.counters).toEqual({ calculated: 1, remembered: 2 });
    expect(await check.check(question('alice', 'better'), users(`alice:${hash2}`))).toBe('good');
  });

  test('knows what is proven', async () => {
    const check = new PasswordCheck(new FakeClock());
    const file = users(`alice:${hash}`);
    expect(check.isProven(question('alice', 'good'), file)).toBe(false);
    await check.check(question('alice', 'good'), file);
    await check.check(question('alice', 'bad'), file);
    expect(check.isProven(question('alice', 'good'), file)).toBe(true);
    expect(check.isProven(question('alice', 'bad'), file)).toBe(false);
    expect(check.isProven(question('alice', 'good'), users(`alice:${hash2}`))).toBe(false);
    expect(check.isProven(question('alice', 'good'), users())).toBe(false);
  });

  test('never calculates more than two at once, and the same only once', async () => {
    const { check, ends } = held();
    const file = users(...Array.from({ length: 10 }, (_, i) => `u${i}:${decoyHash(hash)}`));
    const answers = Array.from({ length: 50 }, (_, i) => check.check(question(`u${i % 10}`, 'x'), file));
    let calculated = 0;
    while (calculated < 10) {
      expect(ends.length).toBeLessThanOrEqual(2);
      for (const end of ends.splice(0)) {
        calculated++;
        end(true);
      }
      await new Promise(setImmediate);
    }
    expect(await Promise.all(answers)).toEqual(Array(50).fill('good'));
    expect(check.counters.calculated).toBe(10);
  });

  test('is busy when too many wait, for who floods it before all others', async () => {
    const { check, ends } = held();
    const file = users(`alice:${hash}`);
    const flood = Array.from({ length: 2100 }, (_, i) =>
      check.check(question('x', `${i}`, '203.0.113.1'), file),
    );
    const alice = check.check(question('alice', 'good'), file);
    for (let i = 0; i < 2; i++) {
      ends.shift()?.(false);
      await new Promise(setImmediate);
    }
    // One more of the flood had its turn, then alice.
    for (const end of ends) end(true);
    expect(await alice).toBe('good');
    expect(check.busy).toBe(99);
    const closed = check.close();
    for (const end of ends) end(false);
    await closed;
    const verdicts = await Promise.all(flood);
    expect(verdicts.filter((verdict) => verdict === 'busy').length).toBeGreaterThan(2000);
  });

  test('that fails is not remembered', async () => {
    let isFailing = true;
    const check = new PasswordCheck(new FakeClock(), async () => {
      if (isFailing) throw new Error('no memory');
      return true;
    });
    const file = users(`alice:${hash}`);
    await expect(check.check(question('alice', 'good'), file)).rejects.toThrow('no memory');
    isFailing = false;
    expect(await check.check(question('alice', 'good'), file)).toBe('good');
  });
});
