// A gateway with users, groups and access rules, and clients that sign in to it: for tests of who may do what. The
// password of every user is his name.

import { writeFileSync } from 'node:fs';
import { hashPassword } from '../../gateway/admission/identity/password-hash.ts';
import type { TestSettings } from './gateway-settings.ts';
import type { ClientVersion } from './mqtt-frame-packets.ts';
import { type ConnectFields, type Packet, RawClient } from './raw-client.ts';
import { RunningGateway } from './running-gateway.ts';
import type { TemporaryDirectory } from './temporary-directory.ts';

/** The least that scrypt may cost here: nothing is guessed in a test. */
const CHEAP = { ln: 10, r: 1, p: 1 };

/** Who comes, as what, and how; no user: nameless. */
export interface Caller extends ConnectFields {
  user?: string;
  version?: ClientVersion;
}

export interface GuardedSettings extends TestSettings {
  users: readonly string[];
}

/** Starts it on the directory; a second time it finds what the first one kept. */
export async function startGuarded(
  directory: TemporaryDirectory,
  { users, access, ...settings }: GuardedSettings,
): Promise<RunningGateway> {
  const usersFile = directory.file('users');
  const lines = await Promise.all(users.map(async (user) => `${user}:${await hashPassword(user, CHEAP)}\n`));
  writeFileSync(usersFile, lines.join(''), { mode: 0o600 });
  return await RunningGateway.start(directory.path, { ...settings, access: { usersFile, ...access } });
}

/** The CONNACK's code: 0 is welcome. */
export function codeOf(connack: Packet): number {
  return connack.reasonCode ?? connack.returnCode ?? -1;
}

/** Asks to be let in; look at the CONNACK. */
export async function call(
  port: number,
  { user, version = 5, ...fields }: Caller,
): Promise<{ client: RawClient; connack: Packet }> {
  const client = await RawClient.open(port, version);
  const names = user === undefined ? {} : { username: user, password: user };
  return { client, connack: await client.sendConnect({ ...names, ...fields }) };
}

/** As `call`, for one who must be let in. */
export async function enter(port: number, caller: Caller): Promise<RawClient> {
  const { client, connack } = await call(port, caller);
  if (codeOf(connack) !== 0) throw new Error(`${caller.user} is refused: ${JSON.stringify(connack)}`);
  return client;
}

/** The message behind which nothing comes any more that was published before it. */
const LAST = 'last-of-all';

/** A client that looks on: what is published while it does. What was retained before is none of it. */
export class Onlooker implements Disposable {
  readonly client: RawClient;
  readonly #got: Packet[] = [];

  constructor(client: RawClient) {
    this.client = client;
  }

  /** Subscribed with QoS 0, so that messages come in the order in which they were kept. */
  static async at(port: number, filter: string, caller: Caller): Promise<Onlooker> {
    const client = await enter(port, caller);
    await client.subscribe(filter, 0);
    return new Onlooker(client);
  }

  /** Everything until `LAST` is published to `topic`, which it must be subscribed to; emptied. */
  async until(publisher: RawClient, topic: string): Promise<Packet[]> {
    publisher.publish(topic, LAST, { qos: 1, messageId: 0x7fff });
    for (;;) {
      const packet = await this.client.next('publish');
      if (String(packet.payload) === LAST) return this.#got.splice(0);
      if (packet.retain !== true) this.#got.push(packet);
    }
  }

  [Symbol.dispose](): void {
    this.client[Symbol.dispose]();
  }
}

export function topicsOf(packets: readonly Packet[]): string[] {
  return packets.map(({ topic }) => topic ?? '');
}
