// Whether a certificate that was found good at its handshake still is by files that were taken into use since. OpenSSL
// judges only at a handshake, so the two things that files can change are looked up here: that it, or an authority
// between it and the root, is on a revocation list, and that its authority is not in the listener's files any more.
// Dates are not looked at: a certificate that ends, or a list that does, ends no connection. Authorities that a client
// has sent along are not either, for Node does not keep them: of such a client only its own certificate is looked up.

import type { X509Certificate } from 'node:crypto';
import { issuerOf } from './certificate-judge.ts';
import { numberOf, revokedNumbers } from './revocation-list.ts';
import type { TlsContext } from './tls-context.ts';

export type RecheckRefusal = 'revoked' | 'unknown-authority' | 'invalid';

const CHAIN_LENGTH_MAX = 10;

export class CertificateRecheck {
  readonly #authorities: readonly X509Certificate[];
  readonly #removed: readonly X509Certificate[];
  /** By the authority's name in DER. Several lists of one name count together. */
  readonly #revoked = new Map<string, Set<string>>();
  /** Revoked themselves, or below one that is. */
  readonly #revokedAuthorities: ReadonlySet<X509Certificate>;

  /** `removed`: authorities of before that are none any more. */
  constructor(
    { authorities, lists }: Pick<TlsContext, 'authorities' | 'lists'>,
    removed: readonly X509Certificate[],
  ) {
    this.#authorities = authorities;
    this.#removed = removed;
    for (const list of lists) {
      const issuer = list.issuer.toString('latin1');
      const numbers = this.#revoked.get(issuer) ?? new Set();
      for (const number of revokedNumbers(list)) numbers.add(number);
      this.#revoked.set(issuer, numbers);
    }
    this.#revokedAuthorities = new Set(authorities.filter((authority) => this.#isRevokedUpwards(authority)));
  }

  /** Null: it is as good as it was, as far as can be seen. Never throws. */
  refusalOf(certificate: X509Certificate): RecheckRefusal | null {
    try {
      if (this.#isListed(certificate)) return 'revoked';
      const authority = issuerOf(certificate, this.#authorities);
      if (authority !== undefined) return this.#revokedAuthorities.has(authority) ? 'revoked' : null;
      return issuerOf(certificate, this.#removed) === undefined ? null : 'unknown-authority';
    } catch {
      return 'invalid'; // as at the handshake: what cannot be read of it is its own fault
    }
  }

  #isRevokedUpwards(authority: X509Certificate): boolean {
    let at: X509Certificate | undefined = authority;
    for (let length = 0; at !== undefined && length < CHAIN_LENGTH_MAX; length++) {
      if (this.#isListed(at)) return true;
      const next: X509Certificate | undefined = issuerOf(at, this.#authorities);
      if (next === at) return false;
      at = next;
    }
    return false;
  }

  #isListed(certificate: X509Certificate): boolean {
    if (this.#revoked.size === 0) return false;
    const { issuer, number } = numberOf(certificate);
    return this.#revoked.get(issuer)?.has(number) ?? false;
  }
}
