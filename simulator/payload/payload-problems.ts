// Rules between the settings of payloads, which a declaration of single settings cannot say. Paths are relative to
// the payload: whoever reads the scenario puts its own path in front, and knows the line.

import type { Problem } from '../../config/schema/problem.ts';
import type { FieldSettings, GeneratorSettings } from './generator-settings.ts';
import { ownNames } from './generator-settings.ts';
import type { PayloadSettings } from './payload-settings.ts';
import { placeholdersOf } from './template-format.ts';

export function payloadProblems(settings: PayloadSettings): Problem[] {
  if (settings.type === 'bytes' || settings.type === 'replay') return [];
  const problems = Object.entries(settings.fields).flatMap(([name, field]) =>
    fieldProblems(field).map((problem) => ({ ...problem, path: `fields.${name}.${problem.path}` })),
  );
  if (settings.type === 'template') problems.push(...placeholderProblems(settings.text, settings.fields));
  return problems;
}

function fieldProblems(field: GeneratorSettings): Problem[] {
  switch (field.type) {
    case 'walk':
    case 'sine':
      return rangeProblems(field);
    case 'step':
      return field.values.length > 0 ? [] : rangeProblems(field);
    case 'enum':
      return weightProblems(field);
    default:
      return [];
  }
}

function rangeProblems({ min, max }: { min: number; max: number }): Problem[] {
  if (min <= max) return [];
  return [
    { path: 'max', message: `${max} is less than min`, hint: `Raise it to ${min} or more, or lower min.` },
  ];
}

function weightProblems({
  values,
  weights,
}: {
  values: readonly string[];
  weights: readonly number[];
}): Problem[] {
  if (weights.length === 0) return [];
  const path = 'weights';
  if (weights.length !== values.length) {
    const message = `has ${weights.length} entries for ${values.length} values`;
    return [{ path, message, hint: 'Give one for each value, or none at all.' }];
  }
  if (weights.some((weight) => weight > 0)) return [];
  return [{ path, message: 'is zero for every value', hint: 'Make one of them larger than 0.' }];
}

function placeholderProblems(text: string, fields: FieldSettings): Problem[] {
  const known = new Set<string>(ownNames);
  for (const [name, field] of Object.entries(fields)) {
    if (field.type === 'gps') known.add(`${name}.lat`).add(`${name}.lon`);
    else known.add(name);
  }
  return [...new Set(placeholdersOf(text))]
    .filter((name) => !known.has(name))
    .map((name) => {
      const message = `has the placeholder {${name}}, which is no field`;
      return { path: 'text', message, hint: `Use one of ${[...known].join(', ')}.` };
    });
}
