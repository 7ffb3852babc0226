// Asks a web service who a client is (settings access.hook): POST, JSON
//
//     {"clientId", "username", "password", "address", "protocolVersion": 3 | 4 | 5}
//
// with passwordBase64 in the place of a password that is not UTF-8. It answers 200 {"allow": true, "user"?,
// "group"?}, 200 {"allow": false}, 401 or 403; anything else, a redirect and an answer that is too long or too late
// included, is no answer. `user` is the name under which the client is known from then on.
//
// Answers hold for cacheMs, by client id, user name and a keyed hash of the password. Equal questions at the same
// time are one request; requests and those who wait for one are bounded. Without an answer the setting `silent`
// decides. Passwords are neither logged nor kept.

import type { Clock, Timer } from '../../../config/clock.ts';
import type { Logger } from '../../../config/logger.ts';
import type { Config } from '../../../config/settings.ts';
import { credentialKey } from './credential-key.ts';
import { FairQueue } from './fair-queue.ts';
import { HookClient, type HookReply } from './hook-client.ts';
import type { ConnectAttempt } from './identity.ts';
import { RecentMap } from './recent-map.ts';

const REQUESTS_MAX = 16;
const WAITING_MAX = 5000;
const ALLOWED_MAX = 100_000;
/** Fewer, and on their own: who tries passwords does not push out who knows his. */
const REFUSED_MAX = 5000;
/** Between two lines in the log about why there is no answer. */
const TELL_INTERVAL_MS = 10_000;

/** An attempt that has a user name. */
export type HookQuestion = Pick<ConnectAttempt, 'clientId' | 'password' | 'address' | 'version'> & {
  readonly username: string;
};

export type HookAnswer =
  | { readonly kind: 'allow'; readonly user: string | undefined; readonly group: string | undefined }
  | { readonly kind: 'refuse' }
  /** `reason` is for the audit log. */
  | { readonly kind: 'silent'; readonly reason: string }
  | { readonly kind: 'busy' };

type Silence = Extract<HookReply, { kind: 'silent' }>;
type Definite = Extract<HookAnswer, { kind: 'allow' | 'refuse' }>;

interface Remembered {
  readonly answer: Definite;
  readonly atMs: number;
}

export interface AuthHookOptions {
  settings: Config['access']['hook'];
  clock: Clock;
  log: Logger;
}

export class AuthHook {
  readonly #settings: Config['access']['hook'];
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #client: HookClient;
  readonly #queue: FairQueue;
  readonly #allowed = new RecentMap<Remembered>(ALLOWED_MAX);
  readonly #refused = new RecentMap<Remembered>(REFUSED_MAX);
  readonly #underWay = new Map<string, Promise<HookAnswer>>();
  /** Why there was no answer to the last request; null: there was one. */
  #silence: Silence | null = null;
  #toldReason = '';
  /** Runs for a while after each line about it. */
  #toldLately: Timer | null = null;
  #isClosed = false;
  /** Requests made, requests without an answer, and answers from memory: within cacheMs, and for want of a new one. */
  readonly counters = { requests: 0, silent: 0, remembered: 0, stale: 0 };

  constructor({ settings, clock, log }: AuthHookOptions) {
    this.#settings = settings;
    this.#clock = clock;
    this.#log = log;
    this.#client = new HookClient(settings.url, settings.timeoutMs, clock);
    this.#queue = new FairQueue({
      atOnceMax: REQUESTS_MAX,
      waitingMax: WAITING_MAX,
      waitMaxMs: settings.timeoutMs,
      clock,
    });
  }

  get busy(): number {
    return this.#queue.refused;
  }

  ask(question: HookQuestion): Promise<HookAnswer> {
    const key = keyOf(question);
    const known = this.#recall(key, this.#settings.cacheMs);
    if (known !== undefined) {
      this.counters.remembered++;
      return Promise.resolve(known);
    }
    const asked = this.#underWay.get(key);
    if (asked !== undefined) return asked;
    const answer = this.#askNow(key, question).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, answer);
    return answer;
  }

  /** Whether exactly this has been allowed lately; costs no more than a keyed hash. */
  isProven(question: HookQuestion): boolean {
    return this.#recall(keyOf(question), this.#settings.cacheMs)?.kind === 'allow';
  }

  /** As `close`, but those who have asked get their answers first. */
  async retire(): Promise<void> {
    await Promise.allSettled(this.#underWay.values());
    await this.close();
  }

  /** Whoever waits gets no answer; resolves when no request is under way and no connection open. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#toldLately?.clear();
    this.#queue.close();
    await this.#client.close();
    await Promise.allSettled(this.#underWay.values());
  }

  async #askNow(key: string, question: HookQuestion): Promise<HookAnswer> {
    const reply = await this.#queue.run(question.address, () => {
      this.counters.requests++;
      return this.#client.post(bodyOf(question));
    });
    if (reply === 'busy') return this.#without(key, { kind: 'busy' });
    this.#tell(reply);
    if (reply.kind === 'silent') {
      this.counters.silent++;
      return this.#without(key, { kind: 'silent', reason: reply.reason });
    }
    const [into, from] =
      reply.kind === 'allow' ? [this.#allowed, this.#refused] : [this.#refused, this.#allowed];
    from.delete(key);
    into.set(key, { answer: reply, atMs: this.#clock.monotonicMs() });
    return reply;
  }

  #without(key: string, answer: HookAnswer): HookAnswer {
    if (this.#settings.silent === 'refuse') return answer;
    const last = this.#recall(key, this.#settings.staleMs);
    if (last === undefined) return answer;
    this.counters.stale++;
    return last;
  }

  #recall(key: string, ageMaxMs: number): Definite | undefined {
    const known = this.#allowed.get(key) ?? this.#refused.get(key);
    return known !== undefined && this.#clock.monotonicMs() - known.atMs < ageMaxMs
      ? known.answer
      : undefined;
  }

  /** When it falls silent, when the reason for it is another, though not too often, and when it answers again. */
  #tell(reply: HookReply): void {
    if (this.#isClosed) return;
    const wasSilent = this.#silence !== null;
    this.#silence = reply.kind === 'silent' ? reply : null;
    if (this.#silence === null) {
      if (wasSilent) this.#log.info({ url: this.#client.shownUrl }, 'the access hook answers again');
      this.#toldReason = '';
    } else if (!wasSilent || this.#toldLately === null) this.#tellSilence(this.#silence);
  }

  #tellSilence({ fault, reason }: Silence): void {
    if (reason === this.#toldReason) return;
    this.#toldReason = reason;
    const what =
      fault === 'no-answer' ? 'the access hook does not answer' : 'the access hook gives no usable answer';
    const consequence =
      this.#settings.silent === 'refuse'
        ? 'clients are refused'
        : 'clients with a last answer are held to it, others are refused';
    this.#log.error({ url: this.#client.shownUrl, reason }, `${what}: ${consequence}`);
    this.#toldLately?.clear();
    this.#toldLately = this.#clock.after(TELL_INTERVAL_MS, () => {
      this.#toldLately = null;
      if (this.#silence !== null) this.#tellSilence(this.#silence);
    });
  }
}

function keyOf({ clientId, username, password }: HookQuestion): string {
  // Without a password is not the same as with an empty one.
  return credentialKey(clientId, username, ...(password === undefined ? [] : [password]));
}

function bodyOf({ clientId, username, password, address, version }: HookQuestion): string {
  const text = password?.toString('utf8');
  const isText = password === undefined || Buffer.from(text ?? '').equals(password);
  return JSON.stringify({
    clientId,
    username,
    ...(isText ? { password: text } : { passwordBase64: password.toString('base64') }),
    address,
    protocolVersion: version,
  });
}
