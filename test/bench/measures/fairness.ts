// Fairness: what five hundred well-behaved devices feel of one that speaks a thousand times as fast, and of five
// thousand clients that connect all at once, again and again. Beside a quiet run on the same gateway.

import { type BenchContext, inRounds, type Measure } from '../bench-context.ts';
import type { PublishResult } from '../load.ts';
import { type Server, startGateway } from '../servers.ts';
import { type Figure, figureOf } from '../statistics.ts';

const NEIGHBOURS = 500;
const PER_NEIGHBOUR_PER_S = 4;
const BABY = { connections: 1, window: 1000, messagesPerS: 1000 * PER_NEIGHBOUR_PER_S, firstDevice: 50_000 };
const CROWD = { clients: 5000, firstDevice: 100_000 };
const WARM_UP_S = 1;
/** As many times as long as other runs: there are few messages, and a percentile of them is wanted. */
const SECONDS_FACTOR = 2;
const CROWD_S_MAX = 60;
const P99_RATIO_MAX = 2;
const RATE_RATIO_MIN = 0.99;

interface FairnessRound {
  quiet: PublishResult;
  baby: PublishResult;
  /** With the baby, too. */
  storm: PublishResult;
  babyPerS: number;
  /** Crowds of which everybody got in and was acknowledged. */
  crowds: number;
  /** Of those. */
  crowdS: number;
}

export const fairness: Measure = {
  name: 'fairness',
  async run(context) {
    const rounds = await inRounds(context, 'fairness', () => measureFairness(context));
    return {
      figures: [
        ...compared('a crying baby', rounds, ({ baby }) => baby),
        ...compared('the baby and a reconnect storm', rounds, ({ storm }) => storm),
        figureOf({ what: 'the baby itself', unit: 'msg/s', sluice: rounds.map(({ babyPerS }) => babyPerS) }),
        figureOf({
          what: '5,000 at once, until all are in and acknowledged',
          unit: 's',
          sluice: rounds.map(({ crowdS }) => crowdS),
        }),
      ],
      rounds,
      notes: [NOTE],
    };
  },
};

const NOTE =
  `Fairness: ${NEIGHBOURS} devices of ${PER_NEIGHBOUR_PER_S} messages a second each; in mosquitto’s column is the ` +
  `quiet run on the same gateway. The baby sends ${BABY.messagesPerS.toLocaleString('en')} a second. The storm is ` +
  `${CROWD.clients.toLocaleString('en')} clients that connect at the same moment, try again every 200 ms where they ` +
  'are refused, send one message each within a second, leave all at once, and begin again. All of them share two cores with the gateway.';

function compared(
  what: string,
  rounds: readonly FairnessRound[],
  disturbed: (round: FairnessRound) => PublishResult,
): Figure[] {
  return [
    figureOf({
      what: `500 others beside ${what} (against quiet)`,
      unit: 'msg/s',
      sluice: rounds.map((round) => disturbed(round).msgs_per_s),
      mosquitto: rounds.map(({ quiet }) => quiet.msgs_per_s),
      target: { of: 'ratio', is: 'at-least', value: RATE_RATIO_MIN },
    }),
    figureOf({
      what: 'their ack p99',
      unit: 'ms',
      sluice: rounds.map((round) => disturbed(round).lat_ms.p99),
      mosquitto: rounds.map(({ quiet }) => quiet.lat_ms.p99),
      target: { of: 'ratio', is: 'at-most', value: P99_RATIO_MAX },
    }),
  ];
}

async function measureFairness(context: BenchContext): Promise<FairnessRound> {
  await using server = await startGateway(context);
  const seconds = WARM_UP_S + context.options.seconds * SECONDS_FACTOR;
  const others = () =>
    context.load.publish({
      port: server.port,
      connections: NEIGHBOURS,
      window: 20,
      messagesPerS: NEIGHBOURS * PER_NEIGHBOUR_PER_S,
      seconds,
      warmUpSeconds: WARM_UP_S,
    });
  const quiet = await others();
  const cryingBaby = context.load.disturb({ ...BABY, port: server.port, seconds: 3600 });
  const baby = await others();
  const crowd = new Storm(context, server);
  const storm = await others();
  const { crowds, crowdS } = await crowd.end();
  const { msgs_per_s: babyPerS } = await cryingBaby.stop();
  return { quiet, baby, storm, babyPerS, crowds, crowdS };
}

/** Crowd after crowd. */
class Storm {
  readonly #crowds: Promise<number[]>;
  #isOver = false;

  constructor(context: BenchContext, { port }: Server) {
    this.#crowds = this.#run(context, port);
    this.#crowds.catch(() => {}); // told at the end
  }

  async #run(context: BenchContext, port: number): Promise<number[]> {
    const tookS: number[] = [];
    while (!this.#isOver) {
      const {
        acked,
        connect_s: connectS,
        elapsed_s: elapsedS,
      } = await context.load.crowd({
        port,
        ...CROWD,
        seconds: CROWD_S_MAX,
      });
      if (acked !== CROWD.clients) throw new Error(`of ${CROWD.clients} clients ${acked} got their word in`);
      tookS.push(connectS + elapsedS);
    }
    return tookS;
  }

  /** After the crowd that is there. */
  async end(): Promise<{ crowds: number; crowdS: number }> {
    this.#isOver = true;
    const tookS = await this.#crowds;
    return { crowds: tookS.length, crowdS: tookS.reduce((sum, s) => sum + s, 0) / tookS.length };
  }
}
