// The end of a run as lines of plain text, for terminals and logs: verdict, checks, figures, examples, remarks. No line
// is wider than `LINE_COLUMNS_MAX`; what does not fit is cut with an ellipsis, and stands whole in the JSON report.

import { figuresOf } from './key-figures.ts';
import { formatMs } from './number-format.ts';
import type { Check, Report } from './report.ts';
import { clip, padEnd, padStart, printable, textWidth } from './text-width.ts';
import { checkWord, exampleWords, NOT_VERIFIED_SENTENCE, verdictSentence } from './verdict-words.ts';

export const LINE_COLUMNS_MAX = 100;
const CHECK_WORDS = { ok: 'ok', failed: 'FAILED', open: 'open' } as const;
const CHECK_COLUMNS_MAX = 32;

export function reportLines(report: Report): string[] {
  const { scenario, run, verdict, verified } = report;
  return [
    `${verdict.toUpperCase()}  ${scenario.name}: ${verdictSentence(report)}`,
    `run ${run.id}, seed ${run.seed}, ${formatMs(run.durationMs)}, ${report.system.gateway}`,
    ...(verified ? [] : ['', ...wrapped(NOT_VERIFIED_SENTENCE)]),
    ...block('checks', checkLines(report.checks)),
    ...block('totals', figureLines(report)),
    ...block('first examples', exampleLines(report.totals.examples)),
    ...block('remarks', report.remarks.flatMap(wrapped)),
  ].map((line) => clip(printable(line), LINE_COLUMNS_MAX));
}

function block(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];
}

function checkLines(checks: readonly Check[]): string[] {
  const cells = checks.map((check) => [
    CHECK_WORDS[checkWord(check)],
    clip(printable(check.name), CHECK_COLUMNS_MAX),
    `wanted ${clip(printable(check.wanted), CHECK_COLUMNS_MAX)}`,
    `got ${printable(check.got)}`,
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => textWidth(row[column]))));
  return cells.map((row) => row.map((cell, column) => padEnd(cell, widths[column] ?? 0)).join('  '));
}

function figureLines(report: Report): string[] {
  const figures = figuresOf(report);
  const nameWidth = Math.max(...figures.map(({ name }) => name.length));
  const width = Math.max(...figures.map(({ figure }) => figure.length));
  return figures.map(
    ({ name, figure, notes }) =>
      `${padEnd(name, nameWidth)}  ${padStart(figure, width)}  ${notes.join(', ')}`,
  );
}

function exampleLines(examples: Record<string, string[]>): string[] {
  return Object.entries(examples)
    .filter(([, list]) => list.length > 0)
    .flatMap(([kind, list]) => [`${exampleWords(kind)}:`, ...list.map((example) => `  ${example}`)]);
}

/** On as many lines as it takes: half a remark can say the opposite of the whole. */
function wrapped(remark: string): string[] {
  const lines = [''];
  for (const word of printable(remark).split(' ')) {
    const last = lines.at(-1) as string;
    if (textWidth(last) + 1 + textWidth(word) <= LINE_COLUMNS_MAX - 2 || last === '')
      lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
    else lines.push(`  ${word}`);
  }
  return lines;
}
