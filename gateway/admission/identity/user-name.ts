// What a user may be called, wherever his name comes from: a password file, a hook, a certificate.

export const userLengthMax = 256;

/** What is wrong with a name, as the end of a sentence; undefined when nothing is. */
export function userNameFault(user: string): string | undefined {
  if (user === '') return 'is empty';
  if (user.length > userLengthMax) return `has more than ${userLengthMax} characters`;
  // U+FFFD stands for what was no UTF-8.
  if (!user.isWellFormed() || user.includes('\ufffd')) return 'is not UTF-8';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (/[\u0000-\u001f\u007f-\u009f]/.test(user)) return 'has a control character';
  return undefined;
}
