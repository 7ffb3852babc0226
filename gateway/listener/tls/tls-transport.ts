// TLS for MQTT or for WebSockets. A connection is handed on when its handshake is done and its certificate, where one
// is asked for, was found good; until then it counts as a connection, and it has a limited time. Nothing a stranger
// sends makes more than a counter and, now and then, a line in the log; a refused certificate makes an audit line.

import { createServer as createPlainServer, type Server, type Socket } from 'node:net';
import { createServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import { logKeys } from '../../../config/logger.ts';
import { SummedReport } from '../../../config/summed-report.ts';
import type { Antechamber } from '../antechamber.ts';
import { OpenSockets } from '../open-sockets.ts';
import { type CertifiedName, plainAddress } from '../peer.ts';
import { type OnSocket, socketOptions, type Transport } from '../transport.ts';
import { type CertificateVerdict, judgeCertificate, refuseCertificate } from './certificate-judge.ts';
import { CertifiedClients, type CertifiedClientsOptions } from './certified-clients.ts';
import { type HandshakeFailure, handshakeFailureOf } from './handshake-failure.ts';
import type { TlsContext, TlsListenerConfig } from './tls-context.ts';

/** Failed handshakes in ten seconds that are told one by one; more are told in a sum. */
const FAILURES_LOGGED_MAX = 5;

export interface TlsTransportOptions extends CertifiedClientsOptions {
  config: TlsListenerConfig;
  context: TlsContext;
  idleProbeMs: number;
  antechamber: Antechamber;
  onSocket: OnSocket;
}

export class TlsTransport implements Transport {
  readonly server: Server;
  /** Never listens: it is given its connections. */
  readonly #server: TlsServer;
  readonly #options: TlsTransportOptions;
  readonly #failures: SummedReport<HandshakeFailure>;
  /** As accepted, below TLS. */
  readonly #open = new OpenSockets();
  /** Handed on. */
  readonly #clients = new OpenSockets();
  readonly #certified: CertifiedClients;
  #context: TlsContext;
  /** That an unusable revocation list keeps everybody out was said about this context. */
  #hasToldOfLists = false;
  #isEnding = false;

  constructor(options: TlsTransportOptions) {
    this.#options = options;
    this.#context = options.context;
    this.#certified = new CertifiedClients(options.context, options);
    const { config, context, handshakeTimeoutMs, counters, clock, log, listener } = options;
    this.#failures = new SummedReport({
      clock,
      singlesMax: FAILURES_LOGGED_MAX,
      report: (failed) => log.info({ [logKeys.listener]: listener(), failed }, 'more TLS handshakes failed'),
    });
    this.#server = createServer({
      ...context.options,
      handshakeTimeout: handshakeTimeoutMs,
      // Judged here, not by Node: that would only reset the connection, without a word to anybody.
      requestCert: config.clientCertificates !== 'none',
      rejectUnauthorized: false,
    });
    this.server = createPlainServer(socketOptions(options.idleProbeMs), (socket) => {
      if (options.antechamber.enter(socket)) this.#server.emit('connection', socket);
      else socket.destroy();
    });
    this.server.maxConnections = config.maxConnections;
    this.server.on('drop', () => counters.overLimit++);
    this.#server.on('connection', (socket: Socket) => {
      void socket.remoteAddress; // asked once, it knows it even when it is closed
      this.#open.add(socket);
    });
    this.#server.on('secureConnection', (socket) => this.#onSecure(socket));
    this.#server.on('tlsClientError', (error, socket) => this.#onFailure(error, socket));
  }

  get connections(): number {
    return this.#open.size;
  }

  /**
   * For handshakes from now on, and who it does not let in any more is ended. Throws when OpenSSL does not take it; the
   * one before is then in use.
   */
  use(context: TlsContext): void {
    this.#server.setSecureContext(context.options);
    this.#context = context;
    this.#hasToldOfLists = false;
    this.#certified.use(context);
  }

  async ended(): Promise<void> {
    this.#isEnding = true;
    this.#failures.flush();
    await this.#clients.empty();
    this.#open.destroyAll();
    await this.#open.empty();
  }

  #onFailure(error: NodeJS.ErrnoException, socket: TLSSocket): void {
    const reason = handshakeFailureOf(error);
    const { counters, log, listener } = this.#options;
    counters.handshakeFailures[reason]++;
    if (this.#failures.add(reason)) {
      const told = {
        [logKeys.reason]: reason,
        code: error.code,
        address: addressOf(socket),
      };
      log.info({ [logKeys.listener]: listener(), ...told }, 'a TLS handshake failed');
    }
    socket.destroy(); // after a time-out Node leaves it open
  }

  #onSecure(socket: TLSSocket): void {
    this.#options.counters.handshakes++;
    const verdict = this.#judge(socket);
    if (verdict.kind === 'refuse') this.#refuse(socket, verdict);
    else if (this.#isEnding) socket.destroy();
    else {
      this.#clients.add(socket);
      if (verdict.certificate !== null) this.#certified.add(socket, verdict.certificate);
      this.#options.onSocket(socket, verdict.certificate);
    }
  }

  #judge(socket: TLSSocket): CertificateVerdict {
    const { clientCertificates, identity } = this.#options.config;
    if (clientCertificates === 'none') return NOT_ASKED;
    const certificate = socket.getPeerX509Certificate();
    const verdict = judgeCertificate(
      {
        certificate,
        isAuthorized: socket.authorized,
        fault: String(socket.authorizationError ?? ''),
      },
      { clientCertificates, identity, authorities: this.#context.authorities },
    );
    if (verdict.kind === 'refuse' || certificate === undefined) return verdict;
    const reason = this.#certified.refusalOf(certificate);
    return reason === null ? verdict : refuseCertificate(certificate, reason);
  }

  #refuse(socket: TLSSocket, verdict: Extract<CertificateVerdict, { kind: 'refuse' }>): void {
    const { audit, counters } = this.#options;
    const { reason, subject, detail } = verdict;
    counters.certificateRefusals[reason]++;
    audit.write({
      event: 'certificate-refused',
      reason,
      address: addressOf(socket),
      object: subject,
      ...(detail === '' ? {} : { detail }),
    });
    if (reason === 'crl-expired' || reason === 'crl-missing' || reason === 'crl-unusable')
      this.#tellOfLists(reason);
    socket.on('error', () => {}); // a reset by the client is an end like ours
    socket.destroy();
  }

  /** It is the gateway's own file that is at fault, and it keeps out clients that have done nothing wrong. */
  #tellOfLists(reason: string): void {
    if (this.#hasToldOfLists) return;
    this.#hasToldOfLists = true;
    const { log, listener, config } = this.#options;
    log.error(
      { [logKeys.listener]: listener(), [logKeys.reason]: reason, [logKeys.file]: config.crlFile },
      'client certificates are refused for want of a valid revocation list: fetch a newer one',
    );
  }
}

/** Of a client that has left already only the socket below TLS still knows it, which Node keeps to itself. */
function addressOf(socket: TLSSocket): string {
  const { _parent: below } = socket as unknown as { _parent?: Socket };
  return plainAddress(socket.remoteAddress ?? below?.remoteAddress);
}

const NOT_ASKED: { kind: 'accept'; certificate: CertifiedName | null } = {
  kind: 'accept',
  certificate: null,
};
