// The kinds of sinks there are. A new one is a folder with config.ts, message.ts and sink.ts, a line here, and the
// contract suite run over it.

import type { Clock } from '../../config/clock.ts';
import type { MqttSinkSettings } from './mqtt/config.ts';
import { MqttSink } from './mqtt/sink.ts';
import type { Sink, SinkEvents } from './sink.ts';

export type SinkSettings = MqttSinkSettings;

export interface SinkContext {
  /** The sink's own name in the settings. */
  name: string;
  gatewayId: string;
  bootId: string;
  clock: Clock;
  /** The clock that stamped the records of this boot. */
  recordMonotonicMs: () => number;
  events: SinkEvents;
}

export function createSink(settings: SinkSettings, context: SinkContext): Sink {
  switch (settings.type) {
    case 'mqtt':
      return new MqttSink(settings, context);
  }
}
