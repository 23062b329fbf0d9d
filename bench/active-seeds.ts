/**
 * What seeds that blend cost beside what they compute: Linear 512→256, batch 128, with low-rank seeds
 * joined in the epilogue of their last product; and the layer after folding, which is the layer alone.
 */
import { RandomStream } from '#shared/base/random.ts';
import type { Backend, DeviceBuffer, Executable } from '#shared/engine/plan/backend.ts';
import { Graph, type Tensor } from '#shared/engine/plan/graph.ts';
import { makePlan } from '#shared/engine/plan/plan.ts';
import { interleaved, median, pairedRatio } from './measure.ts';

export interface ActiveResult {
  what: string;
  dispatches: number;
  milliseconds: number;
  /** Time relative to the host layer alone. */
  ratio: number;
  /** Time relative to host and seeds side by side, not joined; null where there are none. */
  overWork: number | null;
  low: number | null;
  high: number | null;
}

const [ROWS, FEATURES, UNITS, RANK] = [128, 512, 256, 16];
/** Word of the schedule's first row, and columns of a row. */
const SCHEDULE = { scheduleBase: 12, scheduleColumns: 4 };
const ALPHA = 0.5;

/** A layer with `seeds` low-rank seeds, `blended` into it or only computed. */
async function open(backend: Backend, seeds: number, blended: boolean) {
  const graph = new Graph();
  const buffers: Record<string, DeviceBuffer> = {};
  const given = (name: string, shape: readonly number[]): Tensor => {
    const t = graph.create(name, shape, { role: 'external', replicated: false });
    const random = new RandomStream(1, `active/${name}`);
    const size = shape.reduce((a, b) => a * b, 1);
    buffers[name] = backend.createBuffer(name, size);
    backend.writeFloats(
      buffers[name],
      Float32Array.from({ length: size }, () => random.normal() / 16),
    );
    return t;
  };
  const control = graph.create('control', [SCHEDULE.scheduleBase + 4], {
    ...{ role: 'external', dtype: 'u32', replicated: false },
  });
  buffers['control'] = backend.createBuffer('control', control.padded[0]!);
  const words = new Uint32Array(control.padded[0]!);
  new Float32Array(words.buffer).fill(ALPHA, SCHEDULE.scheduleBase);
  backend.writeWords(buffers['control'], words);
  const x = given('x', [ROWS, FEATURES]);
  let y = graph.one('linear', [x, given('w', [FEATURES, UNITS]), given('b', [UNITS])]);
  const apart: Tensor[] = [];
  for (let i = 0; i < seeds; i++) {
    const inner = graph.one('linear', [x, given(`down${i}`, [FEATURES, RANK])]);
    const s = graph.one('linear', [inner, given(`up${i}`, [RANK, UNITS])]);
    if (blended) y = graph.one('blend', [y, s, control], { mode: 'add', alpha: i % 4 });
    else apart.push(s);
  }
  const outputs = Object.fromEntries([y, ...apart].map((t, i) => [String(i), t]));
  const plan = makePlan('active', graph, 1, outputs);
  const executable: Executable = await backend.prepare(plan, { buffers, ...SCHEDULE });
  return {
    dispatches: executable.dispatchCount,
    async run(n: number) {
      backend.run(executable, n);
      await backend.idle();
    },
    dispose() {
      executable.dispose();
      for (const buffer of Object.values(buffers)) backend.destroyBuffer(buffer);
    },
  };
}

export async function measureActive(
  backend: Backend,
  samples: number,
  minMs: number,
): Promise<ActiveResult[]> {
  const rows = [
    { what: 'the layer alone', seeds: 0, blended: false, work: null },
    { what: '1 seed beside it, not joined', seeds: 1, blended: false, work: null },
    { what: '1 active seed', seeds: 1, blended: true, work: 1 },
    { what: '4 seeds beside it, not joined', seeds: 4, blended: false, work: null },
    { what: '4 active seeds', seeds: 4, blended: true, work: 3 },
    { what: '1 seed after folding', seeds: 0, blended: false, work: null },
  ];
  const works: Awaited<ReturnType<typeof open>>[] = [];
  for (const r of rows) works.push(await open(backend, r.seeds, r.blended));
  const times = await interleaved(works, samples, minMs, true);
  for (const work of works) work.dispose();
  return rows.map(({ what, work }, i) => {
    const over = work === null ? null : pairedRatio(times[i]!, times[work]!);
    return {
      ...{ what, dispatches: works[i]!.dispatches, milliseconds: median(times[i]!) },
      ratio: pairedRatio(times[i]!, times[0]!).ratio,
      ...{ overWork: over?.ratio ?? null, low: over?.low ?? null, high: over?.high ?? null },
    };
  });
}
