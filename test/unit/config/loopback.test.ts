import { expect, test } from 'vitest';
import { isLoopback } from '../../../config/loopback.ts';

test.each([
  '127.0.0.1',
  '127.1.2.3',
  '::1',
  '[::1]',
  '0:0:0:0:0:0:0:1',
  '::1%lo',
  '::ffff:127.0.0.1',
  'localhost',
  'LocalHost',
  'localhost.',
  'mqtt.localhost',
])('%s is this machine', (host) => {
  expect(isLoopback(host)).toBe(true);
});

test.each([
  '0.0.0.0',
  '::',
  '10.0.0.1',
  '::2',
  '::ffff:10.0.0.1',
  'example.com',
  '127.example.com',
  '127.0.0.1.example.com',
  'localhost.example.com',
  'notlocalhost',
  '',
])('%s is not, or not for sure', (host) => {
  expect(isLoopback(host)).toBe(false);
});
