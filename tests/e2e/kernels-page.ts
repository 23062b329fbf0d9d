/**
 * The page of kernels.html: runs every parity case, or what its address asks for, and shows and
 * publishes the verdicts. ?tiles: every other tile; ?any-shape: kernels for any shape; ?sliced: tiles in
 * workgroup memory; ?random: drawn shapes; ?f16: products of float16 numbers, none where the adapter has none. A test may ask for one
 * after the other: they share the device, and so what was compiled on it.
 */

import { openDevice } from '../../shared/engine/gpu/device.ts';
import { GpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import type { TileSource } from '../../shared/engine/gpu/tile-source.ts';
import type { AdapterInfo } from '../../shared/engine/plan/backend.ts';
import { F16_FEATURE } from '../../shared/engine/plan/numerics.ts';
import { ANY_SHAPE_CASES, CASES } from '../gpu/cases.ts';
import { HALF_CASES } from '../gpu/half-cases.ts';
import type { ParityCase } from '../gpu/parity-case.ts';
import { fewRandomCases } from '../gpu/random-cases.ts';
import { firstDifference, runCase, type Verdict } from '../gpu/run-case.ts';
import {
  FEW_SLICED_CASES,
  FEW_START_CASES,
  FixedCandidate,
  FixedTile,
  keepingStarts,
  OTHERS,
  StartTiles,
  TILE_CASES,
} from '../gpu/tile-cases.ts';
import { runAll } from './run-all.ts';

export interface KernelReport {
  adapter: AdapterInfo;
  verdicts: Verdict[];
  seconds: number;
}

declare global {
  interface Window {
    /** Of what the address asks for. */
    kernelReport: Promise<KernelReport>;
    /**
     * Settles when all cases have run; rejects when there is no adapter.
     * @param asked As in the address: '' or '?tiles', …
     */
    runKernels: (asked: string) => Promise<KernelReport>;
  }
}

function show(verdict: Verdict): void {
  const row = document.createElement('tr');
  const cells = [
    verdict.name,
    verdict.ok ? 'ok' : verdict.failures.join('; '),
    verdict.deviation.toPrecision(3),
    verdict.limit === null ? 'exact' : String(verdict.limit),
  ];
  for (const text of cells) row.insertCell().textContent = text;
  document.querySelector('#verdicts')?.append(row);
}

type Task = () => Promise<Verdict>;

/** Runs a case with the tiles of `other`: they must give the bits of the defaults. */
async function compare(
  backend: GpuBackend,
  other: GpuBackend,
  c: ParityCase,
  variant: string,
): Promise<Verdict> {
  const name = await firstDifference(backend, other, c).catch((e: unknown) => String(e));
  return {
    ...{ name: `${c.name}/${variant}`, ok: name === null, deviation: 0, limit: null },
    failures: name === null ? [] : [`${name}: other bits than with the default tile`],
  };
}

/** The same device with the tiles of `tuner`; what has the same tile is not compiled again. */
function tiled(backend: GpuBackend, tuner: TileSource): GpuBackend {
  const { device, adapter, quads, pipelines } = backend;
  return new GpuBackend(device, adapter, { quads, pipelines, tuner });
}

/** Kernels for any shape against those made for one, in turn with the tiles of CPU renderers and of hardware. */
function anyShapeTasks(backend: GpuBackend): Task[] {
  const { device, adapter, pipelines, quads } = backend;
  const pairs = (['software', 'gpu'] as const).map((kind) => ({
    own: new GpuBackend(device, { ...adapter, kind }, { quads, pipelines }),
    // A cache of its own: what is compiled for one shape would be used.
    any: new GpuBackend(device, { ...adapter, kind }, { quads, tuner: keepingStarts }),
  }));
  return ANY_SHAPE_CASES.map((c, i) => () => {
    const { any, own } = pairs[i % 2]!;
    return compare(own, any, c, 'any-shape');
  });
}

/** Every other tile of every kernel, those with subgroups and those to begin with included. */
function tileTasks(backend: GpuBackend): Task[] {
  const starting = tiled(backend, new StartTiles());
  const starts = [...TILE_CASES, ...FEW_START_CASES].map(
    (c) => () => compare(backend, starting, c, 'start'),
  );
  const others = Array.from({ length: OTHERS.software }, (_, i) => i + 1).flatMap((index) => {
    const other = tiled(backend, new FixedCandidate(index));
    return TILE_CASES.map((c) => () => compare(backend, other, c, `candidate-${index}`));
  });
  return [...starts, ...others];
}

/** Tiles in workgroup memory, which only hardware is offered. */
function slicedTasks(backend: GpuBackend): Task[] {
  return FEW_SLICED_CASES.flatMap(({ tile, cases }, index) => {
    const other = tiled(backend, new FixedTile(tile));
    return cases.map((c) => () => compare(backend, other, c, `sliced-${index}`));
  });
}

function tasksOf(backend: GpuBackend, asked: string): Task[] {
  if (asked === '?tiles') return tileTasks(backend);
  if (asked === '?any-shape') return anyShapeTasks(backend);
  if (asked === '?sliced') return slicedTasks(backend);
  const half = backend.device.features.has(F16_FEATURE) ? HALF_CASES : [];
  const cases = asked === '?random' ? fewRandomCases : asked === '?f16' ? half : CASES;
  return cases.map((c) => () => runCase(backend, c));
}

async function openBackend(): Promise<GpuBackend> {
  const { device, adapter, quads } = await openDevice(navigator.gpu);
  const line = document.querySelector('#adapter');
  if (line) line.textContent = `${adapter.name} (${adapter.kind})`;
  return new GpuBackend(device, adapter, { quads });
}

const opening = openBackend();

async function run(asked: string): Promise<KernelReport> {
  const backend = await opening;
  const start = performance.now();
  const verdicts = await runAll(tasksOf(backend, asked), show);
  return {
    adapter: backend.adapter,
    verdicts,
    seconds: (performance.now() - start) / 1000,
  };
}

window.runKernels = run;
window.kernelReport = run(location.search);
