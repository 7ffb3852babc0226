// One record of CSV (RFC 4180) to its cells: quotes around a cell, two quotes for one inside, commas and line breaks
// allowed between them.

/** The cells, or what is wrong with the record, as the end of a sentence. */
export function parseCsvRecord(text: string): string[] | { fault: string } {
  const cells: string[] = [];
  for (let at = 0; ; ) {
    let cell: string;
    if (text[at] === '"') {
      const end = closingQuote(text, at + 1);
      if (end < 0) return { fault: 'has a quote that is not closed' };
      cell = text.slice(at + 1, end).replaceAll('""', '"');
      at = end + 1;
      if (at < text.length && text[at] !== ',') return { fault: 'has text after a closing quote' };
    } else {
      const comma = text.indexOf(',', at);
      const end = comma < 0 ? text.length : comma;
      cell = text.slice(at, end);
      if (cell.includes('"')) return { fault: 'has a quote inside a cell that does not begin with one' };
      at = end;
    }
    cells.push(cell);
    if (at >= text.length) return cells;
    at++;
  }
}

function closingQuote(text: string, from: number): number {
  for (let at = from; ; at += 2) {
    at = text.indexOf('"', at);
    if (at < 0 || text[at + 1] !== '"') return at;
  }
}
