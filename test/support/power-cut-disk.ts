// A disk that forgets, at a power cut, what was not synced: powercut.c, preloaded into the gateway, keeps a
// shadow of the data directory that holds only synced bytes; after the process was killed, `cut` puts the
// shadow in its place.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasTool } from './mosquitto.ts';

const SOURCE = fileURLToPath(new URL('../../simulator/system/powercut.c', import.meta.url));

export function hasCompiler(): boolean {
  return hasTool('cc', 'gcc');
}

export class PowerCutDisk {
  /** Of the process whose data is at stake. */
  readonly env: Readonly<Record<string, string>>;
  readonly #dataDir: string;
  readonly #shadow: string;

  /** Before the process starts. Its files are beside the data directory, on the same file system. */
  constructor(dataDir: string) {
    const library = join(dataDir, '../powercut.so');
    execFileSync('cc', ['-O2', '-shared', '-fPIC', '-o', library, SOURCE, '-ldl', '-lpthread']);
    this.#dataDir = dataDir;
    this.#shadow = join(dataDir, '../shadow');
    this.env = { LD_PRELOAD: library, POWERCUT_DIR: dataDir, POWERCUT_SHADOW: this.#shadow };
    this.#beginShadow();
  }

  /** The process is dead: from now on the data directory is what a power cut would have left of it. */
  cut(): void {
    rmSync(this.#dataDir, { recursive: true });
    renameSync(this.#shadow, this.#dataDir);
    this.#beginShadow();
  }

  #beginShadow(): void {
    mkdirSync(this.#dataDir, { recursive: true });
    cpSync(this.#dataDir, this.#shadow, { recursive: true });
  }
}
