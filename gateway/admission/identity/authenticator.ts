// Who a client is, by what it shows: its certificate, else the password file, else the hook; a client that shows
// nothing is anonymous, if the settings allow that. Whoever claims a name that nobody confirms is refused, never
// anonymous.
//
// Tells nobody of a refusal: the caller counts and audits it, with all other reasons for which a client is not let
// in, and asks the FailureThrottle before, unless `isProven`. Changes of identity data are audited here
// (live-users.ts).

import type { Clock } from '../../../config/clock.ts';
import type { Component } from '../../../config/component.ts';
import { type Logger, logKeys } from '../../../config/logger.ts';
import type { Config } from '../../../config/settings.ts';
import type { Audit } from '../audit-event.ts';
import { AuthHook, type HookQuestion } from './auth-hook.ts';
import { Groups } from './group-of.ts';
import type { ConnectAttempt, ConnectRefusal, Identity, IdentitySource, Verified } from './identity.ts';
import { LiveUsers } from './live-users.ts';
import { PasswordCheck } from './password-check.ts';
import type { verifyPassword } from './password-hash.ts';
import type { UserChanges } from './user-changes.ts';
import { userNameFault } from './user-name.ts';

type Access = Config['access'];

export interface AuthenticatorOptions {
  access: Access;
  clock: Clock;
  audit: Audit;
  log: Logger;
  /** Users who came, went, or have another password or group; who is connected stays so. */
  onUsersChanged?(changes: UserChanges): void;
  /** For tests. */
  verifyPassword?: typeof verifyPassword;
}

export class Authenticator implements Component {
  readonly #options: AuthenticatorOptions;
  readonly #users: LiveUsers;
  readonly #passwords: PasswordCheck;
  #access: Access;
  #groups: Groups;
  #hook: AuthHook | undefined;
  readonly #retired = new Set<AuthHook>();
  #isFaulty = false;
  /** Clients let in, by what they showed. */
  readonly accepted: Record<IdentitySource, number> = { anonymous: 0, password: 0, hook: 0, certificate: 0 };

  constructor(options: AuthenticatorOptions) {
    const { access, clock, audit, log } = options;
    this.#options = options;
    this.#access = access;
    this.#groups = new Groups(access.groups);
    this.#passwords = new PasswordCheck(clock, options.verifyPassword);
    this.#users = new LiveUsers({
      clock,
      audit,
      log,
      hasGroup: (group) => this.#groups.has(group),
      onChange: (changes) => options.onUsersChanged?.(changes),
    });
  }

  get counters() {
    return {
      accepted: this.accepted,
      users: this.#users.current.size,
      passwords: { ...this.#passwords.counters, busy: this.#passwords.busy },
      hook: this.#hook === undefined ? null : { ...this.#hook.counters, busy: this.#hook.busy },
    };
  }

  /** A password file that cannot be used is told, and nobody signs in by it until it can. */
  async start(): Promise<void> {
    this.#openHook();
    await this.#users.watch(this.#access.usersFile, this.#access.reloadMs);
  }

  async stop(): Promise<void> {
    const hooks = [...this.#retired, ...(this.#hook === undefined ? [] : [this.#hook])];
    await Promise.all([this.#users.stop(), this.#passwords.close(), ...hooks.map((hook) => hook.close())]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Looks at the password file now; two looks see a change. */
  async look(): Promise<void> {
    await this.#users.look();
  }

  /** Holds for clients that connect from now on; whoever is asking is answered under either. Resolves when loaded. */
  async reconfigure(access: Access): Promise<void> {
    const before = this.#access;
    this.#access = access;
    this.#groups = new Groups(access.groups);
    if (JSON.stringify(access.hook) !== JSON.stringify(before.hook)) {
      this.#retireHook();
      this.#openHook();
    }
    if (access.usersFile !== before.usersFile || access.reloadMs !== before.reloadMs)
      await this.#users.watch(access.usersFile, access.reloadMs);
    else this.#users.warnOfUnknownGroups();
  }

  /** Never rejects. */
  async verify(attempt: ConnectAttempt): Promise<Verified> {
    try {
      const verified = await this.#identify(attempt);
      this.#isFaulty = false;
      if (verified.kind === 'accept') this.accepted[verified.identity.source]++;
      return verified;
    } catch (error) {
      // scrypt without memory: a matter of now, and not of this client.
      if (!this.#isFaulty)
        this.#options.log.error({ [logKeys.error]: error }, 'a sign-in could not be checked');
      this.#isFaulty = true;
      return refuse('busy');
    }
  }

  /**
   * Whether these very credentials were found good a while ago and still are: no guess, so no failure of others at
   * its address has to slow it down. Costs no more than a keyed hash.
   */
  isProven(attempt: ConnectAttempt): boolean {
    if (attempt.certificate !== null) return true;
    if (!isNamed(attempt)) return false;
    const { username: user, password } = attempt;
    const users = this.#users.current;
    if (users.find(user) === undefined) return this.#hook?.isProven(attempt) ?? false;
    return password !== undefined && this.#passwords.isProven({ user, password }, users);
  }

  /** Whether a client may call itself so (access.groups.<name>.clientIds). */
  mayUseClientId(identity: Identity, clientId: string): boolean {
    return this.#groups.mayUseClientId(identity, clientId);
  }
  async #identify(attempt: ConnectAttempt): Promise<Verified> {
    if (attempt.certificate !== null) return this.#byCertificate(attempt.certificate.user, attempt.username);
    if (isNamed(attempt)) return this.#byName(attempt);
    // A password is a claim as well.
    if (attempt.password !== undefined && attempt.password.length > 0) return refuse('unknown-user');
    return this.#access.anonymous ? this.#accept('anonymous', '', undefined) : refuse('anonymous');
  }

  #byCertificate(user: string, username: string | undefined): Verified {
    if (userNameFault(user) !== undefined) return refuse('unknown-user');
    if (username !== undefined && username !== '' && username !== user)
      return refuse('user-not-of-certificate', `user name: ${username}`);
    return this.#accept('certificate', user, undefined);
  }

  async #byName(attempt: NamedAttempt): Promise<Verified> {
    const { username: user, password, address } = attempt;
    const users = this.#users.current;
    const known = users.find(user);
    if (known === undefined && this.#hook !== undefined) return this.#byHook(this.#hook, attempt);
    // Without a password nothing is calculated, for the known as for the unknown.
    if (password === undefined) return refuse(known === undefined ? 'unknown-user' : 'bad-credentials');
    if (known === undefined && this.#access.usersFile === '') return refuse('unknown-user');
    const verdict = await this.#passwords.check({ user, password, address }, users);
    switch (verdict) {
      case 'good': {
        // It may have taken a while: a user who was removed meanwhile does not slip in.
        const now = this.#users.current.find(user);
        return now?.hash === known?.hash
          ? this.#accept('password', user, now?.group)
          : refuse('bad-credentials');
      }
      case 'bad':
        return refuse('bad-credentials');
      default:
        return refuse(verdict);
    }
  }

  async #byHook(hook: AuthHook, question: HookQuestion): Promise<Verified> {
    const answer = await hook.ask(question);
    switch (answer.kind) {
      case 'allow':
        return this.#accept('hook', answer.user ?? question.username, answer.group);
      case 'refuse':
        return refuse('hook-refused');
      case 'silent':
        return refuse('hook-silent', answer.reason);
      case 'busy':
        return refuse('busy');
    }
  }

  #accept(source: IdentitySource, user: string, given: string | undefined): Verified {
    const group = this.#groups.groupOf(user, given ?? this.#users.current.find(user)?.group);
    return group === undefined
      ? refuse('unknown-group')
      : { kind: 'accept', identity: { user, group, source } };
  }

  #openHook(): void {
    const { clock, log } = this.#options;
    const settings = this.#access.hook;
    this.#hook = settings.url === '' ? undefined : new AuthHook({ settings, clock, log });
  }

  #retireHook(): void {
    const hook = this.#hook;
    this.#hook = undefined;
    if (hook === undefined) return;
    this.#retired.add(hook);
    void hook.retire().finally(() => this.#retired.delete(hook));
  }
}

type NamedAttempt = ConnectAttempt & { readonly username: string };

function isNamed(attempt: ConnectAttempt): attempt is NamedAttempt {
  return attempt.username !== undefined && attempt.username !== '';
}

function refuse(reason: ConnectRefusal, detail?: string): Verified {
  return detail === undefined ? { kind: 'refuse', reason } : { kind: 'refuse', reason, detail };
}
