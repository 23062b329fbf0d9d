/** The series of a run as CSV (RFC 4180): a row for each step, a column for each series. */
import type { SeriesPoint } from './series.ts';

/**
 * Columns stand in the order in which the series begin; an empty cell is a value that was not
 * measured at that step. Numbers have all the digits that tell them apart.
 */
export function seriesCsv(points: readonly SeriesPoint[]): string {
  const tags = [...new Set(points.map((p) => p.tag))];
  const rows = new Map<number, Map<string, number>>();
  for (const { step, tag, value } of points) {
    const row = rows.get(step) ?? new Map<string, number>();
    rows.set(step, row.set(tag, value));
  }
  const steps = [...rows.keys()].sort((a, b) => a - b);
  const lines = [
    ['step', ...tags].map(quoted),
    ...steps.map((step) => [step, ...tags.map((tag) => rows.get(step)!.get(tag) ?? '')]),
  ];
  return lines.map((cells) => `${cells.join(',')}\r\n`).join('');
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
