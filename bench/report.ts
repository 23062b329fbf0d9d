/** A benchmark report as text for the terminal and as docs/benchmarks.md. */
import type { BenchReport } from './suite.ts';

/** Times of other engines beside ours, by workload: the result of the peers harness. */
export interface PeerTable {
  /** How the columns were run, as a sentence. */
  note?: string;
  table: Record<string, Record<string, { ms?: number } | string>>;
}

const number = (v: number): string => v.toPrecision(v >= 100 ? 4 : 3);
const percent = (v: number): string => `${(100 * v).toFixed(0)} %`;

type Row = readonly string[];

/** Markdown, with the columns in line so that it also reads well on a terminal. */
function table(head: Row, rows: readonly Row[]): string {
  const widths = head.map((h, i) => Math.max(3, h.length, ...rows.map((r) => r[i]!.length)));
  const line = (cells: Row) => `| ${cells.map((c, i) => c.padEnd(widths[i]!)).join(' | ')} |`;
  return [
    line(head),
    `| ${widths.map((w) => '-'.repeat(w)).join(' | ')} |`,
    ...rows.map(line),
  ].join('\n');
}

function workloads(r: BenchReport): string {
  return table(
    ['workload', 'ms (median)', 'ms (fastest)', 'GFLOP/s', 'of the peak', 'dispatches'],
    r.workloads.map((w) => [
      ...[w.title, number(w.milliseconds), number(w.fastest), number(w.gflops)],
      ...[percent(w.peakShare), String(w.dispatches)],
    ]),
  );
}

function dormant(r: BenchReport): string {
  return table(
    ['dormant slots a layer', 'dispatches', 'same list', 'ms a step', 'relative (middle half)'],
    r.dormant.map((d) => [
      ...[String(d.slots), String(d.dispatches), d.identical ? 'yes' : 'NO'],
      number(d.milliseconds),
      `${d.ratio.toFixed(3)} (${d.low.toFixed(3)} to ${d.high.toFixed(3)})`,
    ]),
  );
}

function replicas(r: BenchReport): string {
  return table(
    ['network', 'replicas', 'ms a step', 'relative to one', 'per replica'],
    r.replicas.map((x) => [
      ...[`MLP ${x.network}`, String(x.replicas), number(x.milliseconds)],
      ...[`${x.ratio.toFixed(2)}×`, `${(x.ratio / x.replicas).toFixed(2)}×`],
    ]),
  );
}

/** How many times faster ours is than each other column of the same runtime. */
export function peerRatios(peers: PeerTable): string {
  const rows: string[][] = [];
  for (const [id, columns] of Object.entries(peers.table)) {
    const time = (name: string) => {
      const cell = columns[name];
      return typeof cell === 'object' && cell.ms ? cell.ms : null;
    };
    for (const name of Object.keys(columns)) {
      const [runtime, engine] = name.split('/') as [string, string];
      const [ours, theirs] = [time(`${runtime}/ours`), time(name)];
      if (engine === 'ours' || ours === null || theirs === null) continue;
      rows.push([
        id,
        runtime,
        engine,
        number(ours),
        number(theirs),
        `${(theirs / ours).toFixed(2)}×`,
      ]);
    }
  }
  return table(
    ['workload', 'runtime', 'beside', 'ms ours', 'ms theirs', 'ours is faster by'],
    rows,
  );
}

export function terminalReport(r: BenchReport): string {
  const parts = [
    `adapter: ${r.adapter} (${r.adapterKind}), multiply-add peak ${number(r.peakGflops)} GFLOP/s`,
    workloads(r),
  ];
  if (r.dormant.length > 0) parts.push(dormant(r));
  if (r.replicas.length > 0) parts.push(replicas(r));
  return `${parts.join('\n\n')}\n`;
}

/** @param command What was typed to make the page. */
export function markdownReport(r: BenchReport, command: string, peers: PeerTable | null): string {
  const subgroups = r.quads ? 'available' : 'not available in this runtime';
  const parts = [
    '# Benchmarks',
    `Written by \`${command}\` on ${r.date}; change nothing here by hand. Adapter: ${r.adapter} (${r.adapterKind}); subgroup variants: ${subgroups}; best measured multiply-add rate ${number(r.peakGflops)} GFLOP/s. Medians of ${r.samples} samples.`,
    'A CPU renderer on a shared machine drifts by a factor of two within minutes: compare numbers of one table with each other, and trust ratios more than times.',
    '## Workloads',
    workloads(r),
    'The share of the peak is taken against a chain of multiply-adds that touches no memory, timed between the samples. The training steps run on one fixed batch; in a run, one dispatch more gathers the batch.',
  ];
  if (r.dormant.length > 0) {
    parts.push(
      '## Dormant seeds',
      'A dormant slot is absent from the list of dispatches: the lists are compared kernel by kernel, and the steps timed in turn. Host: Linear 512-256-256-10, batch 128.',
      dormant(r),
    );
  }
  if (r.replicas.length > 0) {
    parts.push(
      '## Replicas',
      'Independent networks trained in the same dispatches, batch 128 each.',
      replicas(r),
    );
  }
  if (peers) {
    parts.push(
      '## Beside other engines',
      `Same machine, same adapter, same data; outputs and losses agree. \`raw\` is WGSL tuned by hand for each workload.${peers.note ? ` ${peers.note}` : ''}`,
      peerRatios(peers),
    );
  }
  return `${parts.join('\n\n')}\n`;
}
