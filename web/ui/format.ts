/** Numbers as the dashboard writes them. What was not measured is said so, never shown as 0. */

export const UNMEASURED = 'unmeasured';

/** Three significant digits, or `unmeasured`. */
export function formatMeasured(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return UNMEASURED;
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) return value.toExponential(1);
  if (size >= 100) return value.toFixed(0);
  return String(Number(value.toPrecision(3)));
}

/** A share in [0, 1] as a percentage with one decimal. */
export function formatShare(value: number | null | undefined): string {
  return value === null || value === undefined || Number.isNaN(value)
    ? UNMEASURED
    : `${(value * 100).toFixed(1)} %`;
}

/** With thin-space thousands: `1 234`. */
export function formatCount(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

/** Bytes in the largest binary unit that keeps the number at least 1. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${units[unit]}`;
}

/** Milliseconds as `0.4 ms`, `120 ms` or `2.5 s`. */
export function formatMs(ms: number | null): string {
  if (ms === null) return UNMEASURED;
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${ms.toFixed(0)} ms`;
}
