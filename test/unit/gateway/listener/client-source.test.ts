import { expect, test } from 'vitest';
import { ClientSource } from '../../../../gateway/listener/client-source.ts';
import { AckKind } from '../../../../storage/record-source.ts';

class Client {
  readonly told: string[] = [];

  acknowledge(kind: AckKind, packetId: number, reason: number): void {
    this.told.push(`${kind}:${packetId}:${reason}`);
  }

  flushAcknowledgements(): void {
    this.told.push('flush');
  }
}

test('acknowledgements go to the client, until it has left', () => {
  const client = new Client();
  const counters = { acknowledged: 0 };
  const source = new ClientSource({ client, lanes: 2, counters });
  source.acknowledge(AckKind.puback, 1, 0);
  source.flushAcknowledgements();
  source.leave();
  source.acknowledge(AckKind.puback, 2, 0);
  source.flushAcknowledgements();
  expect(client.told).toEqual([`${AckKind.puback}:1:0`, 'flush']);
});

test('what was kept counts as acknowledged, whether or not the client is still there; a PUBCOMP is no second time', () => {
  const counters = { acknowledged: 0 };
  const source = new ClientSource({ client: new Client(), lanes: 1, counters });
  source.acknowledge(AckKind.pubrec, 1, 0);
  source.acknowledge(AckKind.pubcomp, 1, 0);
  source.leave();
  source.acknowledge(AckKind.puback, 2, 0);
  expect(counters.acknowledged).toBe(2);
});
