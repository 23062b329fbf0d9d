/** Scales of a landscape: what of the losses is finite, and where it lies between the extremes. */

/** Lowest loss and the distance to the highest, at least a little; null: none is finite. */
export function lossRange(
  losses: readonly (number | null)[],
): { low: number; span: number } | null {
  const known = losses.filter((l) => l !== null);
  if (known.length === 0) return null;
  const low = Math.min(...known);
  const span = Math.max(...known) - low;
  // A flat landscape is drawn flat, not blown up to fill the chart.
  return { low, span: Math.max(span, Math.abs(low) * 1e-6, 1e-12) };
}

/** Path through the finite points; a gap where one is not. */
export function curvePath(
  alphas: readonly number[],
  losses: readonly (number | null)[],
  x: (alpha: number) => number,
  y: (loss: number) => number,
): string {
  let pen = 'M';
  let path = '';
  alphas.forEach((alpha, i) => {
    const loss = losses[i] ?? null;
    if (loss === null) {
      pen = 'M';
      return;
    }
    path += `${pen}${x(alpha).toFixed(1)} ${y(loss).toFixed(1)}`;
    pen = 'L';
  });
  return path;
}

/** Where the lowest loss of a joint landscape is; null: none is finite. */
export function lowestPair(
  losses: readonly (readonly (number | null)[])[],
): { row: number; column: number } | null {
  let found: { row: number; column: number; loss: number } | null = null;
  losses.forEach((line, row) => {
    line.forEach((loss, column) => {
      if (loss !== null && (found === null || loss < found.loss)) found = { row, column, loss };
    });
  });
  const best = found as { row: number; column: number } | null;
  return best && { row: best.row, column: best.column };
}
