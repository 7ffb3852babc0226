// What of the totals is put first, and in which words: the page's tiles and the last lines in a terminal say the same.

import {
  formatBytes,
  formatCount,
  formatLatency,
  formatMs,
  formatRate,
  formatShare,
  NOTHING,
} from './number-format.ts';
import type { LatencySummary, Report, Totals } from './report.ts';

export interface KeyFigure {
  name: string;
  figure: string;
  /** What belongs to it, most important first. */
  notes: string[];
  /** Something that must not be. */
  isBad: boolean;
}

export function figuresOf({ totals, verified, run: { durationMs } }: Report): KeyFigure[] {
  const perSecond = durationMs > 0 ? (totals.sent * 1000) / durationMs : Number.NaN;
  const rate = `${formatRate(perSecond)} on average`;
  const upstream = upstreamFigures(totals);
  return [
    figure('sent', totals.sent, [rate, `${formatBytes(totals.payloadBytes)} of payload`]),
    figure('acked', totals.acked, ackNotes(totals)),
    ...(verified ? upstream : upstream.map(notVerified)),
    latencyFigure('ack p99', totals.ack),
    latencyFigure('end-to-end p99', totals.endToEnd),
    drainFigure(totals),
  ];
}

/** What only the upstream end can tell. */
function upstreamFigures(totals: Totals): KeyFigure[] {
  const { lost, lostQos0, duplicatesSameName, duplicatesNewName, reordered, namesReused } = totals;
  return [
    figure('delivered', totals.delivered, deliveredNotes(totals)),
    figure('lost', lost, ['acked, never delivered', ...some(lostQos0, 'of QoS 0')], lost > 0),
    figure('again, same name', duplicatesSameName, ['a consumer can tell']),
    figure('again, new name', duplicatesNewName, ['a consumer cannot tell'], duplicatesNewName > 0),
    figure(
      'reordered',
      reordered,
      ['within a device', ...some(namesReused, 'names used twice')],
      reordered + namesReused > 0,
    ),
  ];
}

function notVerified({ name }: KeyFigure): KeyFigure {
  return { name, figure: NOTHING, notes: ['nothing was verified'], isBad: false };
}

/** The counts that have no tile, and what they are; a dash where only the upstream end could have told. */
export function otherCountsOf({ totals, verified }: Report): [string, string][] {
  const far = (figure: string) => (verified ? figure : NOTHING);
  return [
    ['sent with QoS 0', formatCount(totals.sentQos0)],
    ['lost with QoS 0', far(formatCount(totals.lostQos0))],
    ['refused', formatCount(totals.refused)],
    ['sent, never answered', formatCount(totals.unacked)],
    ['skipped by devices', formatCount(totals.skipped)],
    ['delivered, never acked', far(formatCount(totals.deliveredUnacked))],
    ['names used twice', far(formatCount(totals.namesReused))],
    ['foreign messages', far(formatCount(totals.foreign))],
    ['damaged', far(formatCount(totals.damaged))],
    ['upstream messages', far(formatCount(totals.upstreamMessages))],
    ['upstream bytes', far(formatBytes(totals.upstreamBytes))],
    ['payload sent', formatBytes(totals.payloadBytes)],
    ['bytes sent by devices', formatBytes(totals.bytesSent)],
    ['generator late, p99', formatMs(totals.generatorLateP99Ms)],
  ];
}

function ackNotes({ acked, sent, sentQos0, refused, unacked }: Totals): string[] {
  const all = `${formatShare(acked, sent - sentQos0)} of QoS 1 and 2`;
  return [all, ...some(refused, 'refused'), ...some(unacked, 'unanswered')];
}

function deliveredNotes({ delivered, sent, deliveredUnacked, damaged }: Totals): string[] {
  return [
    `${formatShare(delivered, sent)} of sent`,
    ...some(deliveredUnacked, 'never acked'),
    ...some(damaged, 'damaged'),
  ];
}

function latencyFigure(name: string, summary: LatencySummary): KeyFigure {
  const notes = [`p50 ${formatLatency(summary, 'p50')}`, `max ${formatLatency(summary, 'max')}`];
  return { name, figure: formatLatency(summary, 'p99'), notes, isBad: false };
}

function drainFigure({ drainMs, liveWhileDraining }: Totals): KeyFigure {
  const notes = drainMs === null ? ['no fault of the link'] : ['until nothing was owed'];
  if (liveWhileDraining !== null) notes.push(`live p99 ${formatLatency(liveWhileDraining, 'p99')}`);
  return { name: 'drain', figure: drainMs === null ? NOTHING : formatMs(drainMs), notes, isBad: false };
}

function figure(name: string, count: number, notes: string[], isBad = false): KeyFigure {
  return { name, figure: formatCount(count), notes, isBad };
}

function some(count: number, words: string): string[] {
  return count > 0 ? [`${formatCount(count)} ${words}`] : [];
}
