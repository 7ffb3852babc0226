// Payload settings out of YAML, and the payloads of one device, as the scenario makes them.

import { object } from '../../../../config/schema/field.ts';
import type { Problem } from '../../../../config/schema/problem.ts';
import { readSettings } from '../../../../config/schema/reader.ts';
import { parseYaml } from '../../../../config/schema/yaml-source.ts';
import { findMark, type Mark, writeMark } from '../../../../simulator/mark.ts';
import {
  type ChangingPayloads,
  createPayloadSource,
  type PayloadDevice,
} from '../../../../simulator/payload/create-payload-source.ts';
import { payloadProblems } from '../../../../simulator/payload/payload-problems.ts';
import { type PayloadSettings, payloadSettings } from '../../../../simulator/payload/payload-settings.ts';

const schema = object('A payload.', { payload: payloadSettings });
export const START_MS = Date.UTC(2026, 0, 1);

/** `text` is what stands after `payload:`, as YAML in one line. */
export function readPayload(text: string): { settings: PayloadSettings; problems: readonly Problem[] } {
  const read = readSettings(schema, parseYaml(`payload: ${text}`).raw);
  const settings = (read.value as { payload: PayloadSettings }).payload;
  return { settings, problems: read.problems.length > 0 ? read.problems : payloadProblems(settings) };
}

export function sourceOf(text: string, device: Partial<PayloadDevice> = {}): ChangingPayloads {
  const { settings, problems } = readPayload(text);
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  return createPayloadSource(settings, { seed: 1, clientId: 'pump-7', index: 7, ...device });
}

export function markOf(sequence: number): Mark {
  return { run: 'run1', device: 7, sequence, timeMs: sequence * 1000 };
}

/** `count` payloads, one every `everyMs`. */
export function payloadsOf(source: ChangingPayloads, count: number, everyMs = 1000): Buffer[] {
  return Array.from({ length: count }, (_, sequence) =>
    source.next({ mark: writeMark(markOf(sequence)), timeMs: START_MS + sequence * everyMs, sequence }),
  );
}

export function marksOf(payloads: readonly Buffer[]): (Mark | undefined)[] {
  return payloads.map(findMark);
}

/** The values of field `x` of a JSON payload with this generator. */
export function valuesOf<T = number>(
  generator: string,
  { count = 1000, everyMs = 1000, seed = 1 } = {},
): T[] {
  const source = sourceOf(`{type: json, fields: {x: ${generator}}}`, { seed });
  return payloadsOf(source, count, everyMs).map((payload) => JSON.parse(payload.toString()).x);
}
