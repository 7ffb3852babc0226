// Where a tenant's topics and client ids lie in the gateway: under its name as first level. Devices never see it; the
// session engine, the log and what goes upstream never see anything else. So nothing that a device can say - a
// wildcard, an empty level, `..`, a name that looks like another tenant's - reaches out of its tenant: whatever it is,
// it is put behind `tenant/`, and a tenant's name has no slash.
//
// Inside of a tenant there are no topics that begin with `$`: mounted they would lose what the `$` means, and `#` would
// match them (MQTT 5.0 4.7.2). They are not taken (authority.ts), and one that comes from outside is not delivered.
//
// The Response Topic of a request (MQTT 5.0 3.3.2.3.5) stays as the requester wrote it: whoever answers inside of the
// tenant publishes to it under the same mount. Somebody outside - upstream too - puts the tenant's name before it, as
// it stands before the topic of the request.

import { createHash } from 'node:crypto';
import { SluiceError } from '../../../config/errors.ts';
import { isSystem, levelEnd } from './topic-match.ts';

/** As the settings allow it (access.groups.*.tenant). */
const NAME = /^[A-Za-z0-9._-]{1,64}$/;
/** Longest prefix: the longest name and its slash. */
export const mountBytesMax = 65;
/** Levels that a mounted topic or filter has more than the device's own. */
export const mountLevels = 1;
/** Those of `$share/name/`, which no limit of the settings counts. */
export const shareLevels = 2;

export class Mount {
  /** Empty: no tenant, names are what they are. */
  readonly tenant: string;
  /** `tenant/`, or empty. ASCII, so that its length is that of its bytes. */
  readonly prefix: string;
  readonly prefixBytes: Buffer;
  /** 32 bits that tell tenants apart where a hash is taken. */
  readonly salt: number;

  constructor(tenant: string) {
    if (tenant !== '' && !NAME.test(tenant)) {
      throw new SluiceError('TENANT_NAME', `${JSON.stringify(tenant)} cannot be the name of a tenant`, {
        kind: 'permanent',
      });
    }
    this.tenant = tenant;
    this.prefix = tenant === '' ? '' : `${tenant}/`;
    this.prefixBytes = Buffer.from(this.prefix);
    this.salt = tenant === '' ? 0 : createHash('sha256').update(tenant).digest().readInt32LE();
  }

  get isNone(): boolean {
    return this.prefix === '';
  }

  /** A device's topic, filter (not `$share/...`) or client id as the gateway knows it. */
  mounted(own: string): string {
    return this.prefix + own;
  }

  /** As the device knows it; null for what is not of this tenant. */
  own(mounted: string): string | null {
    if (this.isNone) return mounted;
    return mounted.length > this.prefix.length && mounted.startsWith(this.prefix)
      ? mounted.slice(this.prefix.length)
      : null;
  }

  /** The topic of a message for the device as the device knows it; null when it must not be delivered. */
  ownTopic(mounted: string): string | null {
    const own = this.own(mounted);
    return own !== null && !this.isNone && isSystem(own) ? null : own;
  }

  /** As `own`, for a filter of MQTT 5, which may be `$share/name/filter`. */
  ownFilter(mounted: string): string | null {
    const filterAt = sharedFilterAt(mounted);
    if (filterAt <= 0) return this.own(mounted);
    const own = this.own(mounted.slice(filterAt));
    return own === null ? null : mounted.slice(0, filterAt) + own;
  }
}

export const noMount = new Mount('');

/**
 * Where the filter of a shared subscription (MQTT 5.0 4.8.2) begins: 0 for a filter that is not shared, -1 for
 * `$share/` without a name or without a filter, or with a wildcard in the name.
 */
export function sharedFilterAt(filter: string): number {
  if (!filter.startsWith(SHARE)) return 0;
  const nameEnd = levelEnd(filter, SHARE.length);
  const isNamed = nameEnd > SHARE.length && !/[+#]/.test(filter.slice(SHARE.length, nameEnd));
  return isNamed && nameEnd + 1 < filter.length ? nameEnd + 1 : -1;
}

const SHARE = '$share/';
