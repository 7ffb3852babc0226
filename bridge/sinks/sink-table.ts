// The kinds of sinks there are. A new one is a folder with config.ts, message.ts and sink.ts, a line here,
// and the contract suite run over it.

import type { MqttSinkSettings } from './mqtt/config.ts';
import { MqttSink } from './mqtt/sink.ts';
import type { Sink, SinkContext } from './sink.ts';

export type SinkSettings = MqttSinkSettings;

export function createSink(settings: SinkSettings, context: SinkContext): Sink {
  switch (settings.type) {
    case 'mqtt':
      return new MqttSink(settings, context);
  }
}
