// URLs of brokers as the commands take them: parsed once, and printed without what is secret in them.

import { SluiceError } from '../../config/errors.ts';

const SCHEMES = ['mqtt:', 'mqtts:', 'ws:', 'wss:'];

/** The URL as it was given. Throws BAD_URL when no MQTT client could use it. */
export function brokerUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !SCHEMES.includes(url.protocol) || url.hostname === '') {
    const shown = url === undefined ? text : publicUrl(text);
    throw new SluiceError('BAD_URL', `'${shown}' is no address of a broker`, {
      kind: 'permanent',
      hint: 'Write mqtt://host:1883, mqtts://, ws:// or wss://.',
    });
  }
  return text;
}

/** Without user name and password. */
export function publicUrl(text: string): string {
  const url = new URL(text);
  url.username = '';
  url.password = '';
  return url.href;
}
