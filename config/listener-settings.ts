// Settings of `listeners`: where devices connect, and for TLS what the gateway shows and what it asks of
// them. The files are looked at while the gateway runs (access.reloadMs); who a client certificate stands for
// is said here, because it is a matter of the authority that this listener trusts.

import { limits } from './limits.ts';
import { int, list, object, oneOf, string, union } from './schema/field.ts';

/** An address to listen on or to connect to. */
export const host = (help: string) =>
  string(help, {
    default: '127.0.0.1',
    pattern: '[A-Za-z0-9._:%-]{1,253}',
    form: 'an address or a host name; 0.0.0.0 is every address of this machine',
  });

export const port = (value: number) =>
  int('TCP port; 0 takes any free one.', { ...limits.port, default: value });

const connections = int('Most connections at a time; more are closed at once.', {
  ...limits.connections,
  default: 10_000,
});

const path = string('Path of the WebSocket.', {
  default: '/mqtt',
  pattern: '/[A-Za-z0-9._~/-]{0,254}',
  form: 'a path that begins with a slash, such as /mqtt',
});

const pemFile = (help: string, optional: boolean) =>
  string(help, { ...(optional ? { default: '' } : {}), lengthMax: 4096, form: 'the path of a file' });

const tls = {
  certFile: pemFile('PEM file with the certificate of the gateway, and what leads to its authority.', false),
  keyFile: pemFile('PEM file with the private key of the certificate.', false),
  caFile: pemFile('PEM file with the authorities that sign client certificates.', true),
  crlFile: pemFile('PEM file with the revocation lists of those authorities.', true),
  clientCertificates: oneOf('Whether devices show a certificate: optional also lets in those without one.', {
    values: ['none', 'optional', 'required'],
    default: 'none',
  }),
  identity: oneOf(
    'What of a client certificate is the user name: its common name, or the first such name in it.',
    {
      values: ['cn', 'san-dns', 'san-email', 'san-uri'],
      default: 'cn',
    },
  ),
} as const;

const listener = union('One place where devices connect.', {
  tcp: object('MQTT over TCP.', {
    host: host('Address to listen on.'),
    port: port(1883),
    maxConnections: connections,
  }),
  ws: object('MQTT over WebSocket.', {
    host: host('Address to listen on.'),
    port: port(8083),
    path,
    maxConnections: connections,
  }),
  tls: object('MQTT over TLS.', {
    host: host('Address to listen on.'),
    port: port(8883),
    maxConnections: connections,
    ...tls,
  }),
  wss: object('MQTT over WebSocket over TLS.', {
    host: host('Address to listen on.'),
    port: port(8084),
    path,
    maxConnections: connections,
    ...tls,
  }),
});

export const listeners = list('Where devices connect.', {
  item: listener,
  default: [{ type: 'tcp', host: '127.0.0.1', port: 1883, maxConnections: 10_000 }],
  lengthMin: 1,
  lengthMax: limits.listenersMax,
});
