import { describe, expect, test } from 'vitest';
import { said } from './relations-said.ts';

const files = 'certFile: c, keyFile: k';
const tls = (settings: string) =>
  `access: {anonymous: true}\nlisteners: [{type: tls, ${files}, ${settings}}]`;
const rules = 'rules: [{publish: ["#"]}]';

describe('certificates', () => {
  test.each(['required', 'optional'])('of clients are %s: an authority is needed', (wanted) => {
    const grants = `access: {anonymous: true, ${rules}}\n`;
    const asking = `listeners: [{type: wss, ${files}, clientCertificates: ${wanted}}]`;
    expect(said(grants + asking)).toEqual([
      `problem listeners.0.caFile: is empty, but clientCertificates is ${wanted}`,
    ]);
    expect(said(grants + asking.replace('wss,', 'wss, caFile: a,'))).toEqual([]);
  });

  test('a revocation list is that of an authority', () => {
    expect(said(tls('crlFile: r'))).toEqual([
      'problem listeners.0.crlFile: is set, but caFile is empty: there is no authority whose list it could be',
    ]);
  });

  test('an authority without anybody whose certificate it could judge is odd', () => {
    expect(said(tls('caFile: a'))).toEqual([
      'warning listeners.0.caFile: is not used: clientCertificates is none, so that no device is asked for one',
    ]);
  });
});

describe('passwords over a network, unencrypted,', () => {
  const users = `access: {usersFile: u, ${rules}}\n`;

  test.each(['tcp', 'ws'])('are odd with %s', (type) => {
    expect(said(`${users}listeners: [{type: ${type}, host: 10.0.0.1}]`)).toEqual([
      'warning listeners.0.host: passwords come to 10.0.0.1 unencrypted',
    ]);
  });

  test('are as odd when a hook judges them', () => {
    const text = `access: {hook: {url: "https://h"}, ${rules}}\nlisteners: [{type: tcp, host: "::"}]`;
    expect(said(text)).toEqual(['warning listeners.0.host: passwords come to :: unencrypted']);
  });

  test.each([
    ['on this machine only', `${users}listeners: [{type: tcp, host: localhost}, {type: ws, host: "::1"}]`],
    ['with TLS', `${users}listeners: [{type: tls, host: 0.0.0.0, ${files}}]`],
    [
      'with certificates instead',
      `access: {${rules}}\nlisteners: [{type: tls, host: 0.0.0.0, ${files}, caFile: a, clientCertificates: required}]`,
    ],
  ])('%s: nothing is said', (_, text) => {
    expect(said(text)).toEqual([]);
  });
});
