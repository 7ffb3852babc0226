// Forwarding: devices -> server -> upstream mosquitto -> a subscriber there. The clock runs from the first
// publish until the subscriber has everything. The rival is a mosquitto bridging to the same kind of
// upstream.

import { BatchReceiver } from '../batch-receiver.ts';
import { type BenchContext, inPairs, inRounds, type Measure, seriesOf } from '../bench-context.ts';
import { startGateway, startMosquitto } from '../servers.ts';
import { figureOf } from '../statistics.ts';

const LOAD = { connections: 50, window: 20 };
const MESSAGES_PER_SECOND_OF_RUN = 150_000;
const WARM_UP_MESSAGES = 5000;
/** Other devices than those of the run, so that no sequence number is seen twice. */
const WARM_UP_FIRST_DEVICE = 100_000;
const DONE_S_MAX = 120;
/** As far apart as mosquitto saves by default: in a run of seconds never, which is the fastest it can be. */
const AUTOSAVE_S = 1800;

interface ForwardingRun {
  messages: number;
  deliveredPerS: number;
  ackedPerS: number;
  /** Published to delivered, of the last message. */
  seconds: number;
}

export const forwarding: Measure = {
  name: 'forwarding',
  async run(context) {
    if (context.mosquittoVersion === null) {
      return { figures: [], rounds: [], notes: ['Forwarding needs a mosquitto as upstream: not measured.'] };
    }
    const pairs = await inPairs(context, 'forwarding', {
      sluice: () => forwardBatches(context),
      mosquitto: () => bridge(context),
    });
    const each = await inRounds(context, 'forwarding, one upstream message per record', () =>
      forwardEach(context),
    );
    const rate = seriesOf(pairs, ({ deliveredPerS }) => deliveredPerS);
    return {
      figures: [
        figureOf({
          what: 'forwarded to upstream, batches',
          unit: 'msg/s',
          ...rate,
          target: { of: 'ratio', is: 'at-least', value: 2 },
        }),
        figureOf({
          what: 'forwarded to upstream, each by itself',
          unit: 'msg/s',
          sluice: each.map(({ deliveredPerS }) => deliveredPerS),
          mosquitto: rate.mosquitto,
        }),
      ],
      rounds: [{ pairs }, { each }],
      notes: NOTES,
    };
  },
};

async function forwardBatches(context: BenchContext): Promise<ForwardingRun> {
  await using upstream = await startMosquitto(context);
  await using receiver = await BatchReceiver.connect({ port: upstream.port });
  await using gateway = await startGateway(context, { upstreamPort: upstream.port, format: 'batch' });
  await context.load.publish(warmUp(gateway.port));
  await receiver.received(WARM_UP_MESSAGES, DONE_S_MAX * 1000);
  const messages = messagesOf(context);
  const published = await context.load.publish({
    ...LOAD,
    port: gateway.port,
    messages,
    seconds: DONE_S_MAX,
  });
  const doneAtMs = await receiver.received(WARM_UP_MESSAGES + messages, DONE_S_MAX * 1000);
  return { ...runOf(messages, published, doneAtMs), ...{ received: receiver.account } };
}

async function forwardEach(context: BenchContext): Promise<ForwardingRun> {
  await using upstream = await startMosquitto(context);
  await using gateway = await startGateway(context, { upstreamPort: upstream.port, format: 'each' });
  return await forwardTo(context, upstream.port, gateway.port);
}

async function bridge(context: BenchContext): Promise<ForwardingRun> {
  await using upstream = await startMosquitto(context);
  await using server = await startMosquitto(context, { bridgeTo: upstream.port, autosaveS: AUTOSAVE_S });
  return await forwardTo(context, upstream.port, server.port);
}

/** The receiver is mqload: single messages, each checked for its sequence number. */
async function forwardTo(context: BenchContext, upstreamPort: number, port: number): Promise<ForwardingRun> {
  const { load } = context;
  const subscribe = async (messages: number) => {
    const subscription = load.subscribe({ port: upstreamPort, messages, seconds: DONE_S_MAX });
    await subscription.subscribed;
    return subscription;
  };
  const warming = await subscribe(WARM_UP_MESSAGES);
  await load.publish(warmUp(port));
  await warming.result;
  const messages = messagesOf(context);
  const { result } = await subscribe(messages);
  const published = await load.publish({ ...LOAD, port, messages, seconds: DONE_S_MAX });
  const { unique, endedAtMs } = await result;
  if (unique !== messages) throw new Error(`${unique} of ${messages} messages came in ${DONE_S_MAX} s`);
  return runOf(messages, published, endedAtMs);
}

function messagesOf({ options }: BenchContext): number {
  return Math.round(options.seconds * MESSAGES_PER_SECOND_OF_RUN);
}

function warmUp(port: number) {
  const firstDevice = WARM_UP_FIRST_DEVICE;
  return { ...LOAD, port, messages: WARM_UP_MESSAGES, firstDevice, seconds: DONE_S_MAX };
}

function runOf(
  messages: number,
  { startedAtMs, msgs_per_s }: { startedAtMs: number; msgs_per_s: number },
  doneAtMs: number,
): ForwardingRun {
  const seconds = (doneAtMs - startedAtMs) / 1000;
  return { messages, deliveredPerS: messages / seconds, ackedPerS: msgs_per_s, seconds };
}

const NOTES = [
  'Forwarding: 50 x 20, QoS 1 all the way, from the first publish until a subscriber of the upstream ' +
    'mosquitto has every message. Batches are received by a program that checks each batch’s checksum and' +
    ' that the offsets follow each other (records are not unpacked); single messages by mqload, which ' +
    'checks the sequence number of each. The bridging mosquitto has `persistence true`, `cleansession ' +
    'false`, no limits, and saves every 30 minutes, its default: that is, not at all during a run, which ' +
    'favours it.',
];
