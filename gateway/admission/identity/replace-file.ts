// Replaces a file as a whole: whoever reads it sees the old one or the new one, a power cut included. The new one
// is written beside it under a name that also keeps a second writer out, brought to disk, and given the old one's
// rights and owner before it takes its place; so a file that an administrator edits stays readable for the
// gateway's own user.

import { type FileHandle, open, realpath, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { messageOf, SluiceError } from '../../../config/errors.ts';

const NEW_FILE_MODE = 0o600;
const LOCK_TRIES = 40;
const LOCK_PAUSE_MS = 50;

/**
 * Writes what `change` makes; it reads the old file itself, at a time when nobody else writes. Throws
 * FILE_NOT_REPLACED, and whatever `change` throws; the old file is then as it was.
 */
export async function replaceFile(path: string, change: () => Promise<string>): Promise<void> {
  const target = await realpath(path).catch(() => path); // a link stays one
  const draft = `${target}.new`;
  const file = await openDraft(draft);
  try {
    try {
      const text = await change();
      await file.writeFile(text);
      await keepRights(file, target);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, target);
  } catch (error) {
    await unlink(draft).catch(() => {}); // it was renamed, or there is nothing more to be done
    throw error instanceof SluiceError ? error : notReplaced(path, error);
  }
  await syncDirectory(dirname(target));
}

async function openDraft(draft: string): Promise<FileHandle> {
  for (let tries = 1; ; tries++) {
    try {
      return await open(draft, 'wx', NEW_FILE_MODE);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw notReplaced(draft, error);
      if (tries === LOCK_TRIES) {
        throw new SluiceError('FILE_NOT_REPLACED', `${draft} is there already`, {
          kind: 'transient',
          hint: 'Somebody else is changing the file, or was interrupted: then remove it and try again',
        });
      }
      await pause(LOCK_PAUSE_MS);
    }
  }
}

async function keepRights(file: FileHandle, target: string): Promise<void> {
  const old = await stat(target).catch(() => undefined);
  if (old === undefined) return;
  const own = await file.stat();
  if (own.uid !== old.uid || own.gid !== old.gid) await file.chown(old.uid, old.gid);
  await file.chmod(old.mode & 0o777);
}

/** The new name is on disk as well. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r').catch(() => undefined); // Windows has no such thing
  await directory?.sync().catch(() => {});
  await directory?.close();
}

function notReplaced(path: string, cause: unknown): SluiceError {
  return new SluiceError('FILE_NOT_REPLACED', `cannot write ${path}: ${messageOf(cause)}`, {
    kind: 'permanent',
    hint: 'Nothing was changed; make sure that its directory is there and yours to write',
    cause,
  });
}
