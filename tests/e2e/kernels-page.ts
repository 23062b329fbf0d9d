/**
 * The page of kernels.html: runs every parity case, or what its address asks for, and shows and
 * publishes the verdicts. ?tiles: every other tile; ?sliced: tiles in workgroup memory; ?random: drawn
 * shapes; ?f16: products of float16 numbers, none where the adapter has none.
 */

import type { TileSource } from '../../shared/engine/gpu/autotuner.ts';
import { openDevice } from '../../shared/engine/gpu/device.ts';
import { GpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import type { AdapterInfo } from '../../shared/engine/plan/backend.ts';
import { F16_FEATURE } from '../../shared/engine/plan/numerics.ts';
import { CASES } from '../gpu/cases.ts';
import { HALF_CASES } from '../gpu/half-cases.ts';
import type { ParityCase } from '../gpu/parity-case.ts';
import { fewRandomCases } from '../gpu/random-cases.ts';
import { firstDifference, runCase, type Verdict } from '../gpu/run-case.ts';
import {
  FEW_SLICED_CASES,
  FixedCandidate,
  FixedTile,
  OTHERS,
  TILE_CASES,
} from '../gpu/tile-cases.ts';

export interface KernelReport {
  adapter: AdapterInfo;
  verdicts: Verdict[];
  seconds: number;
}

declare global {
  interface Window {
    /** Settles when all cases have run; rejects when there is no adapter. */
    kernelReport: Promise<KernelReport>;
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

/** Runs a case with the tiles of `tuner`: they must give the bits of the defaults. */
async function compare(
  backend: GpuBackend,
  tuner: TileSource,
  c: ParityCase,
  variant: string,
): Promise<Verdict> {
  const { device, adapter, quads } = backend;
  const other = new GpuBackend(device, adapter, { quads, tuner });
  const name = await firstDifference(backend, other, c).catch((e: unknown) => String(e));
  return {
    ...{ name: `${c.name}/${variant}`, ok: name === null, deviation: 0, limit: null },
    failures: name === null ? [] : [`${name}: other bits than with the default tile`],
  };
}

/** Every other tile of every kernel, those with subgroups included. */
async function runTiles(backend: GpuBackend, add: (v: Verdict) => void): Promise<void> {
  for (let index = 1; index <= OTHERS.software; index++) {
    const tuner = new FixedCandidate(index);
    for (const c of TILE_CASES) add(await compare(backend, tuner, c, `candidate-${index}`));
  }
}

/** Tiles in workgroup memory, which only hardware is offered. */
async function runSliced(backend: GpuBackend, add: (v: Verdict) => void): Promise<void> {
  for (const [index, { tile, cases }] of FEW_SLICED_CASES.entries()) {
    const tuner = new FixedTile(tile);
    for (const c of cases) add(await compare(backend, tuner, c, `sliced-${index}`));
  }
}

async function run(): Promise<KernelReport> {
  const { device, adapter, quads } = await openDevice(navigator.gpu);
  const backend = new GpuBackend(device, adapter, { quads });
  const line = document.querySelector('#adapter');
  if (line) line.textContent = `${backend.adapter.name} (${backend.adapter.kind})`;
  const start = performance.now();
  const verdicts: Verdict[] = [];
  const add = (verdict: Verdict) => {
    show(verdict);
    verdicts.push(verdict);
  };
  const asked = location.search;
  const offered = device.features.has(F16_FEATURE);
  if (asked === '?tiles') await runTiles(backend, add);
  else if (asked === '?sliced') await runSliced(backend, add);
  else {
    const half = offered ? HALF_CASES : [];
    const cases = asked === '?random' ? fewRandomCases : asked === '?f16' ? half : CASES;
    for (const parityCase of cases) add(await runCase(backend, parityCase));
  }
  const report = {
    adapter: backend.adapter,
    verdicts,
    seconds: (performance.now() - start) / 1000,
  };
  backend.dispose();
  return report;
}

window.kernelReport = run();
