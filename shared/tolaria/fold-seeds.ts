/**
 * Folds a fossilised seed into the host of a running network: reads the tensors, makes the network
 * without the seed, writes them back, and compares what both compute on real rows.
 */
import { DeviceLostError, messageOf } from '../base/errors.ts';
import type { RunEvent } from '../contracts/events.ts';
import type { OptimizerSpec } from '../contracts/experiment.ts';
import { FOLD_BOUND, type FoldForm, foldForm } from '../kasmina/fold.ts';
import { foldTurn, type GraftBeside } from '../kasmina/fold-order.ts';
import { type FoldSite, foldSite } from '../kasmina/fold-site.ts';
import { foldedTensors, type MomentScale } from '../kasmina/fold-tensors.ts';
import type { Topology } from '../kasmina/growing-network.ts';
import type { GrowthController, SlotRecord } from '../kasmina/growth-controller.ts';
import type { HostChange } from '../kasmina/host-changes.ts';
import { type GraftedSeed, seedPrefix } from '../kasmina/kasmina-layer.ts';
import type { NetworkRuntime } from './network-runtime.ts';
import type { ParameterGroup } from './schedule.ts';

/** Validation rows that outputs are compared on, at most. */
const COMPARED_ROWS = 64;

export interface FoldTask {
  runtime: NetworkRuntime;
  growth: GrowthController;
  optimizer: OptimizerSpec;
  step: number;
  /** Validation features, row-major, and how many each row has. */
  rows: Float32Array;
  features: number;
  /** Topology and groups of the growth controller's state, with changes of the host besides. */
  network(
    changes: readonly HostChange[],
    without: string,
  ): {
    topology: Topology;
    groups: ParameterGroup[];
  };
}

type FoldEvent = Omit<Extract<RunEvent, { type: 'fold' }>, 'seq' | 'step' | 'time'>;

/**
 * @returns What to log; null when the seed has to wait for another to fold or to go.
 * @throws {DeviceLostError} When the device goes away.
 */
export async function foldSeed(task: FoldTask, record: SlotRecord): Promise<FoldEvent | null> {
  const { growth, runtime } = task;
  const seed = runtime.topology.seeds.find((s) => s.seedId === record.state.seedId);
  if (!seed) return null;
  const site = foldSite(runtime.topology, seed.layerId);
  const form = foldForm(seed, site);
  const before = { parameters: runtime.parameterCount, dispatches: dispatchesOf(runtime) };
  const report = (folded: boolean, reason: string, deviation: number | null): FoldEvent => ({
    ...{ type: 'fold', layerId: seed.layerId, slot: seed.slot, seedId: seed.seedId },
    ...{ blueprint: seed.blueprint.name, folded, reason, deviation, bound: FOLD_BOUND },
    parametersBefore: before.parameters,
    parametersAfter: runtime.parameterCount,
    dispatchesBefore: before.dispatches,
    dispatchesAfter: dispatchesOf(runtime),
  });
  if (form.kind === 'grafted') {
    record.stays = true;
    return report(false, form.reason, null);
  }
  const turn = foldTurn(seed, graftsBeside(task, seed));
  if (turn?.kind === 'wait') return null;
  if (turn?.kind === 'never') {
    record.stays = true;
    return report(false, turn.reason, null);
  }
  if (form.kind === 'widen' && site.neighbours.some((name) => growth.hasGraft(name))) return null;

  const tensors = await runtime.exportTensors();
  const folded = foldedTensors(seed, site, tensors, momentScale(task, record.bornStep));
  const old = { topology: runtime.topology, groups: runtime.groups };
  const changes = changesOf(form, site, tensors.get(`${site.layer.name}.weight`)!.shape);
  const next = task.network(changes, seed.seedId);
  const want = await outputsOf(task);
  try {
    await runtime.setTopology(next.topology, next.groups);
  } catch (error) {
    if (error instanceof DeviceLostError) throw error;
    record.stays = true;
    return report(false, `its network could not be built: ${messageOf(error)}`, null);
  }
  const prefix = seedPrefix(seed);
  const kept = [...tensors].filter(
    ([name]) => !name.replace(/^moment\d\//, '').startsWith(`${prefix}.`),
  );
  runtime.arena.importTensors(new Map([...kept, ...folded]));
  const deviation = deviationOf(await outputsOf(task), want);
  if (!(deviation <= FOLD_BOUND)) {
    await runtime.setTopology(old.topology, old.groups);
    runtime.arena.importTensors(tensors);
    record.stays = true;
    const finite = Number.isFinite(deviation) ? deviation : null;
    return report(false, 'its outputs would differ by more than the bound', finite);
  }
  growth.markFolded(
    record,
    changes,
    runtime.parameterCount - before.parameters + record.state.parameters,
  );
  return report(true, placeOf(form), deviation);
}

/** The other grafts on a seed's layer. */
function graftsBeside({ growth, runtime }: FoldTask, seed: GraftedSeed): GraftBeside[] {
  const { seeds } = runtime.topology;
  const own = seeds.indexOf(seed);
  return seeds.flatMap((other, i) => {
    if (other === seed || other.layerId !== seed.layerId) return [];
    const { state, stays = false } = growth.record(other.layerId, other.slot);
    return [{ seed: other, stage: state.stage, stays, isBefore: i < own }];
  });
}

function placeOf(form: FoldForm): string {
  switch (form.kind) {
    case 'matrix':
      return 'into its matrix';
    case 'kernel':
      return form.change
        ? `into its kernel, now ${form.change.kernelSize} wide`
        : 'into its kernel';
    case 'widen':
      return `${form.units} units joined ${form.before}`;
    case 'grafted':
      return form.reason;
  }
}

/** @param shape Of the layer's weight, replicas first. */
function changesOf(form: FoldForm, site: FoldSite, shape: readonly number[]): HostChange[] {
  if (form.kind === 'kernel') return form.change ? [form.change] : [];
  if (form.kind !== 'widen') return [];
  // Rows of the layer's weight are the units of the layer before.
  return [{ layerId: site.span!.before, units: shape[1]! + form.units }];
}

/**
 * The seed's moments, corrected for the seed's age, must be worth the same when they are corrected
 * for the host's: docs/kasmina.md, "Folding".
 */
function momentScale({ optimizer, step }: FoldTask, bornStep: number): MomentScale {
  const age = step - bornStep;
  if (optimizer.kind === 'sgd' || age <= 0) return { moment1: 1, moment2: 1 };
  const factor = (beta: number) => (1 - beta ** step) / (1 - beta ** age);
  return { moment1: factor(optimizer.beta1), moment2: factor(optimizer.beta2) };
}

async function outputsOf({ features, growth, rows, runtime, step }: FoldTask) {
  const count = Math.min(rows.length, COMPARED_ROWS * features);
  const { logits } = await runtime.predict(rows.slice(0, count), growth.alphas(step));
  return Float32Array.from(logits);
}

/** Largest difference, relative to the largest of `want`; infinite where it is no number. */
function deviationOf(got: Float32Array, want: Float32Array): number {
  let largest = 0;
  let difference = 0;
  want.forEach((w, i) => {
    largest = Math.max(largest, Math.abs(w));
    const d = Math.abs(got[i]! - w);
    difference = Math.max(difference, d);
  });
  const relative = difference === 0 ? 0 : difference / largest;
  return Number.isFinite(relative) ? relative : Number.POSITIVE_INFINITY;
}

function dispatchesOf(runtime: NetworkRuntime): number {
  return runtime.report?.dispatchesPerStep ?? 0;
}
