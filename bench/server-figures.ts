/** Figures of the server's benchmark, their goals, and the table that sets profiles side by side. */

/** What a figure is held to. */
export type Goal = { below: number } | { above: number } | { most: number };

export interface ServerFigure {
  name: string;
  value: number;
  unit: string;
  /** Null: nothing was set. */
  goal: Goal | null;
}

/** The figures of a profile, or why there are none. */
export interface ProfileReport {
  profile: string;
  figures: ServerFigure[];
  missing?: string;
}

export type Add = (name: string, value: number, unit: string, goal: Goal | null) => void;

/** An answer that was no success. */
export class AnswerError extends Error {
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** @throws {AnswerError} The answer is no success. */
export async function send(url: string, method: string, body?: unknown): Promise<unknown> {
  const bytes = body instanceof Uint8Array;
  const response = await fetch(url, {
    method,
    ...(body === undefined
      ? {}
      : {
          headers: { 'content-type': bytes ? 'application/octet-stream' : 'application/json' },
          body: bytes ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body),
        }),
  });
  const text = await response.text();
  if (!response.ok) {
    throw new AnswerError(
      `${method} ${url} was answered ${response.status}: ${text}`,
      response.status,
    );
  }
  return text === '' ? null : JSON.parse(text);
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

export function isReached(value: number, goal: Goal): boolean {
  if ('below' in goal) return value < goal.below;
  return 'above' in goal ? value > goal.above : value <= goal.most;
}

function goalText(goal: Goal | null): string {
  if (!goal) return '';
  if ('below' in goal) return `< ${goal.below}`;
  return 'above' in goal ? `> ${goal.above}` : String(goal.most);
}

function cell(figure: ServerFigure | undefined): string {
  if (!figure) return '';
  const { value, goal } = figure;
  const shown = Number.isInteger(value) ? String(value) : value.toPrecision(3);
  return goal && !isReached(value, goal) ? `${shown} (BEHIND)` : shown;
}

/** A Markdown table: a row for each figure, a column for each profile. */
export function profileTable(reports: readonly ProfileReport[]): string {
  const names = [...new Set(reports.flatMap(({ figures }) => figures.map(({ name }) => name)))];
  const rows = names.map((name) => {
    const found = reports.map(({ figures }) => figures.find((f) => f.name === name));
    const { unit = '', goal = null } = found.find((f) => f) ?? {};
    return [unit ? `${name}, ${unit}` : name, ...found.map(cell), goalText(goal)];
  });
  const head = ['', ...reports.map(({ profile }) => profile), 'goal'];
  const widths = head.map((h, i) => Math.max(3, h.length, ...rows.map((r) => r[i]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((c, i) => (i === 0 ? c.padEnd(widths[i]!) : c.padStart(widths[i]!))).join(' | ')} |`;
  const rule = widths.map((w, i) => (i === 0 ? '-'.repeat(w) : `${'-'.repeat(w - 1)}:`));
  return [line(head), `| ${rule.join(' | ')} |`, ...rows.map(line)].join('\n');
}

/** The part of docs/benchmarks.md that the server's benchmark writes. */
export const SERVER_HEADING = '## Server';

/** That part, with its heading. */
export function serverSection(
  reports: readonly ProfileReport[],
  {
    command,
    date,
    seconds,
    machine,
  }: Record<'command' | 'date' | 'machine', string> & {
    seconds: number;
  },
): string {
  return [
    SERVER_HEADING,
    `Written by \`${command}\` on ${date}: ${seconds} s of load, on ${machine}. The server, its engines and the client that loads them share the machine. Times of the load run from when a request was due, after two seconds that are shown apart: connections open and code is compiled. BEHIND marks what misses its goal.`,
    profileTable(reports.filter(({ figures }) => figures.length > 0)),
    ...reports.flatMap(({ profile, missing }) =>
      missing ? [`The ${profile} profile was not measured: ${missing}.`] : [],
    ),
    'The load is reads of runs, blueprints and jobs, and one write in four: events of 16 runs, and blobs of 4 KiB. The queue is claim and result of jobs without work. No cache can reach 95 % on the trace that draws from 400 kernels with chances 1/rank and has room for 100: the hundred most wanted are 79 % of it. What a warm cache could have had leaves out the first request of each kernel.',
  ].join('\n\n');
}
