// What is wrong with the files of a TLS listener: says which file, what is wrong with it, and what to do.

import { SluiceError } from '../../../config/errors.ts';

export interface TlsFaultOptions {
  /** Completes "`file` ...", such as "holds no certificate". */
  what: string;
  hint: string;
  cause?: unknown;
}

export type TlsFaultCode =
  | 'TLS_FILE_UNREADABLE'
  | 'TLS_FILE_NOT_PEM'
  | 'TLS_CERTIFICATE'
  | 'TLS_KEY'
  | 'TLS_KEY_MISMATCH'
  | 'TLS_AUTHORITIES'
  | 'TLS_REVOCATION_LIST'
  | 'TLS_CONTEXT';

export function tlsFault(
  code: TlsFaultCode,
  file: string,
  { what, hint, cause }: TlsFaultOptions,
): SluiceError {
  return new SluiceError(code, `${file} ${what}`, { kind: 'fatal', hint, cause });
}
