import { describe, expect, test } from 'vitest';
import { accessOf } from './access/access-settings.ts';
import { PublishRig } from './publish-rig.ts';
import { quotaSettings } from './quota/quota-settings.ts';

const versions = [3, 4, 5] as const;

describe('what decides', () => {
  test('is size, access, number of topics, pressure, and the quotas of device, group and gateway, in this order', () => {
    const rig = new PublishRig({
      access: { anonymous: true, groups: { g: {} }, rules: [{ publish: ['allowed/#'] }] },
      quotas: {
        devices: [{ packetBytesMax: 200, topicsMax: 1, messagesPerS: '2/s', over: 'refuse' }],
        groups: { g: { messagesPerS: '3/s' } },
        gateway: { messagesPerS: '4/s' },
      },
    });
    const device = rig.connect({ group: 'g' });
    const another = rig.connect({ group: 'g' });
    const outside = rig.connect();
    const fine = { topic: 'allowed/1', qos: 0, packetBytes: 100 } as const;
    expect([device.publish(fine), device.publish(fine)]).toEqual(['keep', 'keep']);
    expect([another.publish(fine), outside.publish(fine)]).toEqual(['keep', 'keep']);
    Object.assign(rig.pressure, { isEased: false, shedsQos0: true, stopsReading: true });

    // Everything speaks against it; then less and less.
    const wrong = { topic: 'x', qos: 0, packetBytes: 201 } as const;
    expect(device.publish(wrong)).toBe('drop message-too-large');
    expect(device.publish({ ...wrong, packetBytes: 200 })).toBe('drop not-authorized');
    expect(device.publish({ ...fine, topic: 'allowed/2' })).toBe('drop topics');
    expect(device.publish(fine)).toBe('drop pressure');
    rig.pressure.isEased = true;
    expect(device.publish(fine)).toBe('drop message-rate');
    expect([another.ask(fine), another.why]).toEqual(['wait', 'group-total']);
    expect([outside.ask(fine), outside.why]).toEqual(['wait', 'gateway-total']);
  });

  test('is nothing, where nothing is said', () => {
    const rig = new PublishRig();
    const device = rig.connect();
    for (let i = 0; i < 1000; i++) {
      expect(device.publish({ topic: `t/${i}`, qos: (i % 3) as 0 | 1 | 2, packetBytes: 100_000 })).toBe(
        'keep',
      );
    }
    expect(rig.ledger.counts).toEqual({});
  });
});

describe.each(versions)('what a client of MQTT level %i is told', (version) => {
  const refused = version === 5 ? 'refuse' : 'drop';

  test('of a message that is too large for it, or on a topic that is not its own', () => {
    const rig = new PublishRig({
      access: { anonymous: true, rules: [{ publish: ['own/{client}'] }] },
      quotas: { devices: [{ packetBytesMax: 200 }] },
    });
    const device = rig.connect({ version });
    const own = `own/${device.admitted.ownClientId}`;
    for (const qos of [1, 2] as const) {
      expect(device.publish({ topic: own, qos, packetBytes: 200 })).toBe('keep');
      expect(device.publish({ topic: own, qos, packetBytes: 201 })).toBe(`${refused} message-too-large`);
      expect(device.publish({ topic: 'own/other', qos })).toBe(`${refused} not-authorized`);
    }
    expect(device.publish({ topic: own, qos: 0, packetBytes: 201 })).toBe('drop message-too-large');
    expect(device.publish({ topic: 'own/other', qos: 0 })).toBe('drop not-authorized');
    expect(rig.ledger.counts).toEqual({ 'message-too-large': 3, 'not-authorized': 3 });
  });

  test.each([
    ['drop', version === 5 ? 'refuse' : 'drop'],
    ['disconnect', version === 5 ? 'refuse' : 'disconnect'],
  ] as const)('of a rate with over: refuse and refuseMqtt3: %s', (refuseMqtt3, expected) => {
    const rig = new PublishRig({
      quotas: { devices: [{ messagesPerS: '1/s', over: 'refuse', refuseMqtt3 }] },
    });
    const device = rig.connect({ version });
    expect(device.publish()).toBe('keep');
    expect(device.publish({ qos: 1 })).toBe(`${expected} message-rate`);
    expect(device.publish({ qos: 2 })).toBe(`${expected} message-rate`);
    expect(device.publish({ qos: 0 })).toBe('drop message-rate');
    rig.clock.advance(1000);
    expect(device.publish()).toBe('keep');
    expect(rig.ledger.counts).toEqual({ 'message-rate': 3 });
    const { refused: counted, dropped, disconnected } = rig.quotas.status();
    const all = [counted, dropped, disconnected].map(({ messageRate = 0 }) => messageRate);
    expect(all).toEqual(expected === 'refuse' ? [2, 1, 0] : expected === 'drop' ? [0, 3, 0] : [0, 1, 2]);
  });

  test('of topics beyond its number: the same, whatever `over` says', () => {
    const rig = new PublishRig({ quotas: { devices: [{ topicsMax: 2, over: 'delay' }] } });
    const device = rig.connect({ version });
    expect(['a', 'b', 'a', 'b'].map((topic) => device.publish({ topic }))).toEqual(Array(4).fill('keep'));
    expect(device.publish({ topic: 'c' })).toBe(`${refused} topics`);
    expect(device.publish({ topic: 'c', qos: 0 })).toBe('drop topics');
    expect(device.publish({ topic: 'b' })).toBe('keep');
    expect(device.publish({ topic: 'c' })).toBe(`${refused} topics`);
  });
});

describe('over: delay', () => {
  test('waits, and is decided again with the same message', () => {
    const rig = new PublishRig({ quotas: { devices: [{ messagesPerS: '10/s', messagesBurst: 1 }] } });
    const device = rig.connect();
    expect([device.publish(), device.publish()]).toEqual(['keep', 'wait']);
    rig.clock.advance(90);
    expect(device.resumed).toBe(1);
    expect(device.publish()).toBe('keep');
    expect(rig.ledger.counts).toEqual({});
    expect(rig.quotas.status().delayed).toEqual({ messageRate: 1 });
  });

  test('with drop-qos0 waits with those that are acknowledged only', () => {
    const rig = new PublishRig({ quotas: { devices: [{ messagesPerS: '1/s', over: 'drop-qos0' }] } });
    const device = rig.connect();
    device.publish();
    expect([0, 1, 2].map((qos) => device.publish({ qos: qos as 0 | 1 | 2 }))).toEqual([
      'drop message-rate',
      'wait',
      'wait',
    ]);
  });
});

describe('over: sample', () => {
  test('one in N keeps these, and acknowledges the others without a word in the audit log', () => {
    const rig = new PublishRig({
      quotas: { devices: [{ messagesPerS: '1/s', over: 'sample', sampleOneIn: 3 }] },
    });
    const device = rig.connect();
    const fates = Array.from({ length: 8 }, (_, i) => device.publish({ qos: (i % 3) as 0 | 1 | 2 }));
    expect(fates).toEqual(['keep', 'keep', 'drop', 'drop', 'keep', 'drop', 'drop', 'keep']);
    expect(rig.ledger.counts).toEqual({});
    expect(rig.audited).toEqual([]);
    expect(rig.quotas.status()).toMatchObject({ sampled: 3, sampledAway: 4 });
  });

  test('latest holds what is above the rate', () => {
    const rig = new PublishRig({
      quotas: { devices: [{ messagesPerS: '1/s', over: 'sample', sample: 'latest' }] },
    });
    const device = rig.connect();
    expect([device.publish(), device.publish(), device.publish()]).toEqual(['keep', 'hold', 'hold']);
    rig.clock.advance(2000);
    expect(rig.quotas.status()).toMatchObject({ sampled: 1, sampledAway: 1 });
  });
});

describe('under pressure', () => {
  const shed = { isEased: false, shedsQos0: true };
  const low = { ...shed, holdsLowLanes: true };
  const stop = { ...low, stopsReading: true };

  test.each([
    [shed, ['drop pressure', 'keep', 'drop pressure', 'keep']],
    [low, ['drop pressure', 'keep', 'drop pressure', 'pressure']],
    [stop, ['drop pressure', 'pressure', 'drop pressure', 'pressure']],
    [{ isEased: true }, ['keep', 'keep', 'keep', 'keep']],
  ] as const)('%j', (flags, expected) => {
    const rig = new PublishRig({ quotas: { devices: [{ messagesPerS: '100/s' }] } });
    Object.assign(rig.pressure, flags);
    for (const version of versions) {
      const device = rig.connect({ version });
      const published = [
        { qos: 0 },
        { qos: 1 },
        { qos: 0, topic: 'low/a' },
        { qos: 2, topic: 'low/a' },
      ] as const;
      expect(published.map((one) => device.publish(one))).toEqual(expected);
    }
  });

  test('what waits is not charged', () => {
    const rig = new PublishRig({ quotas: { devices: [{ messagesPerS: '1/s' }] } });
    Object.assign(rig.pressure, stop);
    const device = rig.connect();
    for (let i = 0; i < 10; i++) expect(device.publish()).toBe('pressure');
    rig.pressure.isEased = true;
    expect([device.publish(), device.publish()]).toEqual(['keep', 'wait']);
  });
});

describe('deciding', () => {
  test('changes nothing: a message that finds no room is decided upon again and again', () => {
    const rig = new PublishRig({
      access: { anonymous: true, groups: { g: {} } },
      quotas: {
        devices: [{ messagesPerS: '2/s', over: 'refuse', topicsMax: 1 }],
        groups: { g: { messagesPerS: '2/s' } },
        gateway: { messagesPerS: '2/s' },
      },
    });
    const device = rig.connect({ group: 'g' });
    for (let i = 0; i < 50; i++) expect(device.ask()).toBe('keep');
    expect([device.publish(), device.publish(), device.publish()]).toEqual([
      'keep',
      'keep',
      'refuse message-rate',
    ]);
    for (let i = 0; i < 50; i++) expect(device.ask()).toBe('refuse');
    expect(rig.ledger.counts).toEqual({ 'message-rate': 1 });
    expect(rig.quotas.status().accepted).toBe(2);
  });

  test('of one client is not that of another, whose message comes between decision and outcome', () => {
    const rig = new PublishRig({
      access: { anonymous: true, rules: [{ publish: ['ok'] }] },
      quotas: { devices: [{ clients: ['c1'], messagesPerS: '1/s', over: 'refuse' }] },
    });
    const [limited, free] = [rig.connect(), rig.connect()];
    expect(limited.publish({ topic: 'ok' })).toBe('keep');
    expect(limited.publish({ topic: 'ok' })).toBe('refuse message-rate');
    // Refused for access: nothing is settled with the quotas, where the last verdict was another one's.
    expect(free.publish({ topic: 'not' })).toBe('refuse not-authorized');
    expect(free.publish({ topic: 'ok' })).toBe('keep');
    const { accepted, refused, dropped } = rig.quotas.status();
    expect({ accepted, refused, dropped }).toEqual({ accepted: 2, refused: { messageRate: 1 }, dropped: {} });
  });

  test('follows the rules and quotas as they change, for clients that are connected', () => {
    const rig = new PublishRig({ access: { anonymous: true, rules: [{ publish: ['a'] }] } });
    const device = rig.connect();
    expect(device.publish()).toBe('keep');
    rig.policy.replace(accessOf({ anonymous: true, rules: [{ publish: ['b'] }] }), true);
    expect(device.publish()).toBe('refuse not-authorized');
    rig.policy.replace(accessOf({ anonymous: true }), false);
    expect(device.publish()).toBe('keep');
    rig.quotas.reconfigure(quotaSettings({ devices: [{ messagesPerS: '1/s', over: 'refuse' }] }));
    expect([device.publish(), device.publish()]).toEqual(['keep', 'refuse message-rate']);
    rig.quotas.reconfigure(quotaSettings({}));
    expect(device.publish()).toBe('keep');
  });
});

describe('a payload that is not the text it is said to be', () => {
  const malformed = { text: Buffer.from([0x32, 0xff]) };
  const fine = { text: Buffer.from('2 °C\u0000') };

  test('is accepted unseen by default', () => {
    const device = new PublishRig().connect();
    for (const qos of [0, 1, 2] as const) expect(device.publish({ ...malformed, qos })).toBe('keep');
  });

  test('is refused, or with QoS 0 dropped, counted and told, and uses nothing of a quota', () => {
    const rig = new PublishRig({ quotas: { devices: [{ messagesPerS: '2/s' }] } }, 'refuse');
    const device = rig.connect();
    const fates = ([0, 1, 2] as const).map((qos) => device.publish({ ...malformed, qos }));
    expect(fates).toEqual(['drop payload-format', 'refuse payload-format', 'refuse payload-format']);
    expect([device.publish(fine), device.publish(), device.publish(fine)]).toEqual(['keep', 'keep', 'wait']);
    expect([rig.ledger.counts, rig.deadLetters.counts]).toEqual([{ 'payload-format': 3 }, {}]);
    expect(rig.audited).toMatchObject([{ event: 'publish-refused', reason: 'payload-format', object: 'a' }]);
  });

  test('becomes a dead letter, counted and told, and charged as what is kept', () => {
    const quotas = { devices: [{ messagesPerS: '3/s', over: 'refuse' }] };
    const rig = new PublishRig({ quotas }, 'dead-letter');
    const device = rig.connect();
    const fates = ([0, 1, 2] as const).map((qos) => device.publish({ ...malformed, qos }));
    expect(fates).toEqual(['deadLetter', 'deadLetter', 'deadLetter']);
    expect(device.publish(malformed)).toBe('refuse message-rate');
    expect(rig.quotas.status().accepted).toBe(3);
    expect(rig.deadLetters.counts).toEqual({ 'payload-format': 3 });
    expect(rig.ledger.counts).toEqual({ 'message-rate': 1 });
    expect(rig.audited[0]).toMatchObject({
      event: 'publish-dead-lettered',
      reason: 'payload-format',
      object: 'a',
    });
    rig.clock.advance(1000);
    expect([device.publish(fine), device.publish({})]).toEqual(['keep', 'keep']);
  });

  test('is looked at after size, access and topics, and before pressure and quotas', () => {
    const settings = {
      access: { anonymous: true, rules: [{ publish: ['own/#'] }] },
      quotas: { devices: [{ packetBytesMax: 200, topicsMax: 1, messagesPerS: '1/s' }] },
    };
    for (const [action, fate] of [
      ['refuse', 'refuse payload-format'],
      ['dead-letter', 'pressure'],
    ] as const) {
      const rig = new PublishRig(settings, action);
      const device = rig.connect();
      expect([device.publish({ topic: 'own/1' }), device.publish({ topic: 'own/1' })]).toEqual([
        'keep',
        'wait',
      ]);
      Object.assign(rig.pressure, { isEased: false, stopsReading: true });
      expect(device.publish({ ...malformed, packetBytes: 201 })).toBe('refuse message-too-large');
      expect(device.publish(malformed)).toBe('refuse not-authorized');
      expect(device.publish({ ...malformed, topic: 'own/2' })).toBe('refuse topics');
      expect(device.publish({ ...malformed, topic: 'own/1' })).toBe(fate);
      rig.pressure.isEased = true;
      expect(device.ask({ ...malformed, topic: 'own/1' })).toBe(action === 'refuse' ? 'refuse' : 'wait');
    }
  });

  test('waits for its turn like any other', () => {
    const rig = new PublishRig({}, 'dead-letter');
    rig.room.connect(() => {});
    const [first, second] = [rig.connect(), rig.connect()];
    rig.admission.waitForRoom(first.admitted);
    expect(second.publish(malformed)).toBe('turn');
  });

  test('is never the latest of its topic, which somebody will get', () => {
    const quotas = { devices: [{ messagesPerS: '1/s', over: 'sample', sample: 'latest' }] };
    const rig = new PublishRig({ quotas }, 'dead-letter');
    const device = rig.connect();
    const published = [fine, fine, malformed].map((one) => device.publish(one));
    expect(published).toEqual(['keep', 'hold', 'drop']);
    rig.clock.advance(2000);
    expect(rig.quotas.status()).toMatchObject({ sampled: 1, sampledAway: 1 });
    expect(rig.deadLetters.counts).toEqual({});
  });
});

describe('room in the batch', () => {
  test('is for those who wait for it, in turns; nobody else goes before them', () => {
    const rig = new PublishRig();
    let opened = (): void => {};
    rig.room.connect((callback) => {
      opened = callback;
    });
    const [first, second, third] = [rig.connect(), rig.connect(), rig.connect()];
    expect(first.ask()).toBe('keep');
    rig.admission.waitForRoom(first.admitted); // the batch has none for it
    expect([second.publish(), third.ask()]).toEqual(['turn', 'turn']);
    expect(rig.room.waiting).toBe(2);
    opened();
    expect([first, second, third].map(({ resumed }) => resumed)).toEqual([1, 1, 0]);
    expect(third.publish()).toBe('keep');
  });

  test('is not asked for by what its quota does not let pass', () => {
    const rig = new PublishRig({ quotas: { devices: [{ clients: ['c2'], messagesPerS: '1/s' }] } });
    const [first, limited] = [rig.connect(), rig.connect()];
    expect(limited.publish()).toBe('keep');
    rig.admission.waitForRoom(first.admitted);
    expect(limited.publish()).toBe('wait');
    expect(rig.room.waiting).toBe(1);
  });
});
