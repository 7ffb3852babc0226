// Chooses the view: live in a terminal, plain lines when the output is none, JSON when asked for.

import { type Clock, systemClock } from '../../config/clock.ts';
import { JsonView } from './json-view.ts';
import { LiveView } from './live-view.ts';
import { PlainView } from './plain-view.ts';
import type { RunView, ViewOutput } from './run-view.ts';

export type ViewKind = 'live' | 'plain' | 'json';

export interface ViewOptions {
  clock?: Clock;
  /** NO_COLOR (no-color.org) and TERM are looked at. */
  env?: NodeJS.ProcessEnv;
}

export function createView(kind: ViewKind, out: ViewOutput, options: ViewOptions = {}): RunView {
  const { clock = systemClock, env = process.env } = options;
  switch (kind) {
    case 'live':
      return new LiveView(out, clock, { isColoured: (env.NO_COLOR ?? '') === '' });
    case 'plain':
      return new PlainView(out);
    case 'json':
      return new JsonView(out);
  }
}

/** What suits `out` when nothing else was asked for. */
export function viewKindFor(out: ViewOutput, env: NodeJS.ProcessEnv = process.env): ViewKind {
  return out.isTTY === true && env.TERM !== 'dumb' ? 'live' : 'plain';
}
