/** Other engines beside ours, from the results file of a peers harness. */
import { number, table } from './report-table.ts';

/** Times of other engines beside ours, by workload: the result of the peers harness. */
export interface PeerTable {
  /** How the columns were run, as a sentence. */
  note?: string;
  /** By workload, then by column: `runtime/engine`. */
  table: Record<string, Record<string, { ms?: number } | string>>;
}

/** Of the speed of WGSL tuned by hand for one workload. */
const RAW_BAR = 0.9;
/** Against jax-js, by runtime and workload; elsewhere, and against all others, ours is to be faster. */
const JAX_BARS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  chrome: { mlp_s: 6.5, mlp_m: 3, cnn: 5 },
  'deno-lvp': { mlp_s: 10, mlp_m: 3.7, cnn: 4.7 },
};

export const PEERS_NOTE =
  'Same machine, same adapter, same data; outputs and losses agree. `raw` is WGSL tuned by hand for each workload: the bar is 0.9 of its speed. Against jax-js the bars of the three networks are what `raw` reached when they were set, elsewhere ours is to be faster. The last column but one is how many times faster `raw` is than the same engine: where it misses a bar too, that bar asks for more than tuning by hand gave here.';

function barOf(id: string, runtime: string, engine: string): number {
  if (engine === 'raw') return RAW_BAR;
  return (engine.startsWith('jax') && JAX_BARS[runtime]?.[id]) || 1;
}

/** How many times faster ours is than each other column of the same runtime, beside its bar. */
export function peerRatios(peers: PeerTable): string {
  const rows: string[][] = [];
  for (const [id, columns] of Object.entries(peers.table)) {
    const time = (name: string) => {
      const cell = columns[name];
      return typeof cell === 'object' && cell.ms ? cell.ms : null;
    };
    for (const name of Object.keys(columns)) {
      const [runtime, engine] = name.split('/') as [string, string];
      const [ours, raw, theirs] = [time(`${runtime}/ours`), time(`${runtime}/raw`), time(name)];
      if (engine === 'ours' || ours === null || theirs === null) continue;
      const ratio = theirs / ours;
      const bar = barOf(id, runtime, engine);
      rows.push([
        ...[id, runtime, engine, number(ours), number(theirs), `${ratio.toFixed(2)}×`],
        `${bar}×`,
        engine === 'raw' || raw === null ? '' : `${(theirs / raw).toFixed(2)}×`,
        ratio >= bar ? '' : 'BEHIND',
      ]);
    }
  }
  return table(
    [
      ...['workload', 'runtime', 'beside', 'ms ours', 'ms theirs'],
      ...['ours is faster by', 'bar', 'raw is by', ''],
    ],
    rows,
  );
}
