// The access hook against a real HTTP server that answers well, late, wrongly, at length or not at all.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../config/clock.ts';
import { loadConfig } from '../../config/load.ts';
import { createLogger } from '../../config/logger.ts';
import { AuthHook, type HookQuestion } from '../../gateway/admission/identity/auth-hook.ts';
import { Authenticator } from '../../gateway/admission/identity/authenticator.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { waitFor } from '../support/wait-for.ts';

type Answer = (response: ServerResponse, question: Record<string, unknown>) => void;

class HookServer {
  readonly #server: Server;
  readonly sockets = new Set<Socket>();
  readonly questions: Record<string, unknown>[] = [];
  readonly requests: IncomingMessage[] = [];
  connections = 0;
  answer: Answer = json({ allow: true });

  constructor() {
    this.#server = createServer(async (request, response) => {
      this.requests.push(request);
      let text = '';
      for await (const chunk of request) text += chunk;
      const question = JSON.parse(text);
      this.questions.push(question);
      this.answer(response, question);
    });
    this.#server.on('connection', (socket) => {
      this.connections++;
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/auth?key=k1`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }
}

const json =
  (value: unknown, status = 200): Answer =>
  (response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
const never: Answer = () => {};

let server: HookServer;
let url: string;
let clock: FakeClock;
let logged: string[];
const hooks: AuthHook[] = [];

const settingsOf = (yaml: string, address = url) => {
  const loaded = loadConfig({ text: `access:\n  hook: { url: '${address}', ${yaml} }\n`, env: {} });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.config.access;
};
const log = () =>
  createLogger({ level: 'trace', format: 'json' }, { write: (line) => void logged.push(line) });
function open(
  yaml = 'timeoutMs: 2s',
  options: { address?: string; time?: typeof systemClock } = {},
): AuthHook {
  const settings = settingsOf(yaml, options.address).hook;
  const hook = new AuthHook({ settings, clock: options.time ?? clock, log: log() });
  hooks.push(hook);
  return hook;
}
const question = (more: Partial<HookQuestion> = {}): HookQuestion => ({
  clientId: 'c1',
  username: 'alice',
  password: Buffer.from('pässword-1'),
  address: '192.0.2.1',
  version: 5,
  ...more,
});
const silent = { kind: 'silent', reason: expect.any(String) };
const allow = (user?: string, group?: string) => ({ kind: 'allow', user, group });

beforeEach(async () => {
  server = new HookServer();
  url = await server.listen();
  clock = new FakeClock();
  logged = [];
});
afterEach(async () => {
  for (const hook of hooks.splice(0)) await hook.close();
  await server.close();
});

describe('a question', () => {
  test('is a POST of JSON to the whole URL', async () => {
    await open().ask(question());
    const [{ method, url: path, headers }] = server.requests;
    expect([method, path, headers['content-type']]).toEqual(['POST', '/auth?key=k1', 'application/json']);
    expect(server.questions).toEqual([
      { clientId: 'c1', username: 'alice', password: 'pässword-1', address: '192.0.2.1', protocolVersion: 5 },
    ]);
  });

  test('says a password that is no text as base64, and none as none', async () => {
    const hook = open();
    await hook.ask(question({ password: Buffer.from([0xff, 0xfe]) }));
    await hook.ask(question({ password: undefined }));
    await hook.ask(question({ password: Buffer.alloc(0) }));
    expect(server.questions[0]).toMatchObject({ passwordBase64: '//4=' });
    expect(server.questions[0]).not.toHaveProperty('password');
    expect(server.questions[1]).not.toHaveProperty('password');
    expect(server.questions[2]).toMatchObject({ password: '' });
  });

  test.each<[string, Answer, unknown]>([
    ['allows', json({ allow: true }), allow()],
    ['allows, with nulls', json({ allow: true, user: null, group: null }), allow()],
    ['names user and group', json({ allow: true, user: 'press 7:a', group: 'g1' }), allow('press 7:a', 'g1')],
    ['refuses', json({ allow: false, group: 'g1' }), { kind: 'refuse' }],
    ['says 401', json({ allow: true }, 401), { kind: 'refuse' }],
    ['says 403 without a body', (response) => response.writeHead(403).end(), { kind: 'refuse' }],
    ['says 500', json({ allow: true }, 500), silent],
    ['says 404', json({ allow: false }, 404), silent],
    ['says 201', json({ allow: true }, 201), silent],
    ['says 204', (response) => response.writeHead(204).end(), silent],
    ['sends elsewhere', (response) => response.writeHead(307, { location: '/yes' }).end(), silent],
    ['says nothing', (response) => response.end(), silent],
    ['says no JSON', (response) => response.end('allow'), silent],
    ['says null', json(null), silent],
    ['says a list', json([{ allow: true }]), silent],
    ['says something else', json({ result: 'allow' }), silent],
    ['says allow in words', json({ allow: 'true' }), silent],
    ['says allow as a number', json({ allow: 1 }), silent],
    ['names a group that is none', json({ allow: true, group: 'a/b' }), silent],
    ['names a group that is no text', json({ allow: true, group: ['g'] }), silent],
    ['names a user that is empty', json({ allow: true, user: '' }), silent],
    ['names a user that is no name', json({ allow: true, user: 'a\u0000' }), silent],
    ['names a user that is too long', json({ allow: true, user: 'x'.repeat(257) }), silent],
    ['hangs up', (response) => response.destroy(), silent],
    [
      'hangs up in the middle',
      (response) => void response.write('{"allow"', () => response.destroy()),
      silent,
    ],
    ['is no HTTP', (response) => void response.socket!.end('SSH-2.0-x\r\n'), silent],
    ['says too much', json({ allow: true, more: 'x'.repeat(20_000) }), silent],
    [
      'says headers without end',
      (response) =>
        void response.socket!.write(`HTTP/1.1 200 OK\r\n${`x: ${'y'.repeat(1000)}\r\n`.repeat(200)}`),
      silent,
    ],
  ])('whose hook %s', async (_, answer, expected) => {
    server.answer = answer;
    expect(await open().ask(question())).toEqual(expected);
  });

  test('whose hook never ends what it says is without an answer in time', async () => {
    server.answer = (response) => {
      const timer = setInterval(() => response.write(' '), 5);
      response.on('close', () => clearInterval(timer));
    };
    const hook = open();
    const asked = hook.ask(question());
    await waitFor(() => server.questions.length === 1, { what: 'the question' });
    clock.advance(2000);
    expect(await asked).toEqual(silent);
    await waitFor(() => server.sockets.size === 0, { what: 'the connection to be ended' });
  });

  test.each<[string, Answer]>([
    ['says nothing', never],
    ['announces much', (response) => void response.writeHead(200, { 'content-length': 1e9 }).write('{')],
    ['refuses by a status and never ends it', (response) => void response.writeHead(500).write('x')],
  ])('whose hook %s is without an answer in time', async (_, answer) => {
    server.answer = answer;
    const hook = open();
    const asked = hook.ask(question());
    await waitFor(() => server.questions.length === 1, { what: 'the question' });
    clock.advance(2000);
    expect(await asked).toEqual(silent);
  });

  test('whose hook says 403 and never ends it is refused all the same', async () => {
    server.answer = (response) => void response.writeHead(403).write('x');
    const asked = open('timeoutMs: 50ms', { time: systemClock }).ask(question());
    expect(await asked).toEqual({ kind: 'refuse' });
  });

  test('whose hook is not there is without an answer', async () => {
    await server.close();
    expect(await open().ask(question())).toEqual(silent);
  });

  test('is asked once more when a kept connection turns out to be closed', async () => {
    const hook = open('cacheMs: 0s');
    await hook.ask(question());
    server.answer = (response) => {
      server.answer = json({ allow: true, user: 'second' });
      response.socket!.destroy();
    };
    expect(await hook.ask(question())).toEqual(allow('second'));
  });
});

describe('answers', () => {
  test('hold for cacheMs, by client id, user and password, whatever the address', async () => {
    const hook = open('cacheMs: 60s');
    const asked = async (more: Partial<HookQuestion> = {}) => {
      await hook.ask(question(more));
      return server.questions.length;
    };
    expect(await asked()).toBe(1);
    expect(await asked({ address: '192.0.2.2' })).toBe(1);
    expect(await asked({ clientId: 'c2' })).toBe(2);
    expect(await asked({ username: 'bob' })).toBe(3);
    expect(await asked({ password: Buffer.from('x') })).toBe(4);
    expect(await asked({ password: undefined })).toBe(5);
    expect(await asked({ clientId: 'c1a', username: 'lice' })).toBe(6);
    clock.advance(59_000);
    expect(await asked()).toBe(6);
    clock.advance(1000);
    expect(await asked()).toBe(7);
    expect(hook.counters).toEqual({ requests: 7, silent: 0, remembered: 2, stale: 0 });
  });

  test('that refuse hold as well, and go when the next one allows', async () => {
    const hook = open('cacheMs: 60s');
    server.answer = json({ allow: false });
    for (let i = 0; i < 3; i++) expect(await hook.ask(question())).toEqual({ kind: 'refuse' });
    expect(server.questions).toHaveLength(1);
    expect(hook.isProven(question())).toBe(false);
    clock.advance(60_000);
    server.answer = json({ allow: true });
    expect(await hook.ask(question())).toEqual(allow());
    expect(hook.isProven(question())).toBe(true);
    clock.advance(60_000);
    expect(hook.isProven(question())).toBe(false);
    server.answer = json({ allow: false });
    expect(await hook.ask(question())).toEqual({ kind: 'refuse' });
    expect(await hook.ask(question())).toEqual({ kind: 'refuse' });
    expect(server.questions).toHaveLength(3);
  });

  test('are not remembered when there was none', async () => {
    const hook = open('cacheMs: 60s');
    server.answer = json({}, 500);
    expect(await hook.ask(question())).toEqual(silent);
    server.answer = json({ allow: true });
    expect(await hook.ask(question())).toEqual(allow());
  });

  test('to equal questions at the same time are one', async () => {
    const hook = open('cacheMs: 0s');
    const answers = await Promise.all(Array.from({ length: 100 }, () => hook.ask(question())));
    expect(answers).toEqual(Array(100).fill(allow()));
    expect(server.questions).toHaveLength(1);
  });
});

describe('a hook that falls silent', () => {
  const fallSilent = async (yaml: string, before: Answer) => {
    const hook = open(`cacheMs: 60s, ${yaml}`);
    server.answer = before;
    await hook.ask(question());
    server.answer = json({}, 503);
    clock.advance(60_000);
    return hook;
  };

  test('refuses, if the settings say so', async () => {
    const hook = await fallSilent('silent: refuse', json({ allow: true }));
    expect(await hook.ask(question())).toEqual(silent);
  });

  test('is held to its last answer, if the settings say so, up to staleMs', async () => {
    const hook = await fallSilent('silent: last-answer, staleMs: 1h', json({ allow: true, group: 'g' }));
    expect(await hook.ask(question())).toEqual(allow(undefined, 'g'));
    expect(await hook.ask(question({ clientId: 'new' }))).toEqual(silent);
    clock.advance(3_540_000);
    expect(await hook.ask(question())).toEqual(silent);
    expect(hook.counters).toMatchObject({ stale: 1, silent: 3 });
  });

  test('is held to its refusal as well', async () => {
    const hook = await fallSilent('silent: last-answer', json({ allow: false }));
    expect(await hook.ask(question())).toEqual({ kind: 'refuse' });
  });

  test('is held to its last answer only, not to one before it', async () => {
    const hook = await fallSilent('silent: last-answer', json({ allow: true }));
    for (const allowed of [false, true, false]) {
      server.answer = json({ allow: allowed });
      await hook.ask(question());
      server.answer = json({}, 503);
      clock.advance(60_000);
      expect(await hook.ask(question())).toEqual(allowed ? allow() : { kind: 'refuse' });
    }
  });

  test('is told once, and once when it answers again, without anybody’s password or the key of its URL', async () => {
    const hook = await fallSilent('silent: refuse', json({ allow: true }));
    for (let i = 0; i < 5; i++) await hook.ask(question());
    server.answer = json({ allow: true });
    for (let i = 0; i < 5; i++) await hook.ask(question({ clientId: `${i}` }));
    expect(logged.map((line) => JSON.parse(line)).map(({ level, msg }) => `${level} ${msg}`)).toEqual([
      'error the access hook gives no usable answer: clients are refused',
      'info the access hook answers again',
    ]);
    expect(logged[0]).toContain('status 503');
    expect(logged.join('')).not.toMatch(/ssword-1|k1/);
  });
});

describe('what the log says of a hook that falls silent', () => {
  const told = () =>
    logged.splice(0).map((line) => {
      const { level, msg, reason } = JSON.parse(line);
      return [level, msg, reason].join(' | ');
    });
  let asked = 0;
  async function ask(hook: AuthHook, answer: Answer): Promise<void> {
    server.answer = answer;
    await hook.ask(question({ clientId: `${asked++}` }));
  }
  const html: Answer = (response) => response.end('<html>');
  const BAD = 'error | the access hook gives no usable answer: clients are refused';

  test('has each new reason, at most every ten seconds, the latest then, and a known one once', async () => {
    const hook = open();
    await ask(hook, json({}, 500));
    expect(told()).toEqual([`${BAD} | status 500`]);
    await ask(hook, html);
    await ask(hook, json({ allow: 'true' }));
    expect(told()).toEqual([]);
    clock.advance(10_000);
    expect(told()).toEqual([`${BAD} | its answer has an "allow" that is neither true nor false`]);
    clock.advance(10_000);
    for (let i = 0; i < 3; i++) await ask(hook, json({ allow: 'true' }));
    expect(told()).toEqual([]);
    await ask(hook, html);
    expect(told()).toEqual([`${BAD} | its answer is not JSON`]);
    await ask(hook, json({}, 500));
    await ask(hook, json({ allow: true }));
    expect(told()).toEqual(['info | the access hook answers again | ']);
    clock.advance(10_000);
    expect(told()).toEqual([]);
  });

  test('is that it does not answer only when it does not', async () => {
    const hook = open();
    await ask(hook, (response) => response.destroy());
    expect(told()).toEqual([expect.stringContaining('the access hook does not answer: clients are refused')]);
    clock.advance(10_000);
    await ask(hook, json({ allow: true, more: 'x'.repeat(20_000) }));
    expect(told()).toEqual([expect.stringContaining(BAD)]);
  });

  test('is not that those have a last answer who have none', async () => {
    await ask(open('silent: last-answer'), json({}, 500));
    expect(told()).toEqual([
      'error | the access hook gives no usable answer: clients with a last answer are held to it, others are refused | status 500',
    ]);
  });
});

describe('many questions', () => {
  test('are 16 requests at a time over kept connections', async () => {
    let [atOnce, most] = [0, 0];
    server.answer = (response) => {
      most = Math.max(most, ++atOnce);
      setImmediate(() => {
        atOnce--;
        json({ allow: true })(response, {});
      });
    };
    const hook = open();
    const answers = await Promise.all(
      Array.from({ length: 500 }, (_, i) => hook.ask(question({ clientId: `c${i}` }))),
    );
    expect(answers).toEqual(Array(500).fill(allow()));
    expect(most).toBeLessThanOrEqual(16);
    expect(server.connections).toBeLessThanOrEqual(16);
  });

  test('are busy beyond what may wait, from who asks most; others are not', async () => {
    server.answer = never;
    const hook = open();
    const flood = Array.from({ length: 5200 }, (_, i) =>
      hook.ask(question({ clientId: `f${i}`, address: '203.0.113.1' })),
    );
    const other = hook.ask(question({ clientId: 'other' }));
    await waitFor(() => server.questions.length === 16, { what: '16 requests' });
    expect(hook.busy).toBe(185);
    server.answer = json({ allow: true });
    clock.advance(1000);
    for (const socket of server.sockets) socket.destroy();
    expect(await other).toEqual(allow());
    await hook.close();
    expect((await Promise.all(flood)).filter(({ kind }) => kind === 'busy').length).toBeGreaterThan(185);
  });
});

describe('closing', () => {
  test('ends what is under way and what waits, and leaves no connection', async () => {
    server.answer = never;
    const hook = open();
    const asked = Array.from({ length: 20 }, (_, i) => hook.ask(question({ clientId: `${i}` })));
    await waitFor(() => server.questions.length === 16, { what: '16 requests' });
    await hook.close();
    const kinds = (await Promise.all(asked)).map(({ kind }) => kind);
    expect(kinds).toEqual([...Array(16).fill('silent'), ...Array(4).fill('busy')]);
    await waitFor(() => server.sockets.size === 0, { what: 'connections to be closed' });
    expect(await hook.ask(question({ clientId: 'late' }))).toEqual({ kind: 'busy' });
    expect(clock.timers).toBe(0);
    expect(logged).toEqual([]);
  });
});

describe('an authenticator with a hook', () => {
  const attempt = (username: string, password?: string) => ({
    ...question({ clientId: 'c', username }),
    password: password === undefined ? undefined : Buffer.from(password),
    certificate: null,
  });
  const openWith = async (yaml = '') => {
    const access = settingsOf(yaml || 'timeoutMs: 2s');
    const groups = { g: { users: [], clientIds: ['*'], tenant: '', weight: 1 } };
    const authenticator = new Authenticator({
      access: { ...access, groups },
      clock,
      log: log(),
      audit: { write: () => {} },
    });
    await authenticator.start();
    return { authenticator, access: { ...access, groups } };
  };

  test.each<[string, Answer, unknown]>([
    ['lets in', json({ allow: true }), { user: 'alice', group: 'default', source: 'hook' }],
    [
      'lets in under another name',
      json({ allow: true, user: 'u', group: 'g' }),
      { user: 'u', group: 'g', source: 'hook' },
    ],
    ['refuses', json({ allow: false }), 'hook-refused'],
    ['is silent', json({}, 500), 'hook-silent'],
    ['names a group that the settings do not have', json({ allow: true, group: 'other' }), 'unknown-group'],
  ])('that %s', async (_, answer, expected) => {
    server.answer = answer;
    const { authenticator } = await openWith();
    await using _stopped = authenticator;
    const verified = await authenticator.verify(attempt('alice', 'x'));
    expect(verified.kind === 'accept' ? verified.identity : verified.reason).toEqual(expected);
  });

  test('refuses with the reason for which there is no answer', async () => {
    server.answer = json({}, 500);
    const { authenticator } = await openWith();
    await using _stopped = authenticator;
    const verified = await authenticator.verify(attempt('alice', 'x'));
    expect(verified).toEqual({ kind: 'refuse', reason: 'hook-silent', detail: 'status 500' });
  });

  test('does not ask it about clients without a name', async () => {
    const { authenticator } = await openWith();
    await using _stopped = authenticator;
    expect(await authenticator.verify(attempt('', 'x'))).toEqual({ kind: 'refuse', reason: 'unknown-user' });
    expect(server.questions).toEqual([]);
  });

  test('knows what is proven by it', async () => {
    const { authenticator } = await openWith();
    await using _stopped = authenticator;
    expect(authenticator.isProven(attempt('alice', 'x'))).toBe(false);
    await authenticator.verify(attempt('alice', 'x'));
    expect(authenticator.isProven(attempt('alice', 'x'))).toBe(true);
    expect(authenticator.isProven(attempt('alice', 'y'))).toBe(false);
  });

  test('asks another one when the settings name another, and lets the old one answer first', async () => {
    const { authenticator, access } = await openWith();
    await using _stopped = authenticator;
    const answers: (() => void)[] = [];
    server.answer = (response) => void answers.push(() => json({ allow: true })(response, {}));
    const before = authenticator.verify(attempt('alice', 'x'));
    await waitFor(() => answers.length === 1, { what: 'the first question' });
    await authenticator.reconfigure({ ...access, hook: { ...access.hook, timeoutMs: 3000 } });
    server.answer = json({ allow: true, user: 'second' });
    const after = await authenticator.verify(attempt('alice', 'x'));
    expect(after).toMatchObject({ kind: 'accept', identity: { user: 'second' } });
    answers[0]();
    expect(await before).toMatchObject({ kind: 'accept', identity: { user: 'alice' } });
    await authenticator.reconfigure({ ...access, hook: { ...access.hook, url: '' } });
    expect(await authenticator.verify(attempt('alice', 'x'))).toEqual({
      kind: 'refuse',
      reason: 'unknown-user',
    });
  });
});
