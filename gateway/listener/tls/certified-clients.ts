// The clients of a listener that have shown a certificate. When files with other authorities or revocation lists are
// taken into use, each is looked at again, some at a time: whoever would not be let in any more is ended, and is in the
// audit log as if it had been refused now.

import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../../config/clock.ts';
import { type Logger, logKeys } from '../../../config/logger.ts';
import type { Audit } from '../../admission/audit-event.ts';
import type { AcceptCounters } from '../accept-counters.ts';
import { type CertifiedName, plainAddress } from '../peer.ts';
import { originText } from './certificate-judge.ts';
import { CertificateRecheck, type RecheckRefusal } from './certificate-recheck.ts';
import type { TlsContext } from './tls-context.ts';

/** Without anybody else having a turn: a signature or two each. */
const LOOKED_AT_ONCE = 20;
/** What a client gets to take its goodbye. One that is not a client yet, such as a WebSocket opening, ends then. */
const END_GRACE_MS = 5000;

export interface CertifiedClientsOptions {
  /** A handshake that takes longer has failed. */
  handshakeTimeoutMs: number;
  /** Its name, for the log. */
  listener(): string;
  clock: Clock;
  log: Logger;
  audit: Audit;
  counters: AcceptCounters;
  /** Ends the clients that came with these: they are no longer let in. */
  onRefused(certificates: ReadonlySet<CertifiedName>): void;
}

export class CertifiedClients {
  readonly #options: CertifiedClientsOptions;
  readonly #clients = new Map<TLSSocket, CertifiedName>();
  #context: TlsContext;
  /** Authorities of which not all clients were looked at since they are none any more. */
  #removed: readonly X509Certificate[] = [];
  /** By the newest authorities and lists; null while they are those of the start. */
  #recheck: CertificateRecheck | null = null;
  #sinceMs = 0;

  constructor(context: TlsContext, options: CertifiedClientsOptions) {
    this.#options = options;
    this.#context = context;
  }

  add(socket: TLSSocket, certificate: CertifiedName): void {
    this.#clients.set(socket, certificate);
    socket.once('close', () => this.#clients.delete(socket));
  }

  /** Of one whose handshake may have begun before the change: OpenSSL has then judged it by the files before. */
  refusalOf(certificate: X509Certificate): RecheckRefusal | null {
    const { clock, handshakeTimeoutMs } = this.#options;
    if (this.#recheck === null || clock.monotonicMs() - this.#sinceMs > handshakeTimeoutMs) return null;
    return this.#recheck.refusalOf(certificate);
  }

  /** Authorities or lists may be others now. */
  use(context: TlsContext): void {
    const before = this.#context;
    this.#context = context;
    if (trustOf(context) === trustOf(before)) return;
    this.#sinceMs = this.#options.clock.monotonicMs();
    const believed = new Set(context.authorities.map(({ fingerprint256 }) => fingerprint256));
    this.#removed = [...this.#removed, ...before.authorities].filter(
      ({ fingerprint256 }) => !believed.has(fingerprint256),
    );
    const recheck = new CertificateRecheck(context, this.#removed);
    this.#recheck = recheck;
    this.#lookAgain(recheck, this.#clients.entries(), 0);
  }

  /** Until all were looked at, or there are newer files. */
  #lookAgain(
    recheck: CertificateRecheck,
    clients: IterableIterator<[TLSSocket, CertifiedName]>,
    ended: number,
  ): void {
    if (recheck !== this.#recheck) {
      this.#tell(ended);
      return;
    }
    const refused = new Map<TLSSocket, CertifiedName>();
    for (let count = 0; count < LOOKED_AT_ONCE; count++) {
      const { value, done } = clients.next();
      if (done) {
        this.#removed = [];
        this.#end(refused);
        this.#tell(ended + refused.size);
        return;
      }
      if (this.#isRefused(recheck, ...value)) refused.set(...value);
    }
    this.#end(refused);
    setImmediate(() => this.#lookAgain(recheck, clients, ended + refused.size));
  }

  #isRefused(recheck: CertificateRecheck, socket: TLSSocket, { user, subject }: CertifiedName): boolean {
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return false; // it has gone
    const reason = recheck.refusalOf(certificate);
    if (reason === null) return false;
    const { audit, counters } = this.#options;
    counters.certificateRefusals[reason]++;
    const address = plainAddress(socket.remoteAddress);
    const detail = `while it was connected, ${originText(certificate)}`;
    audit.write({ event: 'certificate-refused', reason, user, address, object: subject, detail });
    return true;
  }

  #end(refused: ReadonlyMap<TLSSocket, CertifiedName>): void {
    if (refused.size === 0) return;
    // Twice is once: whoever is ended already is not ended again by the next files.
    for (const socket of refused.keys()) this.#clients.delete(socket);
    this.#options.onRefused(new Set(refused.values()));
    this.#options.clock.after(END_GRACE_MS, () => {
      for (const socket of refused.keys()) socket.destroy();
    });
  }

  #tell(ended: number): void {
    if (ended === 0) return;
    const { log, listener } = this.#options;
    log.warn(
      { [logKeys.listener]: listener(), count: ended },
      'clients were disconnected: their certificates are revoked, or of an authority that is not trusted any more',
    );
  }
}

/** The same as long as neither authorities nor lists change. */
function trustOf({ authorities, lists }: TlsContext): string {
  const prints = authorities.map(({ fingerprint256 }) => fingerprint256);
  return [...prints, ...lists.map(({ digest }) => digest)].join();
}
