import { describe, expect, test } from 'vitest';
import { renderHtml } from '../../../../simulator/report/html-report.ts';
import type { Report } from '../../../../simulator/report/report.ts';
import { sampleReport } from '../../../support/sample-report.ts';

const VOID = new Set(['meta', 'br', 'hr', 'img', 'input', 'link']);

interface Tag {
  name: string;
  isEnd: boolean;
  isSelfClosed: boolean;
  attributes: string[];
}

/** Tags outside of script and style, with the names of their attributes. */
function tagsOf(html: string): Tag[] {
  const markup = html.replace(/(<(script|style)[^>]*>)[\s\S]*?(?=<\/\2>)/g, '$1');
  return [...markup.matchAll(/<(\/?)([a-zA-Z][\w-]*)((?:[^>"']|"[^"]*"|'[^']*')*?)(\/?)>/g)].map((match) => ({
    name: match[2],
    isEnd: match[1] === '/',
    isSelfClosed: match[4] === '/',
    attributes: [...match[3].matchAll(/([^\s="'/]+)(?:="[^"]*")?/g)].map(([, name]) => name),
  }));
}

function unbalanced(html: string): string[] {
  const open: string[] = [];
  const wrong: string[] = [];
  for (const { name, isEnd, isSelfClosed } of tagsOf(html)) {
    if (isSelfClosed || VOID.has(name)) continue;
    if (!isEnd) open.push(name);
    else if (open.pop() !== name) wrong.push(`</${name}>`);
  }
  return [...wrong, ...open];
}

/** Every text of the report becomes `text`, except what is one of a closed set. */
function withTexts<T>(value: T, text: string): T {
  if (typeof value === 'string') return text as T;
  if (Array.isArray(value)) return value.map((item) => withTexts(item, text)) as T;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, item]) => [
    key,
    key === 'verdict' ? item : withTexts(item, text),
  ]);
  return Object.fromEntries(entries) as T;
}

describe('the page', () => {
  test('closes every tag it opens', () => {
    expect(unbalanced('<p><b></p>')).not.toEqual([]);
    expect(
      unbalanced(renderHtml(sampleReport(), { command: 'sluice simulate', scenarioText: 'a: 1' })),
    ).toEqual([]);
    expect(unbalanced(renderHtml(sampleReport({ samples: [], faults: [], groups: [], checks: [] })))).toEqual(
      [],
    );
  });

  test('asks for nothing over the network', () => {
    const html = renderHtml(sampleReport());
    expect(html).not.toMatch(/https?:|@import|url\(/);
    expect(tagsOf(html).flatMap(({ attributes }) => attributes)).not.toContain('src');
    expect(tagsOf(html).flatMap(({ attributes }) => attributes)).not.toContain('href');
  });

  test('escapes everything that was given by a user', () => {
    const hostile = `</script></style><img src=x onerror="alert(1)">' onload='alert(2)" onclick="&\u0007`;
    const report: Report = withTexts(sampleReport(), hostile);
    report.totals.examples = { [hostile]: [hostile], lost: [hostile] };
    const html = renderHtml(report, { command: hostile, startTime: hostile, scenarioText: hostile });
    const tags = tagsOf(html);
    expect(unbalanced(html)).toEqual([]);
    expect(tags.filter(({ name }) => name === 'img')).toEqual([]);
    expect(tags.flatMap(({ attributes }) => attributes).filter((name) => name.startsWith('on'))).toEqual([]);
    expect(html.match(/<\/script>/g)).toHaveLength(2);
    expect(html.match(/<\/style>/g)).toHaveLength(1);
    expect(html).not.toContain('\u0007');
    expect(html).toContain('&lt;/script&gt;&lt;/style&gt;&lt;img src=x onerror=&quot;');
  });

  test('says first which checks did not hold', () => {
    const html = renderHtml(sampleReport());
    expect(html).toContain('1 of 6 checks did not hold: loss.');
    expect(html.indexOf('did not hold')).toBeLessThan(html.indexOf('class="tiles"'));
  });

  test('says how to do it again: the seed, the start time where it was set, and the scenario', () => {
    const head = (html: string) => html.slice(html.indexOf('<header'), html.indexOf('</header>'));
    expect(head(renderHtml(sampleReport()))).toContain('seed <code>42</code>');
    expect(head(renderHtml(sampleReport()))).not.toContain('startTime');
    const source = { startTime: '2026-01-01T00:00:00Z', scenarioText: 'name: again' };
    const html = renderHtml(sampleReport(), source);
    expect(head(html)).toContain('startTime <code>2026-01-01T00:00:00Z</code>');
    expect(html).toContain('<pre>name: again</pre>');
  });

  test('draws each fault in each chart, an instant as a line and one that lasts to the end as a band', () => {
    const html = renderHtml(
      sampleReport({
        faults: [
          { name: 'kill', fromMs: 60_000, toMs: 60_000 },
          { name: 'slow link', fromMs: 90_000, toMs: null },
        ],
      }),
    );
    const charts = html.match(/<figure/g)?.length ?? 0;
    expect(charts).toBe(6);
    expect(html.match(/<line class="fault" x1="500" x2="500"/g)).toHaveLength(charts);
    expect(html.match(/<rect class="fault" x="750" y="0" width="250"/g)).toHaveLength(charts);
  });

  test('draws what changes within a phase as a thin line with a name, not as a band', () => {
    const report = sampleReport({ faults: [] });
    const mark = { name: 'rate x3', fromMs: 30_000, toMs: 30_000 };
    const html = renderHtml({ ...report, phases: [...report.phases, mark] });
    const charts = html.match(/<figure/g)?.length ?? 0;
    expect(html.match(/<line class="phase" x1="250" x2="250"[^>]*><title>rate x3</g)).toHaveLength(charts);
    expect(html).not.toContain('<rect');
    const labels = html.match(/<span class="phase" style="left:25%;max-width:[^"]*" title="rate x3">/g);
    expect(labels).toHaveLength(charts);
    expect(labels?.[0]).not.toContain('max-width:0%');
  });

  test('says at its head that nobody listened at the upstream end, and has dashes for what only it knows', () => {
    const head = (html: string) => html.slice(html.indexOf('<header'), html.indexOf('</header>'));
    expect(head(renderHtml(sampleReport()))).not.toContain('Not verified');
    const html = renderHtml(sampleReport({ verified: false }));
    expect(head(html)).toContain('Not verified');
    expect(html).toMatch(/lost with QoS 0<\/dt><dd>–</);
    expect(html).not.toMatch(/<td class="n bad">/);
  });

  test('holds no number that is none', () => {
    const report = sampleReport();
    report.totals.drainMs = null;
    report.totals.liveWhileDraining = null;
    const html = renderHtml({
      ...report,
      run: { ...report.run, durationMs: 0 },
      samples: report.samples.slice(0, 1),
    });
    expect(html).not.toMatch(/NaN|Infinity|undefined/);
  });

  test('breaks a line where nothing was measured', () => {
    const report = sampleReport();
    const values = [5, 6, 0, 7, 0, 8, 9];
    const samples = values.map((ms, i) => ({
      ...report.samples[0],
      atMs: i * 20_000,
      ackP50Ms: ms,
      ackP99Ms: ms,
    }));
    const html = renderHtml({ ...report, samples });
    const paths = [...html.matchAll(/<path class="line blue" d="([^"]*)"/g)].map(([, d]) => d);
    expect(paths.some((d) => d.match(/M/g)?.length === 3)).toBe(true);
  });
});
