// Keeps the files of a TLS listener in use as they are on disk: loads them at the start, and again when they have
// changed. A set that is broken or half written changes nothing: the one before stays in use, the log says why, and the
// files are tried again later. Connections there are keep what they were opened with, unless the new files do not let
// in their certificate any more (certified-clients.ts).

import type { Clock } from '../../../config/clock.ts';
import { SluiceError } from '../../../config/errors.ts';
import { type Logger, logKeys } from '../../../config/logger.ts';
import type { Audit } from '../../admission/audit-event.ts';
import { WatchedFiles } from '../../admission/identity/watched-files.ts';
import type { AcceptCounters } from '../accept-counters.ts';
import { loadTlsContext, type TlsContext, type TlsFiles } from './tls-context.ts';
import { dateText, subjectText } from './told-text.ts';

export interface ContextWatchOptions {
  config: TlsFiles;
  /** How often the files are looked at. */
  reloadMs: number;
  /** Its name, for the log. */
  listener(): string;
  clock: Clock;
  log: Logger;
  audit: Audit;
  counters: AcceptCounters;
  /** Takes a new context into use; may throw, then it is not. */
  onSwap(context: TlsContext): void;
}

export class ContextWatch {
  readonly #options: ContextWatchOptions;
  readonly #files: WatchedFiles;
  #current: TlsContext | null = null;

  constructor(options: ContextWatchOptions) {
    this.#options = options;
    const { certFile, keyFile, caFile, crlFile, clientCertificates } = options.config;
    const trust = clientCertificates === 'none' ? [] : [caFile, crlFile];
    this.#files = new WatchedFiles({
      paths: [certFile, keyFile, ...trust],
      intervalMs: options.reloadMs,
      clock: options.clock,
      onChange: () => this.#swap(),
      onProblem: (error) => this.#keepOld(error),
    });
  }

  /** Resolves with what to begin with. Throws when the files cannot be used; `stop` it then, too. */
  async start(): Promise<TlsContext> {
    await this.#files.start();
    const context = this.#load();
    this.#current = context;
    this.#options.log.info(this.#told(context), 'TLS certificate');
    this.#warn(context);
    return context;
  }

  get current(): TlsContext | null {
    return this.#current;
  }

  async stop(): Promise<void> {
    await this.#files.stop();
  }

  #load(): TlsContext {
    return loadTlsContext(this.#options.config, this.#options.clock.nowMs());
  }

  #swap(): void {
    const before = this.#current;
    if (before === null) return;
    const context = this.#load();
    this.#options.onSwap(context);
    this.#current = context;
    this.#options.counters.contextSwaps++;
    const known = new Map(before.files.map(({ path, digest }) => [path, digest]));
    const changed = context.files.filter(({ path, digest }) => known.get(path) !== digest);
    for (const { path, detail } of changed)
      this.#options.audit.write({ event: 'identity-data', reason: 'changed', object: path, detail });
    const files = changed.map(({ path }) => path);
    this.#options.log.info({ ...this.#told(context), files }, 'new TLS files are in use');
    this.#warn(context);
  }

  #keepOld(error: Error): void {
    if (this.#current === null) return; // at the start: `start` throws
    const { counters, log, listener } = this.#options;
    counters.contextSwapFailures++;
    const hint = error instanceof SluiceError ? error.hint : undefined;
    log.error(
      {
        [logKeys.listener]: listener(),
        [logKeys.reason]: error.message,
        ...(hint === undefined ? {} : { hint }),
      },
      'changed TLS files cannot be used: those before stay in use',
    );
  }

  #warn(context: TlsContext): void {
    for (const warning of context.warnings)
      this.#options.log.warn({ [logKeys.listener]: this.#options.listener() }, warning);
  }

  #told({ certificate }: TlsContext): object {
    return {
      [logKeys.listener]: this.#options.listener(),
      subject: subjectText(certificate),
      fingerprint: certificate.fingerprint256,
      notAfter: dateText(certificate.validToDate.getTime()),
    };
  }
}
