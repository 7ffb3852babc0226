// Changes to the text of a password file: a user's line is put, replaced or taken out, every other line stays as it
// is and where it is, comments included.

import { userLine } from './password-file.ts';

export interface UserEntry {
  readonly user: string;
  readonly hash: string;
  /** Undefined: as before; empty: none. */
  readonly group: string | undefined;
}

/** `isNew`: the file did not have the user. The text must be without problems. */
export function withUser(text: string, { user, hash, group }: UserEntry): { text: string; isNew: boolean } {
  const lines = linesOf(text);
  const at = lines.findIndex((line) => userOf(line) === user);
  const oldGroup = at < 0 ? '' : (userLine(lines[at])!.split(':')[2] ?? '');
  const newGroup = group ?? oldGroup;
  const entry = `${user}:${hash}${newGroup === '' ? '' : `:${newGroup}`}`;
  const ending = lines.some((line) => line.endsWith('\r')) ? '\r' : '';
  if (at < 0) lines.push(entry + ending);
  else lines[at] = entry + ending;
  return { text: `${lines.join('\n')}\n`, isNew: at < 0 };
}

/** Undefined when the file does not have the user. */
export function withoutUser(text: string, user: string): string | undefined {
  const lines = linesOf(text);
  const at = lines.findIndex((line) => userOf(line) === user);
  if (at < 0) return undefined;
  lines.splice(at, 1);
  return lines.map((line) => `${line}\n`).join('');
}

/** A last line without an end is a line all the same. */
function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

function userOf(line: string): string | undefined {
  return userLine(line.replace(/^\ufeff/, ''))?.split(':', 1)[0];
}
