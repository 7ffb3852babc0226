// One chart as HTML: the lines are SVG stretched to whatever width there is (strokes keep theirs), every text is HTML
// placed in shares of the plot, so that it is as readable on a phone as on a wall. Above the plot stand the phases and
// the faults; where a phase starts, or something changes within one, is a thin line; a fault is a band, or a line where
// it took no time.

import { type Axis, linearAxis, logAxis, timeAxis } from './axis.ts';
import { escapeHtml, percent } from './html-text.ts';
import { formatClock, formatCompact, formatCount, formatMs, formatRate } from './number-format.ts';
import type { FaultSpan, PhaseSpan } from './report.ts';
import { type Chart, extentOf, type Line, type Unit } from './report-charts.ts';
import type { Point } from './thin.ts';

/** What all charts of a report share. */
export interface TimeFrame {
  durationMs: number;
  phases: readonly PhaseSpan[];
  faults: readonly FaultSpan[];
}

/** The drawing's own units; it is stretched to the plot. */
const WIDTH = 1000;
const HEIGHT = 100;
const LABEL_ROWS_MAX = 2;
/** A label gets at least this share of the width before the next one in its row. */
const LABEL_SHARE_MIN = 0.09;

export function renderChart(chart: Chart, frame: TimeFrame, index: number): string {
  const time = timeAxis(frame.durationMs);
  const values = valueAxis(chart);
  const title = escapeHtml(chart.title);
  const svg = [
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${title}">`,
    ...frame.faults.map((fault) => band(fault, time, frame.durationMs)),
    ...values.ticks.map((tick) => horizontal(values.share(tick))),
    ...frame.phases
      .filter(({ fromMs }) => fromMs > 0)
      .map(({ name, fromMs }) => vertical(time.share(fromMs), 'phase', titleOf(name))),
    ...chart.lines.map((line) => `<path class="line ${line.hue}" d="${pathOf(line.points, time, values)}"/>`),
    '</svg>',
  ].join('');
  const legends = chart.lines.map((line, i) => legend(line, chart.unit, `${index}-${i}`));
  const valueLabels = values.ticks.map((tick) => valueLabel(tick, chart.unit, values));
  return `<figure class="chart">
<figcaption><b>${title}</b> <span class="note">${escapeHtml(chart.note)}</span>
<span class="legend">${legends.join('')}</span></figcaption>
<div class="frame"><div class="above">${phaseLabels(frame, time)}${faultLabels(frame, time)}</div>
<div class="plot" data-chart="${index}">${svg}${valueLabels.join('')}
<div class="cursor" hidden><span></span></div></div>
<div class="time">${timeLabels(time)}</div></div>
</figure>`;
}

function valueAxis({ lines, scale, unit }: Chart): Axis {
  const { lowest, highest } = extentOf(lines);
  if (scale === 'log' && highest > 0) return logAxis(lowest, highest);
  return linearAxis(highest, unit === 'count' ? 1 : 0);
}

function pathOf(points: readonly Point[], time: Axis, values: Axis): string {
  let path = '';
  let isDown = false;
  for (const [i, { atMs, value }] of points.entries()) {
    if (value === null) {
      isDown = false;
      continue;
    }
    const at = `${round(time.share(atMs) * WIDTH)} ${round((1 - values.share(value)) * HEIGHT)}`;
    path += `${isDown ? 'L' : 'M'}${at}`;
    // A point between two gaps: a line of no length, which the round cap makes a dot.
    if (!isDown && (points[i + 1]?.value ?? null) === null) path += `L${at}`;
    isDown = true;
  }
  return path;
}

function band({ name, fromMs, toMs }: FaultSpan, time: Axis, durationMs: number): string {
  const title = titleOf(name);
  const [from, to] = [time.share(fromMs), time.share(toMs ?? durationMs)];
  if (to <= from) return vertical(from, 'fault', title);
  const [x, width] = [round(from * WIDTH), round((to - from) * WIDTH)];
  return `<rect class="fault" x="${x}" y="0" width="${width}" height="${HEIGHT}">${title}</rect>`;
}

function titleOf(name: string): string {
  return `<title>${escapeHtml(name)}</title>`;
}

function horizontal(share: number): string {
  const y = round((1 - share) * HEIGHT);
  return `<line class="grid" x1="0" x2="${WIDTH}" y1="${y}" y2="${y}"/>`;
}

function vertical(share: number, kind: string, inside = ''): string {
  const x = round(share * WIDTH);
  return `<line class="${kind}" x1="${x}" x2="${x}" y1="0" y2="${HEIGHT}">${inside}</line>`;
}

function legend({ name, hue, points }: Line, unit: Unit, id: string): string {
  const highest = points.reduce((most, { value }) => Math.max(most, value ?? 0), 0);
  const value = `<output data-value="${id}">max ${valueText(highest, unit)}</output>`;
  return `<span class="key"><i class="${hue}"></i>${escapeHtml(name)} ${value}</span>`;
}

/** Each has the room up to the next one: a mark within a phase has no length of its own. */
function phaseLabels({ phases, durationMs }: TimeFrame, time: Axis): string {
  const inOrder = [...phases].sort((a, b) => a.fromMs - b.fromMs);
  const labels = inOrder.map(({ name, fromMs }, i) => {
    const from = time.share(fromMs);
    const width = time.share(inOrder[i + 1]?.fromMs ?? durationMs) - from;
    return label({ name, from, width, kind: 'phase' });
  });
  return `<div class="names">${labels.join('')}</div>`;
}

/** Each label has the room up to the next one in its row; where there is none it is left to the band's title. */
function faultLabels({ faults }: TimeFrame, time: Axis): string {
  const rows: { name: string; from: number }[][] = [];
  for (const { name, fromMs } of [...faults].sort((a, b) => a.fromMs - b.fromMs)) {
    const from = time.share(fromMs);
    const free = rows.find((row) => from - row[row.length - 1].from >= LABEL_SHARE_MIN);
    if (free !== undefined) free.push({ name, from });
    else if (rows.length < LABEL_ROWS_MAX) rows.push([{ name, from }]);
  }
  return rows
    .map((row) => {
      // A last label close to the right edge stands to the left of its line, where there is room for two.
      const last = row.length - 1;
      const gap = row[last].from - (row[last - 1]?.from ?? 0);
      const isTurned = row[last].from > 0.8 && gap >= 3 * LABEL_SHARE_MIN;
      const labels = row.map(({ name, from }, i) => {
        if (i === last && isTurned) return label({ name, from, width: gap / 2, kind: 'fault last' });
        const room = (row[i + 1]?.from ?? 1) - from;
        return label({ name, from, width: i === last - 1 && isTurned ? room / 2 : room, kind: 'fault' });
      });
      return `<div class="names">${labels.join('')}</div>`;
    })
    .join('');
}

function label({
  name,
  from,
  width,
  kind,
}: {
  name: string;
  from: number;
  width: number;
  kind: string;
}): string {
  const text = escapeHtml(name);
  const place = kind === 'fault last' ? `right:${percent(1 - from)}` : `left:${percent(from)}`;
  return `<span class="${kind}" style="${place};max-width:${percent(width)}" title="${text}">${text}</span>`;
}

function valueLabel(tick: number, unit: Unit, values: Axis): string {
  const text = unit === 'ms' ? tickOfMs(tick) : formatCompact(tick);
  return `<span class="value" style="bottom:${percent(values.share(tick))}">${text}</span>`;
}

/** Seconds stay seconds, so that the ticks of an axis can be compared. */
function tickOfMs(ms: number): string {
  return ms < 1000 ? formatMs(ms) : `${formatCompact(ms / 1000)} s`;
}

function timeLabels(time: Axis): string {
  const withTenths = (time.ticks[1] ?? 1000) < 1000;
  return time.ticks
    .map((tick) => `<span style="left:${percent(time.share(tick))}">${formatClock(tick, withTenths)}</span>`)
    .join('');
}

function valueText(value: number, unit: Unit): string {
  if (unit === 'ms') return formatMs(value);
  return unit === 'rate' ? formatRate(value) : formatCount(value);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
