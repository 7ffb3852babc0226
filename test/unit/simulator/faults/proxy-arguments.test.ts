import { expect, test } from 'vitest';
import { type ProxyArguments, proxySettings } from '../../../../gateway/commands/proxy-arguments.ts';

/** As commander gives them when nothing else is said. */
const PLAIN: ProxyArguments = {
  listen: '127.0.0.1:1885',
  to: 'broker.example.com:1884',
  cutFor: '5s',
  blackholeFor: '5s',
  freezeFor: '5s',
  seed: '1',
};

test('plain arguments are a link with nothing wrong', () => {
  expect(proxySettings(PLAIN)).toEqual({
    listen: { host: '127.0.0.1', port: 1885 },
    target: { host: 'broker.example.com', port: 1884 },
    faults: { latencyMs: 0, jitterMs: 0, resetAfterBytes: 0, up: {}, down: {} },
    recurrences: [],
    seed: 1,
    isQuiet: false,
  });
});

test('every fault is understood', () => {
  const { faults, recurrences } = proxySettings({
    ...PLAIN,
    latency: '200ms',
    jitter: '50ms',
    bandwidth: '50kbit/s',
    downBandwidth: '1Mbit/s',
    cutEvery: '30s',
    blackholeEvery: '2m',
    blackholeFor: '20s',
    freezeEvery: '1m',
    resetAfter: '100KiB',
  });
  expect(faults).toEqual({
    latencyMs: 200,
    jitterMs: 50,
    resetAfterBytes: 102_400,
    up: { bytesPerSecond: 6250 },
    down: { bytesPerSecond: 125_000 },
  });
  expect(recurrences).toEqual([
    { fault: 'cut', everyMs: 30_000, forMs: 5000 },
    { fault: 'blackhole', everyMs: 120_000, forMs: 20_000 },
    { fault: 'freeze', everyMs: 60_000, forMs: 5000 },
  ]);
});

test('a bandwidth can be of each connection', () => {
  const { faults } = proxySettings({ ...PLAIN, bandwidth: '8kbit/s', perConnection: true });
  expect([faults.up, faults.down]).toEqual([{ bytesPerSecondEach: 1000 }, { bytesPerSecondEach: 1000 }]);
});

test.each([
  ['1885', { host: '127.0.0.1', port: 1885 }],
  [':1885', { host: '127.0.0.1', port: 1885 }],
  ['[::1]:1885', { host: '::1', port: 1885 }],
])('%s is an address', (listen, endpoint) => {
  expect(proxySettings({ ...PLAIN, listen }).listen).toEqual(endpoint);
});

test.each<[Partial<ProxyArguments>, string]>([
  [{ listen: 'mqtt://127.0.0.1:1885' }, "--listen 'mqtt://127.0.0.1:1885' is no address"],
  [{ to: '127.0.0.1' }, "--to '127.0.0.1' is no address"],
  [{ to: '127.0.0.1:65536' }, "--to '127.0.0.1:65536' is no address"],
  [{ to: '127.0.0.1:0' }, '--to has the port 0'],
  [{ to: ':1885' }, '--to is the address of --listen'],
  [{ latency: 'soon' }, "--latency 'soon' is no duration"],
  [{ bandwidth: '50' }, "--bandwidth '50' is no bandwidth"],
  [{ resetAfter: '0B' }, "--reset-after '0B' is no size above 0"],
  [{ perConnection: true }, '--per-connection says how to count a bandwidth'],
  [{ cutEvery: '5s' }, '--cut-for is not shorter than --cut-every'],
  [{ freezeEvery: '0s' }, '--freeze-every is 0'],
  [{ seed: '-1' }, "--seed '-1' is no whole number up to 4294967295"],
])('%j is refused with one line that says why', (given, message) => {
  expect(() => proxySettings({ ...PLAIN, ...given })).toThrow(
    expect.objectContaining({ code: 'BAD_ARGUMENT', message, hint: expect.any(String) }),
  );
});
