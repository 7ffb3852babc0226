// What most fault tests stand on: a fleet of devices, the gateway as a process, a network to the upstream
// that can be made bad, a real broker, and the account of what arrived. Dispose it, and nothing is left.

import { LinkProxy } from '../../simulator/faults/link-proxy.ts';
import type { NOTHING_WRONG } from './delivery-account.ts';
import { GatewayProcess, type GatewaySettings } from './gateway-process.ts';
import { DEVICES, type LoadOptions, LoadPublisher, loadLanes } from './load-publisher.ts';
import { Upstream } from './upstream.ts';

export interface FaultRigOptions {
  settings?: GatewaySettings;
  /** Over those of the sink. */
  sink?: GatewaySettings;
  load?: Partial<LoadOptions>;
  /** Instead of a directory of the gateway's own. */
  dataDir?: string;
}

/** Quick to try again: what takes seconds in production takes tenths of one here. */
const SINK = {
  type: 'mqtt',
  reconnect: { minMs: 20, maxMs: 200 },
  breaker: { failures: 5, openMs: 200 },
  batch: { lingerMs: 50 },
};

export class FaultRig implements AsyncDisposable {
  readonly upstream: Upstream;
  readonly network: LinkProxy;
  readonly gateway: GatewayProcess;
  readonly fleet: LoadPublisher;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    parts: Pick<FaultRig, 'upstream' | 'network' | 'gateway' | 'fleet'>,
    stack: AsyncDisposableStack,
  ) {
    this.upstream = parts.upstream;
    this.network = parts.network;
    this.gateway = parts.gateway;
    this.fleet = parts.fleet;
    this.#stack = stack;
  }

  /** Everything is there but the gateway is not started, and the devices are not connected. */
  static async create({ settings, sink, load, dataDir }: FaultRigOptions = {}): Promise<FaultRig> {
    await using stack = new AsyncDisposableStack();
    const upstream = stack.use(await Upstream.start());
    const network = stack.use(await LinkProxy.start({ target: { port: upstream.port } }));
    const url = `mqtt://127.0.0.1:${network.port}`;
    const gateway = stack.use(
      await GatewayProcess.create({
        ...(dataDir === undefined ? {} : { dataDir }),
        settings: { lanes: loadLanes, sinks: { cloud: { ...SINK, url, ...sink } }, ...settings },
      }),
    );
    const fleet = stack.use(
      new LoadPublisher({ port: gateway.port, ...load }, upstream.identify(load?.devices ?? DEVICES)),
    );
    return new FaultRig({ upstream, network, gateway, fleet }, stack.move());
  }

  /** What is wrong with what arrived, in the words of the delivery account; compare it with NOTHING_WRONG. */
  get verdict(): typeof NOTHING_WRONG {
    return this.upstream.account.verdict(this.fleet.devices);
  }

  /** Another fleet, not connected yet, whose messages are in the same account. */
  addFleet(options: Partial<LoadOptions> & { name: string }): LoadPublisher {
    const identity = this.upstream.identify(options.devices ?? DEVICES);
    return new LoadPublisher({ port: this.gateway.port, ...options }, identity);
  }

  /** No new messages; resolves when every message sent is acknowledged and has arrived upstream. */
  async finish(timeoutMs?: number): Promise<void> {
    await this.fleet.finish(timeoutMs);
    await this.upstream.receivedAll(this.fleet.devices, timeoutMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
