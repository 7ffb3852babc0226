// A run as one page of HTML that needs nothing else: no network, no fonts, no file beside it. It reads from the verdict
// down: what failed, the figures, the checks, how it went over time, who, what exactly, and on what. The pictures hold
// thinned samples; all of them are in the JSON report.

import { renderChart, type TimeFrame } from './chart-svg.ts';
import { READ_OUT_SCRIPT, readOutData } from './html-script.ts';
import {
  checksSection,
  countsSection,
  examplesSection,
  faultsSection,
  groupsSection,
  latencySection,
  type ReportSource,
  remarksSection,
  systemSection,
  tilesSection,
  verdictSection,
} from './html-sections.ts';
import { STYLE } from './html-style.ts';
import { escapeHtml, jsonForScript } from './html-text.ts';
import type { Report } from './report.ts';
import { type Chart, chartsOf } from './report-charts.ts';

export function renderHtml(report: Report, source: ReportSource = {}): string {
  const charts = chartsOf(report);
  const frame = timeFrameOf(report);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(`${report.scenario.name}: ${report.verdict}`)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${[
  verdictSection(report, source),
  tilesSection(report),
  checksSection(report),
  remarksSection(report),
  examplesSection(report),
  chartsSection(charts, frame),
  faultsSection(report),
  latencySection(report),
  groupsSection(report),
  countsSection(report),
  systemSection(report, source),
]
  .filter((section) => section !== '')
  .join('\n')}
<footer>Made by the Sluice simulator. Latencies count from when a message was due, not from when it was sent.</footer>
</main>
${charts.length === 0 ? '' : scripts(charts, frame.durationMs)}
</body>
</html>
`;
}

function chartsSection(charts: readonly Chart[], frame: TimeFrame): string {
  if (charts.length === 0)
    return '<h2>Over time</h2><p class="soft">The run ended before the first sample.</p>';
  return `<h2>Over time</h2>\n${charts.map((chart, i) => renderChart(chart, frame, i)).join('\n')}`;
}

function scripts(charts: readonly Chart[], durationMs: number): string {
  const data = jsonForScript(readOutData(charts, durationMs));
  return `<script type="application/json" id="chart-data">${data}</script>\n<script>${READ_OUT_SCRIPT}</script>`;
}

/** The last sample may lie behind the end of the run, by the time it took to stop. */
function timeFrameOf({ run, samples, phases, faults }: Report): TimeFrame {
  const durationMs = Math.max(run.durationMs, samples[samples.length - 1]?.atMs ?? 0, 1);
  return { durationMs, phases, faults };
}
