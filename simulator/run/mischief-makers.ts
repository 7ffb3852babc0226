// The clients of a run that mean no good: there in the phases that the scenario names, and in no account.

import type { MisbehavingClient } from '../fleet/misbehaving-client.ts';
import {
  halfOpenClient,
  malformedClient,
  oversizeClient,
  slowReader,
  wrongCredentialsClient,
} from '../fleet/misconduct.ts';
import type { Mischief } from '../scenario/scenario-settings.ts';
import { derivedSeed, seededRandom } from '../seeded-random.ts';

interface Gang {
  phases: readonly string[];
  clients: MisbehavingClient[];
  isThere: boolean;
}

const RECONNECT = { minMs: 200, maxMs: 2000 };
const STOP_DEADLINE_MS = 1000;
const MISCHIEF_SEED = 0x3c6ef372;

export class MischiefMakers {
  readonly #gangs: Gang[];

  constructor(mischief: readonly Mischief[], { url, seed }: { url: string; seed: number }) {
    let index = 0;
    this.#gangs = mischief.map((settings) => ({
      phases: settings.phases,
      isThere: false,
      clients: Array.from({ length: settings.clients }, (_, member) => {
        const random = seededRandom(derivedSeed(seed ^ MISCHIEF_SEED, index++));
        const clientId = `${settings.type}-${member}`;
        return createClient(settings, { url, clientId, version: 5, reconnect: RECONNECT, random }, member);
      }),
    }));
  }

  /** Those of the phase come, the others go. */
  async enter(phase: string): Promise<void> {
    await Promise.all(
      this.#gangs.map(async (gang) => {
        const wanted = gang.phases.length === 0 || gang.phases.includes(phase);
        if (wanted === gang.isThere) return;
        gang.isThere = wanted;
        if (wanted) for (const client of gang.clients) client.start();
        else await stopAll(gang.clients);
      }),
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.#gangs.map(({ clients }) => stopAll(clients)));
  }
}

type Options = Parameters<typeof malformedClient>[0];

function createClient(settings: Mischief, options: Options, member: number): MisbehavingClient {
  switch (settings.type) {
    case 'half-open':
      return halfOpenClient(options, member % 2 === 0 ? 'nothing' : 'half');
    case 'slow-reader':
      return slowReader(options, settings.filter);
    case 'malformed':
      return malformedClient(options);
    case 'oversize':
      return oversizeClient(options, {
        topic: `sim/oversize/${member}`,
        payloadBytes: settings.size,
        intervalMs: 1000,
      });
    case 'wrong-credentials':
      return wrongCredentialsClient({ ...options, username: options.clientId, password: 'wrong' });
  }
}

async function stopAll(clients: readonly MisbehavingClient[]): Promise<void> {
  await Promise.all(clients.map((client) => client.stop(STOP_DEADLINE_MS)));
}
