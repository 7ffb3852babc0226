// The live view: a frame that is redrawn in place at the foot of the terminal, while phases and faults scroll by above
// it. At most ten frames a second, none while the terminal is behind. The cursor is hidden while the view lives and is
// given back by disposal and by the end of the process, whatever ends it short of a signal that nobody handles.
//
// A terminal that changes its size wraps what is on it anew, each in its own way: then the screen is cleared and the
// last phases and faults are written again. Until it has told of its new size, lines are cut instead of wrapped.

import type { Clock, Timer } from '../../config/clock.ts';
import type { FaultSpan, PhaseSpan, Report } from '../report/report.ts';
import { reportLines } from '../report/report-lines.ts';
import { faultLine, phaseLine } from './event-lines.ts';
import { drawFrame, paintLine } from './live-frame.ts';
import { type Colour, type Paint, paintFor } from './paint.ts';
import type { LiveState, RunView, ViewOutput } from './run-view.ts';

const FRAME_EVERY_MS = 100;
const HISTORY_EVERY_MS = 1000;
const HISTORY_MAX = 300;
const COLUMNS_ASSUMED = 80;
const ROWS_ASSUMED = 24;
/** Phases and faults that are written again on a cleared screen. */
const EVENTS_KEPT_MAX = 8;

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const NO_WRAP = '\u001b[?7l';
const WRAP = '\u001b[?7h';
const CLEAR_SCREEN = '\u001b[H\u001b[2J';
const CLEAR_BELOW = '\u001b[J';
const CLEAR_LINE_END = '\u001b[K';

export class LiveView implements RunView {
  readonly #out: ViewOutput;
  readonly #clock: Clock;
  readonly #paint: Paint;
  readonly #history = { delivered: [] as number[], lag: [] as number[] };
  readonly #events: [Colour, string][] = [];
  readonly #onResize = () => this.#redraw();
  readonly #onExit = () => this[Symbol.dispose]();
  #state: LiveState | undefined;
  #historyAtMs = Number.NEGATIVE_INFINITY;
  #drawnLines = 0;
  #drawnAtMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #isDisposed = false;

  constructor(out: ViewOutput, clock: Clock, { isColoured }: { isColoured: boolean }) {
    this.#out = out;
    this.#clock = clock;
    this.#paint = paintFor(isColoured);
    out.on?.('resize', this.#onResize);
    process.once('exit', this.#onExit);
    out.write(HIDE_CURSOR);
  }

  phase(span: PhaseSpan): void {
    this.#log('dim', phaseLine(span));
  }

  fault(span: FaultSpan): void {
    this.#log(span.toMs === null || span.toMs === span.fromMs ? 'red' : 'green', faultLine(span));
  }

  sample(state: LiveState): void {
    if (this.#isDisposed) return;
    this.#state = state;
    this.#remember(state);
    const waitMs = this.#drawnAtMs + FRAME_EVERY_MS - this.#clock.monotonicMs();
    if (waitMs <= 0) this.#draw();
    else this.#timer ??= this.#clock.after(waitMs, () => this.#draw());
  }

  finish(report: Report): void {
    this.#timer?.clear();
    this.#timer = undefined;
    this.#state = undefined;
    const [verdict, ...lines] = reportLines(report);
    const colour = { pass: 'green', fail: 'red', inconclusive: 'yellow' } as const;
    const painted = lines.map((line) => this.#paint(lineColour(line), line));
    this.#out.write(
      `${this.#erase()}${[this.#paint(colour[report.verdict], verdict), ...painted].join('\n')}\n`,
    );
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#timer?.clear();
    this.#out.off?.('resize', this.#onResize);
    process.off('exit', this.#onExit);
    this.#out.write(`${'\n'.repeat(this.#drawnLines)}${SHOW_CURSOR}`);
    this.#drawnLines = 0;
  }

  /** The last column stays free: some terminals wrap when it is written to. */
  get #columns(): number {
    return Math.max(1, (this.#out.columns || COLUMNS_ASSUMED) - 1);
  }

  #remember({ sample, perSecond }: LiveState): void {
    if (sample.atMs < this.#historyAtMs + HISTORY_EVERY_MS) return;
    this.#historyAtMs = sample.atMs;
    for (const [values, value] of [
      [this.#history.delivered, perSecond.delivered],
      [this.#history.lag, sample.lag],
    ] as const) {
      values.push(value);
      if (values.length > HISTORY_MAX) values.shift();
    }
  }

  /** A line that stays, above the frame. */
  #log(colour: Colour, line: string): void {
    if (this.#isDisposed) return;
    this.#events.push([colour, line]);
    if (this.#events.length > EVENTS_KEPT_MAX) this.#events.shift();
    this.#out.write(`${this.#erase()}${this.#eventText([colour, line])}`);
    this.#draw();
  }

  #redraw(): void {
    if (this.#state === undefined || this.#isDisposed) return;
    const events = this.#events.map((event) => this.#eventText(event)).join('');
    this.#drawnLines = 0;
    this.#out.write(`${CLEAR_SCREEN}${events}`);
    this.#draw();
  }

  #eventText(event: [Colour, string]): string {
    return `${paintLine([event], { columns: this.#columns, paint: this.#paint })}\n`;
  }

  #draw(): void {
    this.#timer?.clear();
    this.#timer = undefined;
    if (this.#state === undefined || this.#isDisposed) return;
    this.#drawnAtMs = this.#clock.monotonicMs();
    if (this.#out.writableNeedDrain === true) return;
    const columns = this.#columns;
    // What is above the first row cannot be reached to be redrawn: a low terminal gets the upper part.
    const rows = Math.max(1, (this.#out.rows || ROWS_ASSUMED) - 1);
    const options = { columns, paint: this.#paint };
    const lines = drawFrame(this.#state, this.#history, options).slice(0, rows);
    const body = lines.map((line) => `${line}${CLEAR_LINE_END}\n`).join('');
    this.#out.write(`${NO_WRAP}\r${body}${CLEAR_BELOW}\u001b[${lines.length}A${WRAP}`);
    this.#drawnLines = lines.length;
  }

  #erase(): string {
    this.#drawnLines = 0;
    return `\r${CLEAR_BELOW}`;
  }
}

function lineColour(line: string): Colour {
  if (line.startsWith('  FAILED')) return 'red';
  return line.startsWith('  open') ? 'yellow' : 'plain';
}
