// The link proxy between real sockets, measured: what arrives, when, and how fast.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { LinkProxy, type LinkProxyOptions } from '../../../simulator/faults/link-proxy.ts';
import { waitFor } from '../../support/wait-for.ts';

/** A server whose connections a test looks at, behind a link. */
class Rig implements AsyncDisposable {
  readonly server: Server;
  readonly accepted: Far[] = [];
  proxy!: LinkProxy;
  readonly #clients: Socket[] = [];

  private constructor() {
    this.server = createServer({ allowHalfOpen: true }, (socket) => void this.accepted.push(new Far(socket)));
  }

  static async start(options: Partial<LinkProxyOptions> = {}): Promise<Rig> {
    const rig = new Rig();
    rig.server.listen(0, '127.0.0.1');
    await once(rig.server, 'listening');
    const { port } = rig.server.address() as AddressInfo;
    rig.proxy = await LinkProxy.start({ target: { port }, ...options });
    return rig;
  }

  /** A client, and the other end of its connection. */
  async connect(): Promise<{ near: Far; far: Far }> {
    const count = this.accepted.length;
    const socket = connect({ port: this.proxy.port, host: '127.0.0.1', noDelay: true });
    this.#clients.push(socket);
    const near = new Far(socket);
    await waitFor(() => this.accepted.length > count, { what: 'the connection' });
    return { near, far: this.accepted[count] };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#clients) socket.destroy();
    await this.proxy.stop();
    for (const { socket } of this.accepted) socket.destroy();
    this.server.close();
  }
}

/** One end of a connection, and what has come to it. */
class Far {
  readonly socket: Socket;
  text = '';
  bytes = 0;
  ending: 'open' | 'end' | 'reset' = 'open';

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.bytes += chunk.length;
      if (this.text.length < 10_000) this.text += chunk.toString('latin1');
    });
    socket.on('end', () => {
      this.ending = 'end';
    });
    socket.on('error', () => {
      this.ending = 'reset';
    });
  }

  async has(text: string): Promise<void> {
    await waitFor(() => this.text === text, { what: () => `'${text}', there is '${this.text}'` });
  }
}

describe('a link', () => {
  test('brings bytes both ways and the end of each half, and counts', async () => {
    await using rig = await Rig.start();
    const { near, far } = await rig.connect();
    near.socket.end('question');
    await far.has('question');
    await waitFor(() => far.ending === 'end', { what: 'the end of the first half' });
    far.socket.end('answer');
    await near.has('answer');
    await waitFor(() => rig.proxy.counters.open === 0, { what: 'the connection to be over' });
    expect(rig.proxy.counters).toEqual({
      connections: 1,
      open: 0,
      refused: 0,
      resets: 0,
      unreachable: 0,
      up: { receivedBytes: 8, deliveredBytes: 8, swallowedBytes: 0 },
      down: { receivedBytes: 6, deliveredBytes: 6, swallowedBytes: 0 },
    });
  });

  test('passes on much at full speed, whole', async () => {
    await using rig = await Rig.start();
    const { near, far } = await rig.connect();
    near.socket.write(Buffer.alloc(64 * 1024 * 1024));
    await waitFor(() => far.bytes === 64 * 1024 * 1024, { what: () => `all of it, ${far.bytes} are there` });
  });

  test('adds the latency of each direction', async () => {
    await using rig = await Rig.start({ faults: { up: { latencyMs: 150 }, down: { latencyMs: 50 } } });
    const { near, far } = await rig.connect();
    const startMs = performance.now();
    near.socket.write('ping');
    await once(far.socket, 'data');
    const thereMs = performance.now() - startMs;
    far.socket.write('pong');
    await once(near.socket, 'data');
    const backMs = performance.now() - startMs - thereMs;
    expect(thereMs).toBeGreaterThanOrEqual(149);
    expect(thereMs).toBeLessThan(250);
    expect(backMs).toBeGreaterThanOrEqual(49);
    expect(backMs).toBeLessThan(150);
  });

  test('carries 50 kbit/s within 15 % over two seconds, shared by its connections', async () => {
    await using rig = await Rig.start({ faults: { up: { bytesPerSecond: 6250 } } });
    const [a, b] = [await rig.connect(), await rig.connect()];
    for (const { near } of [a, b]) near.socket.write(Buffer.alloc(60_000));
    await once(a.far.socket, 'data');
    const startMs = performance.now();
    const before = [a.far.bytes, b.far.bytes];
    await waitFor(() => performance.now() - startMs >= 2000, { what: 'two seconds' });
    const seconds = (performance.now() - startMs) / 1000;
    const [fromA, fromB] = [a.far.bytes - before[0], b.far.bytes - before[1]];
    expect((fromA + fromB) / seconds / 6250).toBeGreaterThan(0.85);
    expect((fromA + fromB) / seconds / 6250).toBeLessThan(1.15);
    expect(Math.abs(fromA - fromB)).toBeLessThan(0.1 * (fromA + fromB));
  });

  test('makes the sender wait when the line is thin, instead of keeping it all', async () => {
    await using rig = await Rig.start({ faults: { bytesPerSecond: 100_000 } });
    const { near, far } = await rig.connect();
    near.socket.write(Buffer.alloc(64 * 1024 * 1024));
    await waitFor(() => far.bytes > 20_000, { what: 'the first bytes' });
    expect(rig.proxy.counters.up.receivedBytes - far.bytes).toBeLessThan(256 * 1024);
  });

  test('delivers what it held while it was frozen, in order', async () => {
    await using rig = await Rig.start();
    const { near, far } = await rig.connect();
    near.socket.write('a');
    await far.has('a');
    rig.proxy.set({ isFrozen: true });
    for (const letter of 'bcdefgh') near.socket.write(letter);
    near.socket.end();
    await waitFor(() => rig.proxy.counters.up.receivedBytes === 8, { what: 'all to be in the link' });
    expect(far.text).toBe('a');
    rig.proxy.set({ isFrozen: false });
    await far.has('abcdefgh');
    await waitFor(() => far.ending === 'end', { what: 'the end' });
  });

  test('swallows in a black hole; the connection stays dead, a new one works', async () => {
    await using rig = await Rig.start({ faults: { isBlackhole: true } });
    const { near, far } = await rig.connect();
    near.socket.write('lost');
    await waitFor(() => rig.proxy.counters.up.swallowedBytes === 4, { what: 'bytes to disappear' });
    rig.proxy.heal();
    near.socket.write('lost too');
    await waitFor(() => rig.proxy.counters.up.swallowedBytes === 12, { what: 'more bytes to disappear' });
    near.socket.destroy(); // which nobody tells the far end
    const other = await rig.connect();
    other.near.socket.write('hello');
    await other.far.has('hello');
    expect([far.text, far.ending]).toEqual(['', 'open']);
  });

  test('loses acknowledgements alone when only the way down is a black hole', async () => {
    await using rig = await Rig.start({ faults: { down: { isBlackhole: true } } });
    const { near, far } = await rig.connect();
    near.socket.write('publish');
    await far.has('publish');
    far.socket.write('ack');
    await waitFor(() => rig.proxy.counters.down.swallowedBytes === 3, { what: 'the answer to disappear' });
    expect(near.text).toBe('');
  });

  test('resets a connection after so many bytes, which arrive, and the next one too', async () => {
    await using rig = await Rig.start({ faults: { up: { resetAfterBytes: 1000 } } });
    for (const resets of [1, 2]) {
      const { near, far } = await rig.connect();
      near.socket.write(Buffer.alloc(999));
      await waitFor(() => far.bytes === 999, { what: 'the bytes it lets through' });
      near.socket.write(Buffer.alloc(500));
      await waitFor(() => near.ending === 'reset' && far.ending === 'reset', { what: 'both resets' });
      expect(far.bytes).toBeLessThanOrEqual(1000);
      expect(rig.proxy.counters).toMatchObject({ resets, up: { deliveredBytes: 1000 * resets } });
    }
  });

  test('resets all connections when it is cut, refuses new ones when told, and goes on afterwards', async () => {
    await using rig = await Rig.start();
    const ends = [await rig.connect(), await rig.connect()].flatMap(({ near, far }) => [near, far]);
    rig.proxy.set({ isRefusing: true });
    rig.proxy.cut();
    await waitFor(() => ends.every(({ ending }) => ending === 'reset'), { what: 'every end to be reset' });
    const refused = new Far(connect(rig.proxy.port, '127.0.0.1'));
    await waitFor(() => refused.ending === 'reset', { what: 'the refusal' });
    expect(rig.proxy.counters).toMatchObject({ connections: 3, refused: 1, resets: 2 });
    rig.proxy.heal();
    const { near, far } = await rig.connect();
    near.socket.write('back');
    await far.has('back');
  });

  test('tells one side that the other was reset', async () => {
    await using rig = await Rig.start();
    const { near, far } = await rig.connect();
    near.socket.write('a');
    await far.has('a');
    near.socket.resetAndDestroy();
    await waitFor(() => far.ending === 'reset', { what: 'the reset' });
  });

  test('closes connections when the target is away, and says why', async () => {
    const reasons: string[] = [];
    await using rig = await Rig.start({
      onEvent: (event) => void (event.kind === 'unreachable' && reasons.push(event.reason)),
    });
    const { port } = rig.server.address() as AddressInfo;
    rig.server.close();
    await once(rig.server, 'close');
    const near = new Far(connect(rig.proxy.port, '127.0.0.1'));
    await waitFor(() => near.ending !== 'open', { what: 'the end of the connection' });
    await waitFor(() => rig.proxy.counters.open === 0, { what: 'nothing to be left' });
    expect(rig.proxy.counters.unreachable).toBe(1);
    expect(reasons).toEqual([expect.stringContaining(`ECONNREFUSED 127.0.0.1:${port}`)]);
  });

  test('brings new connections to another target when told', async () => {
    await using rig = await Rig.start();
    await using other = await Rig.start();
    rig.proxy.retarget({ port: (other.server.address() as AddressInfo).port });
    const near = connect(rig.proxy.port, '127.0.0.1');
    near.write('hello');
    await waitFor(() => other.accepted[0]?.text === 'hello', { what: 'the greeting' });
    near.destroy();
  });

  test('does not begin on a port that is taken, and says so', async () => {
    await using rig = await Rig.start();
    const { port } = rig.proxy;
    await expect(LinkProxy.start({ target: { port: 1 }, listen: { port } })).rejects.toMatchObject({
      code: 'CANNOT_LISTEN',
      message: expect.stringContaining(`127.0.0.1:${port}`),
    });
  });
});
