// The file of the audit log and its older ones: audit.log, audit.log.1, audit.log.2 ..., the higher the older. What
// is appended is in it as a whole or not at all; a file that somebody moves or deletes is begun anew; a line that a
// power cut has torn is ended, so that the next one stands on its own.

import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

const NEWLINE = 0x0a;
/** Readable for its last byte; not waiting for a reader, should it be a pipe. */
const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | (constants.O_NONBLOCK ?? 0);

export interface AuditFileOptions {
  file: string;
  fileBytesMax: number;
  /** The current one included. */
  filesMax: number;
}

export class AuditFile {
  readonly #options: AuditFileOptions;
  #handle: FileHandle | undefined;
  #inode = 0;
  #bytes = 0;

  constructor(options: AuditFileOptions) {
    this.#options = options;
  }

  /** `text` is whole lines. Rejects with the system's error, and has then written none of it. One at a time. */
  async append(text: string): Promise<void> {
    const bytes = Buffer.from(text);
    let handle = await this.#current();
    if (this.#bytes > 0 && this.#bytes + bytes.length > this.#options.fileBytesMax) {
      await this.#rotate();
      handle = await this.#current();
    }
    try {
      await handle.appendFile(bytes);
      this.#bytes += bytes.length;
    } catch (error) {
      // A part of it may have found room; taking it away needs none.
      await handle.truncate(this.#bytes).catch(() => {}); // else the next one begins a new line
      await this.close();
      throw error;
    }
  }

  /** With what was written on disk. Repeatable. */
  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.datasync().catch(() => {}); // full or gone: told when it was written
    await handle?.close();
  }

  async #current(): Promise<FileHandle> {
    const { file } = this.#options;
    if (this.#handle !== undefined) {
      const found = await stat(file).catch(() => undefined); // moved or deleted
      if (found?.ino === this.#inode) return this.#handle;
      await this.close();
    }
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const handle = await open(file, FLAGS, 0o600);
    try {
      const found = await handle.stat();
      if (!found.isFile()) throw new Error(`${file} is not a file`);
      [this.#bytes, this.#inode] = [found.size, found.ino];
      await this.#endTornLine(handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
    this.#handle = handle;
    return handle;
  }

  async #endTornLine(handle: FileHandle): Promise<void> {
    if (this.#bytes === 0) return;
    const last = Buffer.alloc(1);
    await handle.read(last, 0, 1, this.#bytes - 1);
    if (last[0] === NEWLINE) return;
    await handle.appendFile('\n');
    this.#bytes++;
  }

  async #rotate(): Promise<void> {
    await this.close();
    const { file, filesMax } = this.#options;
    const older = (await readdir(dirname(file)))
      .map((name) => /^\.([1-9]\d{0,4})$/.exec(suffixOf(name, basename(file)))?.[1])
      .filter((number) => number !== undefined)
      .map(Number)
      .sort((a, b) => b - a);
    for (const number of older) {
      if (number >= filesMax - 1) await rm(`${file}.${number}`, { force: true });
      else await rename(`${file}.${number}`, `${file}.${number + 1}`);
    }
    if (filesMax === 1) await rm(file, { force: true });
    else await rename(file, `${file}.1`);
  }
}

function suffixOf(name: string, base: string): string {
  return name.startsWith(base) ? name.slice(base.length) : '';
}
