// The page's only script: the read-out that all charts share. Where the pointer stands over one of them, a line stands
// in each, and the legends give the values there - of the point next to it, as drawn. Without a script the legends keep
// their maxima and nothing else is missing.

import { formatClock } from './number-format.ts';
import type { Chart } from './report-charts.ts';

/** For `chart-data`: times in ms and values per line, as drawn. Three figures are all that is shown. */
export function readOutData(charts: readonly Chart[], durationMs: number): unknown {
  return {
    durationMs: Math.round(durationMs),
    // Runs of less than a minute are read to the tenth of a second.
    tenths: formatClock(durationMs).startsWith('0:'),
    charts: charts.map(({ unit, lines }) => ({
      unit,
      lines: lines.map(({ points }) => ({
        t: points.map(({ atMs }) => Math.round(atMs)),
        v: points.map(({ value }) => (value === null ? null : Number(value.toPrecision(6)))),
      })),
    })),
  };
}

export const READ_OUT_SCRIPT = `
(() => {
  const data = JSON.parse(document.getElementById('chart-data').textContent);
  const plots = [...document.querySelectorAll('.plot')];
  const outputs = new Map([...document.querySelectorAll('[data-value]')].map((o) => [o.dataset.value, o]));
  const resting = new Map([...outputs].map(([id, o]) => [id, o.textContent]));
  const three = (v) => (Math.abs(v) >= 100 ? Math.round(v).toLocaleString('en-GB') : Number(v.toPrecision(3)));
  const say = (v, unit) => {
    if (v === null) return '\\u2013';
    if (unit === 'count') return Math.round(v).toLocaleString('en-GB');
    if (unit === 'rate') return three(v) + '/s';
    return v < 999.5 ? three(v) + ' ms' : three(v / 1000) + ' s';
  };
  const two = (v) => String(v).padStart(2, '0');
  const clock = (ms) => {
    const s = Math.floor(ms / 1000);
    const rest = two(s % 60) + (data.tenths ? '.' + Math.floor((ms % 1000) / 100) : '');
    const h = Math.floor(s / 3600);
    return h > 0 ? h + ':' + two(Math.floor(s / 60) % 60) + ':' + rest : Math.floor(s / 60) + ':' + rest;
  };
  const nearest = (times, at) => {
    let low = 0;
    let high = times.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] < at) low = middle + 1;
      else high = middle;
    }
    return low > 0 && at - times[low - 1] < times[low] - at ? low - 1 : low;
  };
  const show = (share) => {
    const at = share * data.durationMs;
    for (const plot of plots) {
      const cursor = plot.querySelector('.cursor');
      cursor.hidden = false;
      cursor.style.left = share * 100 + '%';
      cursor.classList.toggle('left', share > 0.9);
      cursor.firstElementChild.textContent = clock(at);
    }
    data.charts.forEach(({ unit, lines }, c) => lines.forEach(({ t, v }, l) => {
      outputs.get(c + '-' + l).textContent = say(v[nearest(t, at)], unit);
    }));
  };
  const hide = () => {
    for (const plot of plots) plot.querySelector('.cursor').hidden = true;
    for (const [id, output] of outputs) output.textContent = resting.get(id);
  };
  for (const plot of plots) {
    const follow = (event) => {
      const box = plot.getBoundingClientRect();
      show(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
    };
    plot.addEventListener('pointermove', follow);
    plot.addEventListener('pointerdown', follow);
    plot.addEventListener('pointerleave', hide);
  }
})();
`;
