/** Stored runs in the order of a tree, and what differs between two of them. Pure. */
import type { StoredRunRow, StoredRunView } from '../../../shared/contracts/branch-protocol.ts';

export interface TreeRow {
  row: StoredRunRow;
  /** Forks of a listed run stand under it; 0: a run of its own. */
  depth: number;
}

/** Roots in the given order, each followed by its forks. */
export function treeOf(rows: readonly StoredRunRow[]): TreeRow[] {
  const ids = new Set(rows.map((r) => r.runId));
  const out: TreeRow[] = [];
  const seen = new Set<string>();
  const add = (row: StoredRunRow, depth: number): void => {
    if (seen.has(row.runId)) return;
    seen.add(row.runId);
    out.push({ row, depth });
    for (const child of rows) if (child.lineage?.parent === row.runId) add(child, depth + 1);
  };
  for (const row of rows) if (!row.lineage || !ids.has(row.lineage.parent)) add(row, 0);
  // A run that names itself as an ancestor is shown as well.
  for (const row of rows) add(row, 0);
  return out;
}

/** Where a fork came from, in words; empty for a run of its own. */
export function changeText({ lineage }: StoredRunRow): string {
  if (!lineage) return '';
  const parts = [
    ...(lineage.change.without ? [`without ${lineage.change.without.text}`] : []),
    ...lineage.change.added.map((a) => `with ${a.command.kind} at step ${a.step}`),
  ];
  return `fork at step ${lineage.step}${parts.length > 0 ? `: ${parts.join(', ')}` : ''}`;
}

export interface EqualStep {
  step: number;
  /** Of the first and the second run; null: not measured. */
  loss: [number | null, number | null];
  accuracy: [number | null, number | null];
}

/** Looks that both runs made, oldest first. */
export function equalSteps(a: StoredRunView, b: StoredRunView): EqualStep[] {
  const at = new Map(b.curve.steps.map((step, i) => [step, i]));
  return a.curve.steps.flatMap((step, i): EqualStep[] => {
    const j = at.get(step);
    if (j === undefined) return [];
    return [
      {
        step,
        loss: [a.curve.loss[i] ?? null, b.curve.loss[j] ?? null],
        accuracy: [a.curve.accuracy[i] ?? null, b.curve.accuracy[j] ?? null],
      },
    ];
  });
}

/** First step at which the curves are not the same bits; null: none so far. */
export function partedAt(steps: readonly EqualStep[]): number | null {
  return steps.find(({ loss: [a, b] }) => a !== b)?.step ?? null;
}

/** A few rows of many, evenly spread, the last among them. */
export function spread<T>(rows: readonly T[], most: number): T[] {
  if (rows.length <= most) return [...rows];
  return Array.from(
    { length: most },
    (_, i) => rows[Math.round((i * (rows.length - 1)) / (most - 1))]!,
  );
}
