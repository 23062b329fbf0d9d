/**
 * Validation of an edited experiment against the contract, with messages a person can act on,
 * keyed by the field they belong to.
 */
import { contradictions } from '../shared/contracts/contradictions.ts';
import { Experiment } from '../shared/contracts/experiment.ts';

/** Either the valid experiment, or one message per faulty path such as `host.hidden.1`. */
export type Validation =
  | { experiment: Experiment; issues: ReadonlyMap<string, string> }
  | { experiment: null; issues: ReadonlyMap<string, string> };

const NO_ISSUES: ReadonlyMap<string, string> = new Map();

/** Checks a draft: every field, and that they fit each other. Never throws. */
export function validateExperiment(draft: unknown): Validation {
  const fields = validateFields(draft);
  if (!fields.experiment) return fields;
  const issues = new Map<string, string>();
  for (const { field, plain } of contradictions(fields.experiment)) {
    if (!issues.has(field)) issues.set(field, plain);
  }
  return issues.size > 0 ? { experiment: null, issues } : fields;
}

/** Checks every field by itself. Never throws. */
export function validateFields(draft: unknown): Validation {
  const parsed = Experiment.safeParse(draft);
  if (parsed.success) return { experiment: parsed.data, issues: NO_ISSUES };
  const issues = new Map<string, string>();
  for (const issue of parsed.error.issues) {
    const path = issue.path.map(String).join('.');
    if (!issues.has(path)) issues.set(path, plainMessage(issue));
  }
  return { experiment: null, issues };
}

/** The message for a field: its own, or that of a part of it, such as one width of a list. */
export function issueFor(issues: ReadonlyMap<string, string>, field: string): string | null {
  const own = issues.get(field);
  if (own !== undefined) return own;
  for (const [path, message] of issues) {
    if (path.startsWith(`${field}.`)) return message;
  }
  return null;
}

type Issue = NonNullable<ReturnType<typeof Experiment.safeParse>['error']>['issues'][number];

function plainMessage(issue: Issue): string {
  switch (issue.code) {
    case 'too_small':
      if (issue.origin === 'array') return `List at least ${issue.minimum}`;
      if (issue.origin === 'string') return 'Cannot be empty';
      return `Must be ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}`;
    case 'too_big':
      if (issue.origin === 'array') return `List at most ${issue.maximum}`;
      if (issue.origin === 'string') return `At most ${issue.maximum} characters`;
      return `Must be ${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}`;
    case 'invalid_type':
      if (issue.expected === 'int') return 'Must be a whole number';
      if (issue.expected === 'number') return 'Must be a number';
      return issue.message;
    case 'invalid_format':
      return `Use ${issue.message}`;
    case 'unrecognized_keys':
      return `Unknown key ${issue.keys.map((k) => `"${k}"`).join(', ')}`;
    default:
      return issue.message;
  }
}
