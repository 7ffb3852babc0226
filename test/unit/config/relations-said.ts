// What is said about a configuration file, as lines that tests can compare.

import { loadConfig } from '../../../config/load.ts';

/** Lines `severity path: message` about `text`, whole as it is. */
export function said(text: string): string[] {
  return found(text).map(({ severity, path, message }) => `${severity} ${path}: ${message}`);
}

export function hints(text: string): string[] {
  return found(text).map(({ hint }) => hint);
}

function found(text: string) {
  const result = loadConfig({ text, env: {} });
  const [severity, problems] = result.ok ? ['warning', result.warnings] : ['problem', result.problems];
  return problems.map((problem) => ({ severity, ...problem }));
}
