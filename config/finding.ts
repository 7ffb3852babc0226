// What a rule between settings has found (relations.ts and the files it asks). A finding names every setting
// it rests on: the caller leaves out findings about settings that were bad already, and reports the rest at
// the first one's place. `problem` refuses the configuration; `warning` lets it run and is logged.

export interface Finding {
  readonly severity: 'problem' | 'warning';
  /** The first one is where it is reported. */
  readonly paths: readonly [string, ...string[]];
  /** Others it rests on, at whose lines nobody would look for it. */
  readonly alsoOn?: readonly string[];
  readonly message: string;
  readonly hint: string;
}

type Told = Omit<Finding, 'severity' | 'paths'>;

export function problem(paths: Finding['paths'], told: Told): Finding {
  return { severity: 'problem', paths, ...told };
}

export function warning(paths: Finding['paths'], told: Told): Finding {
  return { severity: 'warning', paths, ...told };
}
