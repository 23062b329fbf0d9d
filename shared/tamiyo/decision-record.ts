/**
 * How a decision is written down: evidence as comparisons that hold or do not, and an id that is
 * the same whenever the same thing is decided at the same step.
 */
import { sha256HexSync } from '../base/sha256.ts';
import type { Decision, Evidence } from '../contracts/decision.ts';

/** A decision that has no id yet. */
export type DecisionDraft = Omit<Decision, 'id'>;

type Comparison = NonNullable<Evidence['comparison']>;

/** A value that was measured, or null: NaN and infinities are not measurements. */
export function measured(value: number | null | undefined): number | null {
  return value !== null && value !== undefined && Number.isFinite(value) ? value : null;
}

/** `value comparison threshold`, and whether it holds; what was not measured does not. */
export function evidence(
  name: string,
  value: number | null,
  comparison: Comparison,
  threshold: number,
): Evidence {
  const held = value !== null && holds(value, comparison, threshold);
  return { name, value: plainZero(value), threshold, comparison, holds: held };
}

/** A fact without a threshold; it holds when it was measured. */
export function fact(name: string, value: number | null): Evidence {
  return {
    name,
    value: plainZero(value),
    threshold: null,
    comparison: null,
    holds: value !== null,
  };
}

/** JSON writes -0 as 0, so an answer that came over the wire would differ. */
function plainZero(value: number | null): number | null {
  return value === 0 ? 0 : value;
}

/** `value` within [0, 1]. */
export function share(value: number): number {
  return Math.min(1, Math.max(0, value));
}

/** Digits for people: three significant ones. */
export function show(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** First 16 hexadecimal digits of the SHA-256 of what is decided, when, and by which rule. */
export function decisionId(draft: DecisionDraft): string {
  const { step, action, layerId, slot, blueprint, rule } = draft;
  // canonicalJson of these six, keys in order: thirty of them are most of what an answer costs.
  const text =
    `{"action":"${action}","blueprint":${JSON.stringify(blueprint)},` +
    `"layerId":${JSON.stringify(layerId)},"rule":${JSON.stringify(rule)},` +
    `"slot":${slot},"step":${step}}`;
  return sha256HexSync(text, 16);
}

export function withId(draft: DecisionDraft): Decision {
  return { id: decisionId(draft), ...draft };
}

function holds(value: number, comparison: Comparison, threshold: number): boolean {
  switch (comparison) {
    case '<':
      return value < threshold;
    case '<=':
      return value <= threshold;
    case '>':
      return value > threshold;
    case '>=':
      return value >= threshold;
    case '=':
      return value === threshold;
  }
}
