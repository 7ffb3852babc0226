// The broker that stands in for the cloud in a run: mosquitto where it is installed, because it keeps what it has
// when its receiver is slow; otherwise one that the caller brings along.

import { SluiceError } from '../../config/errors.ts';
import { MosquittoProcess, mosquittoVersion } from '../system/mosquitto-process.ts';

export interface UpstreamBroker extends AsyncDisposable {
  readonly port: number;
  readonly text: string;
  /** Each time that it ended by itself. */
  ownEndings?(): readonly string[];
}

/** Starts a broker in memory, on a free port. */
export type EmbeddedBroker = () => Promise<UpstreamBroker>;

export async function startUpstreamBroker(
  kind: 'auto' | 'mosquitto' | 'embedded',
  embedded: EmbeddedBroker,
): Promise<UpstreamBroker> {
  if (kind === 'embedded' || (kind === 'auto' && !hasMosquitto())) return await embedded();
  const broker = await MosquittoProcess.create({ name: 'the upstream broker' });
  await broker.server.start();
  return {
    port: broker.server.port,
    text: `${broker.version}, persistent, no limits`,
    ownEndings: () => broker.server.ownEndings,
    [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
  };
}

function hasMosquitto(): boolean {
  try {
    return mosquittoVersion() !== '';
  } catch (error) {
    if (error instanceof SluiceError) return false;
    throw error;
  }
}
