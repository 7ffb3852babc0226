// The users of the password file as it is now: loaded, watched, and loaded again when it changes. A file that is
// missing or has a problem is told in a line, and what was loaded before stays in use; at the start that is nobody. The
// gateway starts all the same: what it has stored must be forwarded, and a mended file is taken at once. Every
// change is an audit line.

import type { Clock } from '../../../config/clock.ts';
import { SluiceError } from '../../../config/errors.ts';
import { type Logger, logKeys } from '../../../config/logger.ts';
import type { Audit } from '../audit-event.ts';
import { loadPasswordFile, PasswordUsers } from './password-file.ts';
import { describeUnknownGroup, unknownGroups } from './unknown-groups.ts';
import { describeChanges, type UserChanges, userChanges } from './user-changes.ts';
import { WatchedFiles } from './watched-files.ts';

export interface LiveUsersOptions {
  clock: Clock;
  audit: Audit;
  log: Logger;
  /** Whether the settings have a group. */
  hasGroup(group: string): boolean;
  onChange(changes: UserChanges): void;
}

/** Named in one warning. */
const GROUPS_TOLD_MAX = 5;

export class LiveUsers {
  readonly #options: LiveUsersOptions;
  #current = PasswordUsers.none;
  #watched: WatchedFiles | undefined;
  #path = '';

  constructor(options: LiveUsersOptions) {
    this.#options = options;
  }

  /** A snapshot; ask anew for each client. */
  get current(): PasswordUsers {
    return this.#current;
  }

  /** Users come from `path` from now on, none if it is empty. Resolves when it was looked at once; never rejects. */
  async watch(path: string, intervalMs: number): Promise<void> {
    await this.#watched?.stop();
    this.#path = path;
    if (path === '') {
      if (this.#current.size > 0) this.#use(PasswordUsers.none);
      return;
    }
    this.#watched = new WatchedFiles({
      paths: [path],
      intervalMs,
      clock: this.#options.clock,
      loadAtStart: true,
      onChange: () => this.#load(),
      onProblem: (error) => this.#tell(error),
    });
    await this.#watched.start();
  }

  /** Looks now, not only when it is time. */
  async look(): Promise<void> {
    await this.#watched?.look();
  }

  /** The users stay. */
  async stop(): Promise<void> {
    await this.#watched?.stop();
  }

  /** To be called again when the settings have other groups. */
  warnOfUnknownGroups(): void {
    const unknown = unknownGroups(this.#current, (group) => this.#options.hasGroup(group));
    if (unknown.length === 0) return;
    const told = unknown.slice(0, GROUPS_TOLD_MAX).map(describeUnknownGroup);
    if (unknown.length > told.length) told.push(`${unknown.length - told.length} more groups`);
    this.#options.log.warn(
      { [logKeys.file]: this.#path },
      `users of groups that access.groups does not have are refused: ${told.join('; ')}`,
    );
  }

  async #load(): Promise<void> {
    const { users, warnings } = await loadPasswordFile(this.#path);
    for (const warning of warnings) this.#options.log.warn({ [logKeys.file]: this.#path }, warning);
    this.#use(users);
    this.warnOfUnknownGroups();
  }

  #use(users: PasswordUsers): void {
    const { audit, log, onChange } = this.#options;
    const changes = userChanges(this.#current, users);
    this.#current = users;
    const detail = describeChanges(changes);
    log.info({ [logKeys.file]: this.#path, users: users.size }, 'users loaded');
    if (detail === undefined) return; // comments, or their order
    audit.write({ event: 'identity-data', reason: 'users-changed', object: this.#path, detail });
    onChange(changes);
  }

  #tell(error: Error): void {
    const { audit, log } = this.#options;
    const isNobody = this.#current.size === 0;
    const kept = isNobody ? 'nobody can sign in by it' : 'the users known before stay';
    const hint = error instanceof SluiceError ? error.hint : undefined;
    log[isNobody ? 'error' : 'warn'](
      {
        [logKeys.file]: this.#path,
        [logKeys.reason]: error.message,
        ...(hint === undefined ? {} : { hint }),
      },
      `the password file cannot be used: ${kept}`,
    );
    const detail = error.message;
    audit.write({ event: 'identity-data', reason: 'users-file-unusable', object: this.#path, detail });
  }
}
