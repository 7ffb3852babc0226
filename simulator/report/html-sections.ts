// The parts of the page that are words and tables: verdict, tiles, checks, faults, groups, latencies, counts, examples.
// Each returns HTML, or nothing where there is nothing to say. Everything that was given by a user is escaped here.

import { escapeHtml } from './html-text.ts';
import { figuresOf, otherCountsOf } from './key-figures.ts';
import { formatClock, formatCount, formatLatency, formatMs, NOTHING } from './number-format.ts';
import type { LatencySummary, Report } from './report.ts';
import { checkWord, exampleWords, NOT_VERIFIED_SENTENCE, verdictSentence } from './verdict-words.ts';

/** What a report cannot know: how to do it again. */
export interface ReportSource {
  /** The command line. */
  command?: string;
  /** When the run's payloads believe it to be, where the scenario says so. */
  startTime?: string;
  /** A scenario file that does the same again. */
  scenarioText?: string;
}

const CHECK_WORDS = { ok: 'held', failed: 'failed', open: 'not judged' } as const;

export function verdictSection(report: Report, { startTime }: ReportSource): string {
  const { scenario, run, verdict, verified } = report;
  const facts = [
    `run <code>${escapeHtml(run.id)}</code>`,
    `seed <code>${run.seed}</code>`,
    ...(startTime === undefined ? [] : [`startTime <code>${escapeHtml(startTime)}</code>`]),
    escapeHtml(run.startedAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')),
    formatMs(run.durationMs),
  ];
  const unverified = verified ? '' : `\n<p class="unverified open">${NOT_VERIFIED_SENTENCE}</p>`;
  return `<header class="verdict ${verdict}">
<div class="word">${verdict.toUpperCase()}</div>
<h1>${escapeHtml(scenario.name)}</h1>
<p class="sentence">${escapeHtml(verdictSentence(report))}</p>${unverified}
<p>${escapeHtml(scenario.why)}</p>
<p class="soft">${facts.join(' · ')}</p>
</header>`;
}

export function tilesSection(report: Report): string {
  const tiles = figuresOf(report).map(
    ({
      name,
      figure,
      notes,
      isBad,
    }) => `<div class="tile${isBad ? ' wrong' : ''}"><div class="name">${name}</div>
<div class="figure">${escapeHtml(figure)}</div>
${notes.map((note) => `<div class="sub">${escapeHtml(note)}</div>`).join('')}</div>`,
  );
  return `<section class="tiles" aria-label="Key figures">${tiles.join('\n')}</section>`;
}

export function checksSection({ checks }: Report): string {
  if (checks.length === 0) return '';
  const rows = checks.map((check) => {
    const word = checkWord(check);
    return `<tr><td class="state ${word}">${CHECK_WORDS[word]}</td><td><code>${escapeHtml(check.name)}</code></td>
<td class="wanted">${escapeHtml(check.wanted)}</td><td>${escapeHtml(check.got)}</td></tr>`;
  });
  return `<h2>Checks</h2>
<div class="scroll"><table class="checks"><thead><tr><th></th><th>check</th><th>wanted</th><th>got</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div>`;
}

export function remarksSection({ remarks }: Report): string {
  if (remarks.length === 0) return '';
  const items = remarks.map((remark) => `<li>${escapeHtml(remark)}</li>`);
  return `<h2>Remarks</h2><ul>${items.join('')}</ul>`;
}

export function examplesSection({ totals }: Report): string {
  const kinds = Object.entries(totals.examples).filter(([, examples]) => examples.length > 0);
  if (kinds.length === 0) return '';
  const entries = kinds.map(([kind, examples]) => {
    const items = examples.map((example) => `<div>${escapeHtml(example)}</div>`);
    return `<dt>${escapeHtml(exampleWords(kind))}</dt><dd>${items.join('')}</dd>`;
  });
  return `<h2>First examples, by device and sequence</h2><dl class="examples">${entries.join('\n')}</dl>`;
}

export function faultsSection({ faults }: Report): string {
  if (faults.length === 0) return '';
  const rows = faults.map(({ name, fromMs, toMs }) => {
    const length = toMs === null ? 'until the end' : toMs > fromMs ? formatMs(toMs - fromMs) : 'an instant';
    return `<tr><td class="n">${formatClock(fromMs)}</td><td>${escapeHtml(name)}</td><td>${length}</td></tr>`;
  });
  return `<h2>Faults</h2>
<div class="scroll"><table class="checks"><thead><tr><th class="n">at</th><th>what</th><th>for</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div>`;
}

export function latencySection({ totals }: Report): string {
  const rows: [string, LatencySummary][] = [
    ['acknowledgement', totals.ack],
    ['end to end', totals.endToEnd],
  ];
  if (totals.liveWhileDraining !== null)
    rows.push(['end to end, live while draining', totals.liveWhileDraining]);
  const body = rows.map(([name, summary]) => [
    cell(name),
    number(formatCount(summary.count)),
    ...(['p50', 'p90', 'p99', 'p999', 'max'] as const).map((figure) =>
      number(formatLatency(summary, figure)),
    ),
  ]);
  const heads = ['messages', 'p50', 'p90', 'p99', 'p99.9', 'max'];
  return `<h2>Latencies of the whole run</h2>\n${numbersTable('', heads, body)}`;
}

const GROUP_COUNTS = [
  ['devices', 'devices'],
  ['connected', 'connected'],
  ['sent', 'sent'],
  ['acked', 'acked'],
  ['refused', 'refused'],
  ['skipped', 'skipped'],
  ['delivered', 'delivered'],
  ['lost', 'lost'],
  ['reconnects', 'reconnects'],
  ['connectRefusals', 'conn. refused'],
] as const;

/** What only the upstream end can tell. */
const UPSTREAM_COUNTS = new Set<string>(['delivered', 'lost']);

export function groupsSection({ groups, verified }: Report): string {
  if (groups.length === 0) return '';
  const heads = [...GROUP_COUNTS.map(([, words]) => words), 'ack p99', 'end to end p99'];
  const body = groups.map((group) => [
    cell(group.name),
    ...GROUP_COUNTS.map(([name]) => {
      if (!verified && UPSTREAM_COUNTS.has(name)) return number(NOTHING);
      return number(formatCount(group[name]), name === 'lost' && group.lost > 0);
    }),
    number(formatLatency(group.ack, 'p99')),
    number(formatLatency(group.endToEnd, 'p99')),
  ]);
  return `<h2>Groups</h2>\n${numbersTable('group', heads, body)}`;
}

/** Names on the left, numbers in every other column. */
function numbersTable(first: string, heads: readonly string[], body: readonly string[][]): string {
  const headCells = heads.map((head) => `<th class="n">${head}</th>`);
  return `<div class="scroll"><table><thead><tr><th>${first}</th>${headCells.join('')}</tr></thead>
<tbody>${body.map((cells) => `<tr>${cells.join('')}</tr>`).join('\n')}</tbody></table></div>`;
}

function cell(text: string): string {
  return `<td>${escapeHtml(text)}</td>`;
}

function number(text: string, isBad = false): string {
  return `<td class="n${isBad ? ' bad' : ''}">${escapeHtml(text)}</td>`;
}

export function countsSection(report: Report): string {
  const entries = otherCountsOf(report).map(
    ([name, value]) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`,
  );
  return `<h2>Everything counted</h2><dl class="counts">${entries.join('\n')}</dl>`;
}

export function systemSection({ system, scenario }: Report, source: ReportSource): string {
  const facts: [string, string][] = [
    ['Gateway', system.gateway],
    ['Upstream', system.upstream],
    ['Machine', system.machine],
    ['Node.js of the simulator', system.node],
  ];
  if (scenario.file !== null) facts.push(['Scenario', scenario.file]);
  const list = facts.map(([name, value]) => `<dt>${name}</dt><dd>${escapeHtml(value)}</dd>`).join('');
  const command = source.command === undefined ? '' : `<pre>${escapeHtml(source.command)}</pre>`;
  const text =
    source.scenarioText === undefined
      ? ''
      : `<details open><summary>The scenario as it was run</summary>
<pre>${escapeHtml(source.scenarioText)}</pre></details>`;
  return `<h2>System under test</h2><dl>${list}</dl>${command}${text}`;
}
