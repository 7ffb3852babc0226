import { expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { RunningGateway } from '../support/running-gateway.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';

test('x', async () => {
  using directory = new TemporaryDirectory();
  await using gateway = await RunningGateway.start(directory.path);
  using client = await RawClient.connect(gateway.port, 4);
  client.publish('a/b', 'x', { qos: 1, messageId: 7 });
  expect(await client.next('puback')).toMatchObject({ messageId: 7 });
  expect(gateway.records()).toMatchObject([{ topic: 'a/b', payload: 'x' }]);
});
