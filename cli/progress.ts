/**
 * Turns progress figures into a terminal bar or a plain line, and decides when one is due. Pure:
 * time is an argument, output.ts does the writing.
 */
import type { TrainProgress, WorkProgress } from './train-options.ts';

/** Milliseconds between two redraws of the bar; faster only flickers. */
const BAR_INTERVAL_MS = 100;
/** Milliseconds between two plain lines, for logs of continuous integration. */
const LINE_INTERVAL_MS = 5000;
/** Weight of the newest speed in the smoothed one. */
const SPEED_WEIGHT = 0.2;
/** Shortest time over which a speed is measured. */
const SPEED_INTERVAL_MS = 500;

/** `1234567` as `1,234,567`. */
export function grouped(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A share of one as per cent with one decimal, or `unmeasured`. Rounds down: 100 % is all. */
export function percent(share: number | null): string {
  return share === null ? 'unmeasured' : `${(Math.floor(share * 1000 + 1e-9) / 10).toFixed(1)} %`;
}

/** Three significant digits, or `unmeasured`. */
export function figure(value: number | null): string {
  if (value === null) return 'unmeasured';
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5)) {
    return value.toExponential(2);
  }
  return value.toPrecision(3);
}

/** Seconds as `0:05`, `12:30` or `3:04:05`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const h = Math.floor(whole / 3600);
  const m = Math.floor((whole % 3600) / 60);
  const s = String(whole % 60).padStart(2, '0');
  return h > 0 ? `${h}:${String(m).padStart(2, '0')}:${s}` : `${m}:${s}`;
}

/**
 * Speed from the steps, or from the shares of a whole, seen so far, smoothed, with the thinning of
 * what is shown.
 */
export class ProgressMeter {
  #intervalMs: number;
  #shownAt: number | null = null;
  #from: { done: number; time: number } | null = null;
  #perSecond: number | null = null;

  constructor(isTerminal: boolean) {
    this.#intervalMs = isTerminal ? BAR_INTERVAL_MS : LINE_INTERVAL_MS;
  }

  /** What is done in a second; null before it could be measured. */
  get perSecond(): number | null {
    return this.#perSecond;
  }

  /**
   * Takes note of what is done.
   *
   * @param done Steps, or a share of the whole, of `total`.
   * @param now Monotonic milliseconds.
   * @returns Whether a redraw or a new line is due; the first and the last always are.
   */
  see(done: number, total: number, now: number): boolean {
    const from = this.#from;
    // A step behind the last one is a rollback: the speed is measured afresh from there.
    if (!from || done < from.done) {
      this.#from = { done, time: now };
    } else if (now - from.time >= SPEED_INTERVAL_MS) {
      const speed = ((done - from.done) * 1000) / (now - from.time);
      const old = this.#perSecond;
      this.#perSecond = old === null ? speed : old + SPEED_WEIGHT * (speed - old);
      this.#from = { done, time: now };
    }
    const due = this.#shownAt === null || done >= total || now - this.#shownAt >= this.#intervalMs;
    if (due) this.#shownAt = now;
    return due;
  }
}

/** Time left for `rest` at a speed, as a field; none before the speed is known. */
function timeLeft(rest: number, perSecond: number | null): string[] {
  return perSecond !== null && perSecond > 0 ? [`${duration(rest / perSecond)} left`] : [];
}

/** Figures of a progress report, the most telling first. */
function fields(p: TrainProgress, stepsPerSecond: number | null): string[] {
  const share = p.totalSteps > 0 ? p.step / p.totalSteps : 0;
  const list = [
    `${Math.floor(share * 100)} %`,
    `${grouped(p.step)}/${grouped(p.totalSteps)}`,
    ...timeLeft(p.totalSteps - p.step, stepsPerSecond),
  ];
  if (p.label !== undefined) list.push(p.label);
  if (p.loss !== null) list.push(`loss ${figure(p.loss)}`);
  if (p.accuracy !== null) list.push(`accuracy ${percent(p.accuracy)}`);
  if (stepsPerSecond !== null && stepsPerSecond > 0) {
    list.push(`${grouped(stepsPerSecond)} steps/s`);
  }
  if (p.parameters !== null) list.push(`${grouped(p.parameters)} parameters`);
  return list;
}

/** Figures of work that is no run: its steps are of several kinds, so that no count says anything. */
function shareFields({ label, share }: WorkProgress, sharePerSecond: number | null): string[] {
  return [percent(share), ...timeLeft(1 - share, sharePerSecond), label];
}

/** One line for a log. */
export function progressLine(p: TrainProgress, stepsPerSecond: number | null): string {
  return `step ${fields(p, stepsPerSecond).slice(1).join('  ')}`;
}

/** One line for a log. */
export function workLine(p: WorkProgress, sharePerSecond: number | null): string {
  return shareFields(p, sharePerSecond).join('  ');
}

/**
 * A bar with as many figures as fit, never wider than the terminal: a wrapped line cannot be
 * redrawn in place.
 *
 * @param columns Width of the terminal in characters.
 */
export function progressBar(
  p: TrainProgress,
  stepsPerSecond: number | null,
  columns: number,
): string {
  const share = p.totalSteps > 0 ? p.step / p.totalSteps : 0;
  return barOf(share, fields(p, stepsPerSecond), columns);
}

/** {@link progressBar} of work that is no run. */
export function workBar(p: WorkProgress, sharePerSecond: number | null, columns: number): string {
  return barOf(p.share, shareFields(p, sharePerSecond), columns);
}

function barOf(share: number, figures: readonly string[], columns: number): string {
  const width = Math.max(0, Math.min(24, columns - 40));
  const full = Math.floor(Math.min(1, share) * width);
  let line = width > 0 ? `[${'#'.repeat(full)}${'-'.repeat(width - full)}]` : '';
  for (const field of figures) {
    const longer = line === '' ? field : `${line}  ${field}`;
    if (longer.length >= columns) break;
    line = longer;
  }
  return line;
}
