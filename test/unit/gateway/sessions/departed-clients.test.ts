import { expect, test } from 'vitest';
import { forgetDepartedClients } from '../../../../gateway/sessions/departed-clients.ts';
import type { EngineBroker, EngineClient, EngineWill } from '../../../../gateway/sessions/engine-types.ts';
import { FaultFence } from '../../../../gateway/sessions/fault-fence.ts';

const will: EngineWill = { topic: 'gone', payload: 'gone', qos: 1, retain: false };

function departed(sessionExpiryInterval: number): EngineClient {
  return { id: 'device', sessionExpiryInterval, conn: {} } as EngineClient;
}

/** What the engine is told of clients that have gone, as JSON. */
function watched(): { broker: EngineBroker; told: string[] } {
  const told: string[] = [];
  const broker = {
    scheduleSessionExpiry: (client: EngineClient) => told.push(`ends ${client.sessionExpiryInterval}`),
    scheduleWill: (...args: unknown[]) => told.push(JSON.stringify(args)),
  } as unknown as EngineBroker;
  const owner = { faulted: () => {} };
  forgetDepartedClients(broker, { fence: new FaultFence(() => {}), owner });
  return { broker, told };
}

test('the engine ends sessions that end with their connection, and knows nothing of those that stay', () => {
  const { broker, told } = watched();
  broker.scheduleSessionExpiry(departed(0));
  broker.scheduleSessionExpiry(departed(3600));
  broker.scheduleSessionExpiry(departed(0xffff_ffff));
  expect(told).toEqual(['ends 0']);
});

test('of a client whose will is delayed the engine keeps the name', () => {
  const { broker, told } = watched();
  broker.scheduleWill(departed(3600), will, 60);
  expect(told).toEqual([JSON.stringify([{ id: 'device' }, will, 60])]);
});
