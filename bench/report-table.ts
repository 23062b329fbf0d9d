/** Tables of a benchmark report. */

export const number = (v: number): string => v.toPrecision(v >= 100 ? 4 : 3);

export type Row = readonly string[];

/** Markdown, with the columns in line so that it also reads well on a terminal. */
export function table(head: Row, rows: readonly Row[]): string {
  const widths = head.map((h, i) => Math.max(3, h.length, ...rows.map((r) => r[i]!.length)));
  const line = (cells: Row) => `| ${cells.map((c, i) => c.padEnd(widths[i]!)).join(' | ')} |`;
  return [
    line(head),
    `| ${widths.map((w) => '-'.repeat(w)).join(' | ')} |`,
    ...rows.map(line),
  ].join('\n');
}
