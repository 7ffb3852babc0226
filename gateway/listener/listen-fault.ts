// Why a port could not be opened, in words that say what to do.

import { SluiceError } from '../../config/errors.ts';
import type { ListenerConfig } from '../../config/settings.ts';

/** PORT_TAKEN, PORT_FORBIDDEN, ADDRESS_UNKNOWN or LISTEN_FAILED. */
export function listenFault(error: NodeJS.ErrnoException, config: ListenerConfig): SluiceError {
  const where = `${config.host}:${config.port}`;
  const fault = (code: string, message: string, hint: string) =>
    new SluiceError(code, message, { kind: 'fatal', hint, cause: error });
  switch (error.code) {
    case 'EADDRINUSE':
      return fault(
        'PORT_TAKEN',
        `${where} is taken by another program`,
        'Stop it, or set another listeners[].port.',
      );
    case 'EACCES':
      return fault(
        'PORT_FORBIDDEN',
        `not allowed to listen on ${where}`,
        'Take a port above 1023, or grant CAP_NET_BIND_SERVICE.',
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return fault(
        'ADDRESS_UNKNOWN',
        `this machine has no address ${config.host}`,
        'Set listeners[].host to an address of this machine.',
      );
    default:
      return fault(
        'LISTEN_FAILED',
        `cannot listen on ${where}: ${error.message}`,
        'Check listeners[] in the configuration.',
      );
  }
}
