// Passwords against the hashes of the password file, off the main thread and never more than two at a time: scrypt
// takes tens of MiB and a core each, and libuv's four threads are also wanted by others.
//
// What was calculated is remembered under a keyed hash that includes the stored hash: a fleet that reconnects costs
// nothing, a device that repeats a wrong password costs it once, and whatever is remembered of a user is void with
// his stored hash. An unknown user costs what a known one does, measured by the first user of the file.

import type { Clock } from '../../../config/clock.ts';
import { seconds } from '../../../config/limits.ts';
import { credentialKey } from './credential-key.ts';
import { FairQueue } from './fair-queue.ts';
import type { PasswordUsers } from './password-file.ts';
import { decoyHash, verifyPassword } from './password-hash.ts';
import { RecentMap } from './recent-map.ts';

const AT_ONCE_MAX = 2;
const WAITING_MAX = 2000;
/** Devices give up after 10 to 30 s. */
const WAIT_MAX_MS = 15 * seconds;
const GOOD_MAX = 100_000;
/** Fewer, and on their own: who tries passwords does not push out who knows his. */
const BAD_MAX = 5000;

export type PasswordVerdict = 'good' | 'bad' | 'unknown-user' | 'busy';

export interface PasswordQuestion {
  readonly user: string;
  readonly password: Buffer;
  /** Whose turn it is goes by it. */
  readonly address: string;
}

export class PasswordCheck {
  readonly #verify: typeof verifyPassword;
  readonly #queue: FairQueue;
  readonly #good = new RecentMap<true>(GOOD_MAX);
  readonly #bad = new RecentMap<true>(BAD_MAX);
  readonly #underWay = new Map<string, Promise<boolean | 'busy'>>();
  #decoy = { users: undefined as PasswordUsers | undefined, hash: '' };
  /** Hashes calculated, and answers that were remembered. */
  readonly counters = { calculated: 0, remembered: 0 };

  /** `verify` is for tests. */
  constructor(clock: Clock, verify: typeof verifyPassword = verifyPassword) {
    this.#verify = verify;
    this.#queue = new FairQueue({
      atOnceMax: AT_ONCE_MAX,
      waitingMax: WAITING_MAX,
      waitMaxMs: WAIT_MAX_MS,
      clock,
    });
  }

  get busy(): number {
    return this.#queue.refused;
  }

  async check(question: PasswordQuestion, users: PasswordUsers): Promise<PasswordVerdict> {
    const known = users.find(question.user);
    const hash = known?.hash ?? this.#decoyOf(users);
    const isGood = await this.#isGood(question, hash);
    if (isGood === 'busy') return 'busy';
    if (known === undefined) return 'unknown-user';
    return isGood ? 'good' : 'bad';
  }

  /** Whether exactly this has been found good before and still is; costs no more than a keyed hash. */
  isProven({ user, password }: Omit<PasswordQuestion, 'address'>, users: PasswordUsers): boolean {
    const known = users.find(user);
    return known !== undefined && this.#good.get(credentialKey(user, password, known.hash)) === true;
  }

  /** Whoever waits is told `busy`; resolves when nothing is being calculated. */
  async close(): Promise<void> {
    this.#queue.close();
    await Promise.allSettled(this.#underWay.values());
  }

  async #isGood({ user, password, address }: PasswordQuestion, hash: string): Promise<boolean | 'busy'> {
    const key = credentialKey(user, password, hash);
    const isGood = this.#good.get(key) === true;
    if (isGood || this.#bad.get(key) === true) {
      this.counters.remembered++;
      return isGood;
    }
    const asked = this.#underWay.get(key);
    if (asked !== undefined) return asked;
    const answer = this.#queue
      .run(address, () => this.#calculate(key, password, hash))
      .finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, answer);
    return answer;
  }

  async #calculate(key: string, password: Buffer, hash: string): Promise<boolean> {
    this.counters.calculated++;
    const isGood = await this.#verify(password, hash);
    (isGood ? this.#good : this.#bad).set(key, true);
    return isGood;
  }

  #decoyOf(users: PasswordUsers): string {
    if (this.#decoy.users !== users) {
      const [first] = users.entries();
      this.#decoy = { users, hash: decoyHash(first?.[1].hash) };
    }
    return this.#decoy.hash;
  }
}
