// Loads the configuration: file, then environment, then every rule; either a Config, or every problem at
// once. Nothing is thrown for what a person can get wrong, and nothing is created or changed on disk.
// Not here: printing (check.ts), and whether paths, hosts and certificates exist: their users find out, and
// `sluice check` asks them.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { messageOf } from './errors.ts';
import type { Finding } from './finding.ts';
import { fileLimits } from './limits.ts';
import { relationFindings } from './relations.ts';
import { applyEnvironment, type Environment } from './schema/environment.ts';
import type { Origin, Problem } from './schema/problem.ts';
import { type ReadSettings, readSettings } from './schema/reader.ts';
import { parseYaml, type YamlSource } from './schema/yaml-source.ts';
import { type Config, type SinkConfig, settings } from './settings.ts';
import { defaultTopic } from './sink-relations.ts';

export type { Problem } from './schema/problem.ts';

export interface LoadOptions {
  /** Path of the YAML file. Without file and text the defaults are taken. */
  readonly file?: string;
  /** The YAML itself, instead of a file. */
  readonly text?: string;
  readonly env: Environment;
}

export type LoadResult =
  | {
      readonly ok: true;
      readonly config: Config;
      /** Odd, but it runs. */
      readonly warnings: readonly Problem[];
      /** Where settings came from: the file, then the names of environment variables. */
      readonly sources: readonly string[];
      /** Where each setting was written. */
      readonly origins: ReadonlyMap<string, Origin>;
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export function loadConfig({ file, text, env }: LoadOptions): LoadResult {
  const source = text === undefined && file !== undefined ? readText(file) : { text: text ?? '' };
  if ('problem' in source) return { ok: false, problems: [source.problem] };
  const yaml = parseText(source.text);
  if (yaml.raw === undefined) return { ok: false, problems: yaml.problems };
  const overlay = applyEnvironment(settings, yaml.raw, env);
  const read = readSettings(settings, overlay.raw);
  const config = withTopics(read.value as Config);
  const findings = relationFindings(config).filter((finding) => !restsOnBroken(finding, read.broken));
  const refusals = findings.filter((finding) => finding.severity === 'problem');
  const problems = [
    ...yaml.problems,
    ...overlay.problems,
    ...read.problems.filter((problem) => !yaml.problems.some((earlier) => samePlace(earlier, problem))),
    ...refusals.map((finding) => problemOf(finding, read.origins)),
  ];
  if (problems.length > 0) return { ok: false, problems: inOrder(problems) };
  const warnings = findings.map((finding) => problemOf(finding, read.origins));
  const sources = [...(file === undefined ? [] : [file]), ...overlay.variables];
  return { ok: true, config, warnings: inOrder(warnings), sources, origins: read.origins };
}

function parseText(text: string): YamlSource {
  if (text.length <= fileLimits.bytesMax) return parseYaml(text);
  return { raw: undefined, problems: [tooLarge()] };
}

function tooLarge(): Problem {
  const message = `is larger than ${fileLimits.bytesMax / 1024}KiB`;
  return { path: '', message, hint: 'Name a configuration file of Sluice.' };
}

/** At most one byte more than allowed is read, whatever the path leads to. */
function readText(file: string): { text: string } | { problem: Problem } {
  const refused = (message: string, hint: string) => ({ problem: { path: '', message, hint } });
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    if (fstatSync(descriptor).isDirectory()) {
      return refused('is a directory, not a file', 'Name the file in it, such as config.yaml.');
    }
    const buffer = Buffer.alloc(fileLimits.bytesMax + 1);
    let length = 0;
    while (length < buffer.length) {
      const count = readSync(descriptor, buffer, length, buffer.length - length, null);
      if (count === 0) break;
      length += count;
    }
    if (length > fileLimits.bytesMax) return { problem: tooLarge() };
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, length)) };
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      return refused('there is no such file', 'Name an existing file with -c, or copy config/example.yaml.');
    }
    if (code === 'EACCES' || code === 'EPERM') {
      return refused('may not be read', 'Let the user that runs the gateway read it.');
    }
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
      return refused('is not UTF-8 text', 'Save it as UTF-8.');
    }
    return refused(`could not be read: ${messageOf(thrown)}`, 'Name a readable file with -c.');
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Fills in the topic of sinks that leave it to their format. */
function withTopics(config: Config): Config {
  const sinks = Object.entries(config.sinks).map(([name, sink]): [string, SinkConfig] => [
    name,
    sink.topic === '' ? { ...sink, topic: defaultTopic(sink.format) } : sink,
  ]);
  return { ...config, sinks: Object.fromEntries(sinks) };
}

/** True when a finding is about a value that is only a stand-in for one that was refused already. */
function restsOnBroken(finding: Finding, broken: ReadSettings['broken']): boolean {
  const { paths, alsoOn = [] } = finding;
  // The root itself: nothing is known.
  if (broken.has('')) return true;
  return [...paths, ...alsoOn].some((path) =>
    [...broken].some((bad) => path === bad || path.startsWith(`${bad}.`) || bad.startsWith(`${path}.`)),
  );
}

/** At the place of the setting that it is about. */
export function problemOf(finding: Finding, origins: ReadonlyMap<string, Origin>): Problem {
  const { message, hint, paths } = finding;
  const written = paths.find((path) => origins.has(path));
  return { path: paths[0], message, hint, ...(written === undefined ? {} : origins.get(written)) };
}

/** What YAML could not give a value is reported once, not again for being empty. */
function samePlace(a: Problem, b: Problem): boolean {
  return a.path === b.path && a.line === b.line && a.column === b.column;
}

/** In the order of the file, then what is not in it: the environment and defaults. */
function inOrder(problems: readonly Problem[]): Problem[] {
  const position = ({ line, column }: Problem) => (line ?? 1e9) * 1e6 + (column ?? 0);
  return problems.toSorted((a, b) => position(a) - position(b));
}
