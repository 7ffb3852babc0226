import { expect, test } from 'vitest';
import { DeliveredOnce } from '../../../../gateway/sessions/delivered-once.ts';
import type { EngineBroker } from '../../../../gateway/sessions/engine-types.ts';

type Packet = { brokerId: string; brokerCounter: number };

/** As aedes's client does it (lib/client.js, dedupe). */
function isFirst(duplicates: Record<string, number>, { brokerId, brokerCounter }: Packet): boolean {
  const result = (duplicates[brokerId] || 0) < brokerCounter;
  if (result) duplicates[brokerId] = brokerCounter;
  return result;
}

function onceUnderTest() {
  const once = new DeliveredOnce(['here', 'here/0']);
  const mq = {
    on: () => {},
    removeListener: () => {},
    emit: (packet: unknown) => (packet as { give?: () => void }).give?.(),
  };
  once.watch({ mq } as unknown as EngineBroker);
  return { once, emit: (give: () => void) => mq.emit({ give }) };
}

test('one message comes once to a client, however many of its subscriptions match', () => {
  const { once, emit } = onceUnderTest();
  const [one, other] = [once.memory(), once.memory()];
  const packet = { brokerId: 'here/0', brokerCounter: 7 };
  const answers: boolean[] = [];
  emit(() => answers.push(isFirst(one, packet), isFirst(other, packet), isFirst(one, packet)));
  expect(answers).toEqual([true, true, false]);
});

test('messages come in whatever order their counters are', () => {
  const { once, emit } = onceUnderTest();
  const client = once.memory();
  const answers: boolean[] = [];
  for (const brokerCounter of [3, 1, 2, 9, 4])
    emit(() => answers.push(isFirst(client, { brokerId: 'here/0', brokerCounter })));
  emit(() => answers.push(isFirst(client, { brokerId: 'here', brokerCounter: 1 })));
  expect(answers).toEqual([true, true, true, true, true, true]);
});

test('a message that another leads to takes nothing from it', () => {
  const { once, emit } = onceUnderTest();
  const client = once.memory();
  const [outer, inner] = [1, 2].map((brokerCounter) => ({ brokerId: 'here', brokerCounter }));
  const answers: boolean[] = [];
  emit(() => {
    answers.push(isFirst(client, outer));
    emit(() => answers.push(isFirst(client, inner)));
  });
  emit(() => {
    emit(() => answers.push(isFirst(client, inner)));
    answers.push(isFirst(client, outer), isFirst(client, outer));
  });
  expect(answers).toEqual([true, true, true, true, false]);
});
