// Text in a page of HTML. Names, reasons and remarks come from scenarios, devices and brokers: all of it goes through
// `escapeHtml`, and data for the script through `jsonForScript`, so that none of it can become markup.

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For text and for attribute values in quotes. Control characters, which HTML does not allow, become U+FFFD. */
export function escapeHtml(text: string): string {
  return (
    text
      .replace(/[&<>"']/g, (character) => ENTITIES[character])
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, '\ufffd')
  );
}

/** JSON that cannot end the script element it stands in. */
export function jsonForScript(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}

/** A share of a length as CSS wants it: "12.34%". */
export function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))}%`;
}
