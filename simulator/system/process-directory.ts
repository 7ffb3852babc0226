// Where a process under test keeps its files: a directory that was given, which stays, or a temporary one, which goes
// when it is disposed.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export class ProcessDirectory implements Disposable {
  readonly path: string;
  readonly #isTemporary: boolean;

  constructor(name: string, given?: string) {
    this.#isTemporary = given === undefined;
    this.path = given === undefined ? mkdtempSync(join(tmpdir(), `sluice-${name}-`)) : resolve(given);
    mkdirSync(this.path, { recursive: true });
  }

  file(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    if (this.#isTemporary) rmSync(this.path, { recursive: true, force: true });
  }
}
