// Step 2, admit: who may speak and how much. Puts the parts together and keeps them to the settings, also when these
// change while the gateway runs; each part does its own work.

import { isAbsolute, join } from 'node:path';
import type { Clock } from '../../config/clock.ts';
import type { Component } from '../../config/component.ts';
import type { Logger } from '../../config/logger.ts';
import type { Config } from '../../config/settings.ts';
import { hasUsers } from '../../config/sign-in-ways.ts';
import type { CommitLoad } from '../../storage/group-commit.ts';
import type { RefusedOpening } from '../../storage/sessions/session-registry.ts';
import type { StoredShares } from '../../storage/shares/stored-shares.ts';
import { AccessPolicy } from './access/access-policy.ts';
import { AdmissionReport, type Sums } from './admission-report.ts';
import type { AdmissionStatus } from './admission-status.ts';
import { AuditLog } from './audit-log.ts';
import { FrontDoor } from './front-door.ts';
import type { AdmittedClient } from './guest.ts';
import { Authenticator } from './identity/authenticator.ts';
import { FailureThrottle } from './identity/failure-throttle.ts';
import type { UserChanges } from './identity/user-changes.ts';
import { Pressure } from './pressure/pressure.ts';
import type { SlowReadings } from './pressure/pressure-gauge.ts';
import { PublishAdmission } from './publish-admission.ts';
import { ConnectionLimits } from './quota/connection-limits.ts';
import { DailyUsage } from './quota/daily-usage.ts';
import { Quotas } from './quota/quotas.ts';
import { RefusalLedger } from './refusal-ledger.ts';
import { RoomGate } from './room-gate.ts';
import { StoredBytes, usesStoredBytes, withoutStoredBytes } from './stored-bytes.ts';

export interface AdmissionOptions {
  config: Config;
  clock: Clock;
  log: Logger;
  /** The user to whom a client id belongs, mounted; undefined: nobody. */
  ownerOf(clientId: string): string | undefined;
  /** Who has how many bytes waiting; null when that is not counted. */
  shares: StoredShares | null;
  /** For the pressure. */
  load(): CommitLoad;
  slowReadings(): Promise<SlowReadings>;
  /** Those who were refused before they were clients, by what and why. */
  refusedEarly(): Sums;
  /** Ends the connections of those who may not be here any more. */
  expel(isMeant: (client: AdmittedClient) => boolean, detail: string): void;
}

export class Admission implements Component {
  readonly audit: AuditLog;
  readonly authenticator: Authenticator;
  readonly policy: AccessPolicy;
  readonly quotas: Quotas;
  readonly limits: ConnectionLimits;
  readonly pressure: Pressure;
  readonly room: RoomGate;
  readonly door: FrontDoor;
  readonly publishes: PublishAdmission;
  readonly #throttle: FailureThrottle;
  readonly #ledger: RefusalLedger;
  readonly #deadLetters: RefusalLedger;
  #refusedSubscribes = 0;
  readonly #report: AdmissionReport;

  readonly #options: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    const { clock, log, ownerOf } = options;
    const config = this.#countable(options.config);
    const { access, quotas, data, lanes } = config;
    const inData = (file: string): string => (isAbsolute(file) ? file : join(data.dir, file));
    const { file, ...auditLimits } = access.audit;
    const audit = new AuditLog({ file: inData(file), ...auditLimits, clock, log });
    this.audit = audit;
    const onUsersChanged = ({ removed }: UserChanges): void => this.#expelUsers(removed);
    this.authenticator = new Authenticator({ access, clock, audit, log, onUsersChanged });
    this.policy = new AccessPolicy(access, hasUsers(config));
    const usage = new DailyUsage({ file: inData('quota-usage'), entriesMax: quotas.devicesMax, clock, log });
    this.quotas = new Quotas({ config, clock, usage });
    this.limits = new ConnectionLimits(quotas, clock);
    this.#throttle = new FailureThrottle(access.failures);
    const monotonicMs = (): number => clock.monotonicMs();
    this.#ledger = new RefusalLedger(audit, monotonicMs);
    this.#deadLetters = new RefusalLedger(audit, monotonicMs, 'publish-dead-lettered');
    const { authenticator, policy, limits } = this;
    this.pressure = new Pressure({
      config,
      clock,
      log,
      load: options.load,
      slowReadings: options.slowReadings,
    });
    this.room = new RoomGate(config.commit, this.quotas, clock);
    const { pressure, room } = this;
    const stored = new StoredBytes(options.shares, this.quotas);
    this.door = new FrontDoor({
      limits,
      throttle: this.#throttle,
      authenticator,
      policy,
      quotas: this.quotas,
      stored,
      pressure,
      ownerOf,
      onLeft: (client) => {
        this.#ledger.close(client);
        this.#deadLetters.close(client);
      },
      audit,
      clock,
    });
    this.#report = new AdmissionReport({
      clock,
      log,
      status: () => this.status,
      refusedEarly: options.refusedEarly,
      delaysTold: () => this.quotas.delaysTold(),
    });
    this.publishes = new PublishAdmission({
      quotas: this.quotas,
      pressure,
      room,
      ledger: this.#ledger,
      deadLetters: this.#deadLetters,
      malformedPayload: config.mqtt.malformedPayload,
      isLowLane: lanes.map(({ priority }) => priority === 'low'),
    });
  }

  async start(): Promise<void> {
    await this.audit.start();
    await this.authenticator.start();
    await this.quotas.start();
    await this.pressure.start();
    this.#report.start();
  }

  /** When all connections are closed. */
  async stop(deadlineMs: number): Promise<void> {
    this.#report.stop();
    await this.pressure.stop();
    this.room.stop();
    await this.authenticator.stop();
    await this.quotas.stop();
    await this.audit.stop(deadlineMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(1000);
  }

  /**
   * Other settings from now on. Connected clients stay, with the rules and quotas that hold for them now, but for those
   * whose group is gone or in another tenant.
   */
  async reconfigure(next: Config): Promise<void> {
    const config = this.#countable(next);
    const { access, quotas } = config;
    this.pressure.reconfigure(config);
    this.policy.replace(access, hasUsers(config));
    this.quotas.reconfigure(config);
    this.limits.reconfigure(quotas);
    this.#throttle.reconfigure(access.failures);
    await this.authenticator.reconfigure(access);
    this.audit.write({
      event: 'identity-data',
      reason: 'settings',
      detail: 'access and quotas were read again',
    });
    const { tenants } = this.policy;
    this.#options.expel(
      ({ identity, mount }) => tenants.mountOf(identity.group)?.tenant !== mount.tenant,
      'its group is gone or in another tenant',
    );
  }

  /** What waits in the log is counted from the start on or not at all. */
  #countable(config: Config): Config {
    if (this.#options.shares !== null || !usesStoredBytes(config)) return config;
    this.#options.log.warn(
      'quotas with storedBytesMax hold from the next start on: nothing was counted so far',
    );
    return withoutStoredBytes(config);
  }

  /**
   * Who was taken out of the password file has no access any more; a changed password or group holds for the next
   * time.
   */
  #expelUsers(removed: readonly string[]): void {
    if (removed.length === 0) return;
    const users = new Set(removed);
    this.#options.expel(
      ({ identity }) => identity.source === 'password' && users.has(identity.user),
      'its user was removed',
    );
  }

  /** One who was let in here, and for whose session or will there is no room. */
  connectRefused(client: AdmittedClient | null, reason: RefusedOpening['reason']): void {
    if (client !== null && reason !== 'connection-ended') this.door.refusedLater(client, reason);
  }

  /** `filter`: under the client's mount. */
  subscribeRefused(client: AdmittedClient | null, filter: string, reason: string): void {
    this.#refusedSubscribes++;
    if (client === null) return;
    const object = client.mount.ownFilter(filter) ?? filter;
    const { clientId, identity, address } = client;
    const { user } = identity;
    this.audit.write({ event: 'subscribe-refused', reason, client: clientId, user, address, object });
  }

  /** Looks at every device: not for the path of a message. */
  get status(): AdmissionStatus {
    return {
      connections: this.limits.counts(),
      refusedConnections: this.door.refused,
      refusedPublishes: this.#ledger.counts,
      deadLetteredPublishes: this.#deadLetters.counts,
      refusedSubscribes: this.#refusedSubscribes,
      quotas: this.quotas.status(),
      pressure: this.pressure.status,
      waitingForRoom: this.room.waiting,
      failures: { ...this.#throttle.counters },
      audit: { events: this.audit.counts, ...this.audit.counters },
    };
  }
}
