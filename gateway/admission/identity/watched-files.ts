// Says when files have changed that belong together: a certificate and its key, a password file. They are looked at
// every so often, which works on every file system, over links and for files that are replaced by a rename.
//
// A change is told once it has settled, that is when two looks in a row see the same files, and only if their
// content is another: a cert and a key written one after the other are one change, a `touch` is none. Whoever loads
// them too early all the same throws, keeps what it has, and is called again: at the next change, and now and then
// without one.
//
// Start it before the first load: a file that is replaced between the two is then noticed.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Clock, Timer } from '../../../config/clock.ts';
import { messageOf, SluiceError } from '../../../config/errors.ts';

export interface WatchedFilesOptions {
  /** Empty ones and repetitions are left out. */
  paths: readonly string[];
  intervalMs: number;
  clock: Clock;
  /** `start` calls `onChange` as well; false: the caller loads them himself, afterwards. */
  loadAtStart?: boolean;
  /** Load them. May throw or reject: told to `onProblem`, and called again later. */
  onChange(): Promise<void> | void;
  /** A file that is missing or cannot be read, or a fault of `onChange`: once, until it is another one. */
  onProblem(error: Error): void;
}

/** Looks that pass, at most, before a load that failed is tried again. */
const RETRY_LOOKS_MAX = 32;

/** What a look found: `stamp` changes with every write, `problem` is why there is nothing to load. */
interface Look {
  readonly stamp: string;
  readonly problem: SluiceError | undefined;
}

export class WatchedFiles {
  readonly #options: WatchedFilesOptions;
  readonly #paths: readonly string[];
  #timer: Timer | undefined;
  #isStarted = false;
  #looking: Promise<void> | undefined;
  /** Of the last look, and of the last one whose content is known. */
  #seenStamp = '';
  #readStamp = '';
  #content = '';
  /** The load failed: so many looks until it is tried again, and how many it was the last time. */
  #isStale = false;
  #retryIn = 0;
  #retryLooks = 1;
  #told = '';

  constructor(options: WatchedFilesOptions) {
    this.#options = options;
    this.#paths = [...new Set(options.paths)].filter((path) => path !== '');
  }

  /** Resolves when what the files hold now is remembered: changes from then on are told. */
  async start(): Promise<void> {
    if (this.#isStarted) return;
    this.#isStarted = true;
    if (this.#paths.length === 0) return;
    this.#looking = this.#first().finally(() => {
      this.#looking = undefined;
    });
    await this.#looking;
    this.#schedule();
  }

  async #first(): Promise<void> {
    const look = await this.#stat();
    this.#seenStamp = look.stamp;
    if (look.problem !== undefined) return this.#tell(look.problem);
    if (!(await this.#read(look.stamp)) || this.#options.loadAtStart !== true) return;
    this.#isStale = true;
    await this.#load();
  }

  /** Resolves when no look and no `onChange` is under way any more, and none follows. */
  async stop(): Promise<void> {
    this.#isStarted = false;
    this.#timer?.clear();
    this.#timer = undefined;
    await this.#looking;
  }

  /** Looks now, not only when the time has come; two looks see a change. Resolves when `onChange` is done. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  #schedule(): void {
    if (!this.#isStarted) return;
    this.#timer = this.#options.clock.after(this.#options.intervalMs, () => {
      void this.look().then(() => this.#schedule());
    });
  }

  async #look(): Promise<void> {
    const look = await this.#stat();
    const isSettled = look.stamp === this.#seenStamp;
    this.#seenStamp = look.stamp;
    if (!isSettled) return;
    if (look.problem !== undefined) {
      this.#readStamp = '';
      return this.#tell(look.problem);
    }
    if (look.stamp !== this.#readStamp && (await this.#read(look.stamp))) {
      this.#isStale = true;
      this.#retryIn = 0;
      this.#retryLooks = 1;
    }
    if (this.#isStale && this.#isStarted) await this.#load();
  }

  async #load(): Promise<void> {
    if (this.#retryIn-- > 0) return;
    try {
      await this.#options.onChange();
      this.#isStale = false;
      this.#told = '';
    } catch (error) {
      this.#retryIn = this.#retryLooks;
      this.#retryLooks = Math.min(this.#retryLooks * 2, RETRY_LOOKS_MAX);
      this.#tell(error instanceof Error ? error : new Error(messageOf(error)));
    }
  }

  /** Whether what the files hold is not what they held when they were last read. */
  async #read(stamp: string): Promise<boolean> {
    const hash = createHash('sha256');
    for (const path of this.#paths) {
      try {
        const one = createHash('sha256');
        for await (const chunk of createReadStream(path)) one.update(chunk);
        hash.update(one.digest());
      } catch (error) {
        // Read anew at the next look: a missing right does not change the stamp when it is given.
        this.#tell(unreadable(path, error));
        return false;
      }
    }
    const content = hash.digest('base64');
    const isChanged = content !== this.#content;
    this.#content = content;
    this.#readStamp = stamp;
    if (!isChanged && !this.#isStale) this.#told = ''; // gone and back again
    return isChanged;
  }

  async #stat(): Promise<Look> {
    const stamps: string[] = [];
    let problem: SluiceError | undefined;
    for (const path of this.#paths) {
      try {
        const found = await stat(path, { bigint: true });
        if (!found.isFile()) throw new Error('it is not a file');
        // With ctime, which nobody can set: a copy that keeps its date is seen as well.
        stamps.push([found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(' '));
      } catch (error) {
        problem ??= unreadable(path, error);
        stamps.push('none');
      }
    }
    return { stamp: stamps.join('|'), problem };
  }

  #tell(error: Error): void {
    if (error.message === this.#told) return;
    this.#told = error.message;
    this.#options.onProblem(error);
  }
}

function unreadable(path: string, cause: unknown): SluiceError {
  return new SluiceError('WATCHED_FILE_UNREADABLE', `cannot read ${path}: ${messageOf(cause)}`, {
    kind: 'transient',
    hint: 'Put the file back, or make it readable',
    cause,
  });
}
