// Colours of a terminal, or none: each function returns the text as it is where there are no colours. Only the sixteen
// that every terminal has, so that its own theme decides.

export type Colour = 'plain' | 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan' | 'alert';

const CODES: Record<Colour, string> = {
  plain: '',
  bold: '1',
  dim: '2',
  red: '31',
  green: '32',
  yellow: '33',
  cyan: '36',
  alert: '1;37;41',
};

export type Paint = (colour: Colour, text: string) => string;

export function paintFor(isColoured: boolean): Paint {
  if (!isColoured) return (_, text) => text;
  return (colour, text) =>
    CODES[colour] === '' || text === '' ? text : `\u001b[${CODES[colour]}m${text}\u001b[0m`;
}
