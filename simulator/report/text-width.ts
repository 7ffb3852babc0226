// Text in cells of a terminal: how wide it is, cut and padded to a width. Names come from scenarios, devices and
// brokers, so `printable` takes out what would move the cursor or change colours. Widths are those most terminals use:
// two cells for East Asian wide characters and emoji, none for combining marks.

const ELLIPSIS = '…';
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });
const EAST_ASIAN =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;
const EMOJI = /\p{Emoji_Presentation}|\ufe0f/u;
const NO_WIDTH = /^[\p{M}\p{Cf}]+$/u;
const PLAIN = /^[\x20-\x7e]*$/;

/** Without control characters, format characters that turn the direction, and line breaks. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu, '\ufffd');
}

/** In cells; `text` must be printable and without colours. */
export function textWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let cells = 0;
  for (const { segment } of graphemes.segment(text)) cells += cellsOf(segment);
  return cells;
}

function cellsOf(grapheme: string): number {
  if (NO_WIDTH.test(grapheme)) return 0;
  return EAST_ASIAN.test(grapheme) || EMOJI.test(grapheme) ? 2 : 1;
}

/** At most `columns` wide; an ellipsis ends what was cut. */
export function clip(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  if (columns <= 0) return '';
  let kept = '';
  let cells = 0;
  for (const { segment } of graphemes.segment(text)) {
    const width = cellsOf(segment);
    if (cells + width > columns - 1) break;
    kept += segment;
    cells += width;
  }
  return `${kept}${ELLIPSIS}`;
}

export function padEnd(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - textWidth(text)));
}

export function padStart(text: string, columns: number): string {
  return ' '.repeat(Math.max(0, columns - textWidth(text))) + text;
}
