// Any text with placeholders: {mark}, {time} (ms since 1970), {timeIso}, {seq}, {clientId}, {device} (its index)
// and {field}; a position's two numbers are {field.lat} and {field.lon}. Braces around anything else are text, so
// JSON can be written as it is. Values are put in as they are: quotes around text are the template's.

import type { Encode } from './field-formats.ts';
import type { PayloadContext } from './payload-source.ts';
import type { Quantity } from './quantity.ts';
import type { Readings } from './readings.ts';

const placeholder = /\{([A-Za-z][A-Za-z0-9_-]*(?:\.[a-z]+)?)\}/g;

/** What changes from payload to payload: of the context, or of a field. */
type Slot = 'mark' | 'time' | 'timeIso' | 'seq' | Quantity;

/** Names between braces, in order, for whoever checks them. */
export function placeholdersOf(text: string): string[] {
  return [...text.matchAll(placeholder)].map(([, name]) => name);
}

export function encodeTemplate(
  text: string,
  readings: Readings,
  device: { clientId: string; index: number },
): Encode {
  const quantities = new Map(
    readings.quantities.map(({ field, quantity }) => [
      quantity.part === '' ? field : `${field}.${quantity.part}`,
      quantity,
    ]),
  );
  const slots: Slot[] = [];
  const literals = [''];
  let from = 0;
  for (const match of text.matchAll(placeholder)) {
    const [whole, name] = match;
    literals[slots.length] += text.slice(from, match.index);
    from = match.index + whole.length;
    const quantity = quantities.get(name);
    if (name === 'clientId') literals[slots.length] += device.clientId;
    else if (name === 'device') literals[slots.length] += device.index;
    else if (quantity === undefined && !isContextSlot(name)) literals[slots.length] += whole;
    else {
      slots.push(quantity ?? (name as Slot));
      literals.push('');
    }
  }
  literals[slots.length] += text.slice(from);
  return (context) => {
    let filled = literals[0];
    for (let i = 0; i < slots.length; i++) filled += slotText(slots[i], context) + literals[i + 1];
    return Buffer.from(filled);
  };
}

function isContextSlot(name: string): boolean {
  return name === 'mark' || name === 'time' || name === 'timeIso' || name === 'seq';
}

function slotText(slot: Slot, context: PayloadContext): string {
  switch (slot) {
    case 'mark':
      return context.mark;
    case 'time':
      return `${context.timeMs}`;
    case 'timeIso':
      return new Date(context.timeMs).toISOString();
    case 'seq':
      return `${context.sequence}`;
    default:
      return `${slot.value}`;
  }
}
