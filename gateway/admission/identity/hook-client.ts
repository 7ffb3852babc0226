// One request to the access hook and what its answer means (auth-hook.ts draws both). Connections are kept and
// reused. undici is loaded with the first request: a gateway without a hook has no use for it.

import type { Pool } from 'undici';
import type { Clock } from '../../../config/clock.ts';
import { messageOf } from '../../../config/errors.ts';
import { KiB } from '../../../config/limits.ts';
import { isGroupName } from './group-of.ts';
import { userNameFault } from './user-name.ts';

const ANSWER_BYTES_MAX = 16 * KiB;
const CONNECTIONS_MAX = 16;

export type HookReply =
  | { readonly kind: 'allow'; readonly user: string | undefined; readonly group: string | undefined }
  | { readonly kind: 'refuse' }
  /** `reason` is for the log and the audit log; `fault`: it did not answer, or answered what says nothing. */
  | { readonly kind: 'silent'; readonly fault: 'no-answer' | 'bad-answer'; readonly reason: string };

export class HookClient {
  readonly #url: URL;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  #pool: Promise<Pool> | undefined;

  constructor(url: string, timeoutMs: number, clock: Clock) {
    this.#url = new URL(url);
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
  }

  /** Without its query, which may hold a key. */
  get shownUrl(): string {
    return `${this.#url.origin}${this.#url.pathname}`;
  }

  /** Never rejects; resolves within the time limit. */
  async post(body: string): Promise<HookReply> {
    await this.#opened();
    const late = new AbortController();
    const timer = this.#clock.after(this.#timeoutMs, () => late.abort(new Error('no answer in time')));
    const signal = AbortSignal.any([late.signal, this.#closing.signal]);
    try {
      return await this.#request(body, signal).catch((error: unknown) => {
        // The server closed a kept connection just as it was used; nothing was decided, and asking twice is harmless.
        if (!isClosedConnection(error) || signal.aborted) throw error;
        return this.#request(body, signal);
      });
    } catch (error) {
      if (signal.aborted) return { kind: 'silent', fault: 'no-answer', reason: messageOf(signal.reason) };
      return {
        kind: 'silent',
        fault: isOfAnswer(error) ? 'bad-answer' : 'no-answer',
        reason: messageOf(error),
      };
    } finally {
      timer.clear();
    }
  }

  /** Ends what is under way, as without an answer. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('the gateway stops or has other settings'));
    await (await this.#pool)?.destroy();
  }

  async #request(body: string, signal: AbortSignal): Promise<HookReply> {
    signal.throwIfAborted();
    const response = await (await this.#opened()).request({
      path: `${this.#url.pathname}${this.#url.search}`,
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body,
      signal,
    });
    if (response.statusCode === 200) return replyOf(await response.body.text());
    await response.body.dump({ limit: ANSWER_BYTES_MAX, signal }).catch(() => {}); // the status is the answer
    if (response.statusCode === 401 || response.statusCode === 403) return { kind: 'refuse' };
    return badAnswer(`status ${response.statusCode}`);
  }

  #opened(): Promise<Pool> {
    this.#pool ??= this.#open();
    return this.#pool;
  }

  async #open(): Promise<Pool> {
    const undici = await import('undici');
    return new undici.Pool(this.#url.origin, {
      connections: CONNECTIONS_MAX,
      pipelining: 1,
      maxResponseSize: ANSWER_BYTES_MAX,
      // Both are `post`'s, which has one time limit for everything.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: this.#timeoutMs },
    });
  }
}

function replyOf(text: string): HookReply {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return badAnswer('its answer is not JSON');
  }
  const { allow, user, group } = (answer ?? {}) as { allow?: unknown; user?: unknown; group?: unknown };
  if (allow === false) return { kind: 'refuse' };
  if (allow === undefined) return badAnswer('its answer has no "allow"');
  if (allow !== true) return badAnswer('its answer has an "allow" that is neither true nor false');
  if (!isAbsent(user) && !(typeof user === 'string' && userNameFault(user) === undefined))
    return badAnswer('its answer has a "user" that is no user name');
  if (!isAbsent(group) && !(typeof group === 'string' && isGroupName(group)))
    return badAnswer('its answer has a "group" that is no name of a group');
  return { kind: 'allow', user: user ?? undefined, group: group ?? undefined };
}

function badAnswer(reason: string): HookReply {
  return { kind: 'silent', fault: 'bad-answer', reason };
}

/** It came, but is too long or no HTTP. */
function isOfAnswer(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE' || String(code).startsWith('HPE_');
}

function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

function isClosedConnection(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE';
}
