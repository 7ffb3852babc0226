// Reads a PEM file (RFC 7468) into its blocks. What they hold is for others to say; here it is only told what is there
// instead when the wanted ones are not: the usual mistakes are two files mixed up and DER instead of PEM.

import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { tlsLimits } from '../../../config/limits.ts';
import { type TlsFaultCode, tlsFault } from './tls-fault.ts';

export interface PemBlock {
  /** As in its first line: "CERTIFICATE". */
  readonly label: string;
  /** With its first and last line. */
  readonly text: string;
}

export interface PemFile {
  readonly path: string;
  readonly blocks: readonly PemBlock[];
  /** Of all of the file. */
  readonly digest: string;
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;
const DER_SEQUENCE = 0x30;

/** Throws TLS_FILE_UNREADABLE or TLS_FILE_NOT_PEM. */
export function readPemFile(path: string): PemFile {
  const bytes = read(path);
  const blocks = Array.from(bytes.toString('latin1').matchAll(BLOCK), ([text, label]) => ({ label, text }));
  if (blocks.length > 0) return { path, blocks, digest: createHash('sha256').update(bytes).digest('hex') };
  if (bytes[0] === DER_SEQUENCE) {
    throw tlsFault('TLS_FILE_NOT_PEM', path, {
      what: 'is DER, not PEM',
      hint: 'Convert it: openssl x509, crl or pkey with -inform DER -in it and -out a new file.',
    });
  }
  throw tlsFault('TLS_FILE_NOT_PEM', path, {
    what: bytes.length === 0 ? 'is empty' : 'has no PEM in it: no line "-----BEGIN ...-----" with its end',
    hint: 'Write it anew, whole.',
  });
}

/** The blocks whose label ends so; throws `code` when there is none. */
export function blocksOf(file: PemFile, labelEnd: string, code: TlsFaultCode): readonly PemBlock[] {
  const found = file.blocks.filter(({ label }) => label.endsWith(labelEnd));
  if (found.length > 0) return found;
  const others = [...new Set(file.blocks.map(({ label }) => label))].join(', ');
  throw tlsFault(code, file.path, {
    what: `holds no ${labelEnd}, but ${others}`,
    hint: 'Check that the files of the listener are not mixed up.',
  });
}

function read(path: string): Buffer {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const { size } = fstatSync(file);
    if (size > tlsLimits.fileBytesMax)
      throw new Error(`it has ${size} bytes, more than ${tlsLimits.fileBytesMax}`);
    return readFileSync(file);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw tlsFault('TLS_FILE_UNREADABLE', path, { ...unreadable(code, message), cause });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function unreadable(code: string | undefined, message: string): { what: string; hint: string } {
  switch (code) {
    case 'ENOENT':
      return { what: 'does not exist', hint: 'Put it there, or set the right path in listeners[].' };
    case 'EACCES':
      return {
        what: 'may not be read by the gateway',
        hint: 'Give the user that the gateway runs as the right to.',
      };
    case 'EISDIR':
      return { what: 'is a directory', hint: 'Set the path of the file itself in listeners[].' };
    default:
      return { what: `cannot be read: ${message}`, hint: 'Check the path in listeners[], and the disk.' };
  }
}
