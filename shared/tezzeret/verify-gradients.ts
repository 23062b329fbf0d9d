/**
 * The two checks that only need the float64 reference: its gradients against central differences,
 * and that nothing in a new seed is dead.
 */
import { RandomStream } from '../base/random.ts';
import type { VerificationCheck } from '../contracts/blueprint.ts';
import type { Plan, PlannedParameter } from '../engine/plan/plan.ts';
import { numel, pack } from '../engine/plan/shape.ts';
import { breather } from './breather.ts';
import { atMost } from './deviation.ts';
import { parameterName } from './fragment.ts';
import type { FragmentInputs, FragmentResult, FragmentRun } from './fragment-run.ts';

type Floats = Float32Array<ArrayBuffer>;

/**
 * Half the distance of the two evaluations. Where the first misses the bound the second is tried: a
 * kink (ReLU) between the two points is no fault, and is unlikely to lie between the closer ones.
 */
const STEPS = [2 ** -8, 2 ** -11] as const;
/** Outputs are read as float32, which is what limits this. */
const DIFFERENCE_BOUND = 1e-3;
/** Multiply-adds the differences may take, besides one direction for each tensor. */
const WORK_BUDGET = 5e7;
const MAX_SINGLES = 3;

/** Learning rate of the two steps a seed gets to wake up. */
const LEARNING_RATE = 0.05;
/** A gradient counts when it is this large beside the largest of its tensor. */
const ALIVE_SHARE = 1e-12;

/** A tensor to differentiate by: where its values are, and its gradient. */
interface Variable {
  name: string;
  values: Floats;
  gradient: Floats;
  /** Positions of the real values, padding left out. */
  positions: number[];
}

/**
 * Central differences of L = sum(s * dy), for every parameter tensor and for x and z: once along a
 * direction that moves every value, and by a few single values.
 *
 * @param run Forward fragment on the reference.
 * @param result What the reference's training fragment made of the same inputs.
 */
export async function checkDifferences(
  run: FragmentRun,
  inputs: FragmentInputs,
  result: FragmentResult,
): Promise<VerificationCheck> {
  const parameters = inputs.parameters.slice();
  const externals = new Map([...inputs.externals].map(([name, v]) => [name, v.slice()]));
  const dy = externals.get('dy')!;
  const loss = async () => {
    const s = (await run.run({ parameters, externals })).outputs.get('s')!;
    return s.reduce((sum, v, i) => sum + v * dy[i]!, 0);
  };
  const variables = variablesOf(run.plan, { parameters, externals }, result);
  const work = forwardWork(run.plan);
  const singles = Math.floor(WORK_BUDGET / (2 * work * variables.length)) - 1;
  let worst = 0;
  let where = '';
  let directions = 0;
  const breathe = breather();
  for (const variable of variables) {
    for (const direction of directionsOf(variable, Math.max(0, Math.min(MAX_SINGLES, singles)))) {
      directions++;
      await breathe();
      let deviation = Number.POSITIVE_INFINITY;
      for (const step of STEPS) {
        if (deviation <= DIFFERENCE_BOUND) break;
        deviation = Math.min(deviation, await difference(variable, direction, step, loss));
      }
      if (!(deviation <= worst)) [worst, where] = [deviation, variable.name];
    }
  }
  const detail =
    `central differences of the float64 loss along ${directions} directions in ` +
    `${variables.length} tensors, relative; largest at ${where || 'none'}`;
  return atMost('finite-differences', worst, DIFFERENCE_BOUND, detail);
}

function variablesOf(plan: Plan, inputs: FragmentInputs, result: FragmentResult): Variable[] {
  const variables = plan.parameters.map((p): Variable => {
    const end = p.offset + numel(p.padded);
    return {
      name: parameterName(p),
      values: inputs.parameters.subarray(p.offset, end),
      gradient: result.gradients.subarray(p.offset, end),
      positions: realPositions(p),
    };
  });
  for (const name of ['x', 'z']) {
    const gradient = result.outputs.get(`d_${name}`);
    const tensor = plan.dispatches.flatMap((d) => d.inputs).find((t) => t.buffer === name);
    if (!gradient || !tensor) continue;
    const values = inputs.externals.get(name)!;
    variables.push({ name, values, gradient, positions: realPositions(tensor) });
  }
  return variables;
}

/** A direction as positions and how far each moves; `scale` is what a deviation is relative to. */
interface Direction {
  positions: readonly number[];
  moves: readonly number[];
  /** Norm of the gradient the moves are measured against, per unit of movement. */
  scale: number;
}

function directionsOf({ name, gradient, positions }: Variable, singles: number): Direction[] {
  const random = new RandomStream(0, `forge/differences/${name}`);
  // Along the gradient the difference is largest and so best conditioned; random factors keep a
  // wrong gradient from agreeing by its length alone.
  const along = positions.map((i) => gradient[i]! * (0.5 + random.uniform()));
  const length = Math.hypot(1e-30, ...chunkNorms(along));
  const norm = Math.hypot(1e-30, ...chunkNorms(positions.map((i) => gradient[i]!)));
  const directions: Direction[] = [{ positions, moves: along.map((v) => v / length), scale: norm }];
  const largest = positions.reduce((a, i) => Math.max(a, Math.abs(gradient[i]!)), 1e-30);
  for (let k = 0; k < singles; k++) {
    const at = positions[random.integer(positions.length)]!;
    directions.push({ positions: [at], moves: [1], scale: largest });
  }
  return directions;
}

/** Norms of pieces, since a call takes only so many arguments. */
function chunkNorms(values: readonly number[]): number[] {
  const norms: number[] = [];
  for (let i = 0; i < values.length; i += 4096)
    norms.push(Math.hypot(...values.slice(i, i + 4096)));
  return norms;
}

async function difference(
  { values, gradient }: Variable,
  { positions, moves, scale }: Direction,
  step: number,
  loss: () => Promise<number>,
): Promise<number> {
  const before = positions.map((i) => values[i]!);
  const move = (factor: number) =>
    positions.forEach((i, k) => {
      values[i] = before[k]! + factor * moves[k]!;
    });
  move(step);
  const upper = positions.map((i) => values[i]!);
  const above = await loss();
  move(-step);
  // What float32 made of the two points counts, not what was asked for.
  const predicted = positions.reduce(
    (sum, i, k) => sum + gradient[i]! * (upper[k]! - values[i]!),
    0,
  );
  const below = await loss();
  move(0);
  const deviation = Math.abs(above - below - predicted) / (2 * step * scale);
  return Number.isFinite(deviation) ? deviation : Number.POSITIVE_INFINITY;
}

/**
 * Two plain gradient steps of a new seed towards random targets: every value of every parameter
 * must have received a gradient by then.
 *
 * @param run Training fragment on the reference.
 * @param birth Template weights, and inputs that are never negative, as after a ReLU: the hard
 *   case for a seed's units. `dy` is replaced.
 * @param targets What s is drawn to, as `dy` is stored.
 */
export async function checkAlive(
  run: FragmentRun,
  birth: FragmentInputs,
  targets: Floats,
  batch: number,
): Promise<VerificationCheck> {
  const parameters = birth.parameters.slice();
  const seen = new Uint8Array(parameters.length);
  let dy: Floats = targets.map((t) => (-2 * t) / batch);
  const breathe = breather(0);
  for (let step = 0; step < 2; step++) {
    await breathe();
    const externals = new Map([...birth.externals, ['dy', dy]]);
    let { gradients, outputs } = await run.run({ parameters, externals });
    if (step > 0) {
      // The first run was at s = 0; from here on the gradient follows s.
      const s = outputs.get('s')!;
      dy = targets.map((t, i) => (2 * (s[i]! - t)) / batch);
      ({ gradients } = await run.run({
        parameters,
        externals: new Map([...externals, ['dy', dy]]),
      }));
    }
    for (const p of run.plan.parameters) markAlive(p, gradients, seen);
    for (let i = 0; i < parameters.length; i++) parameters[i]! -= LEARNING_RATE * gradients[i]!;
  }
  let dead = 0;
  const names: string[] = [];
  for (const p of run.plan.parameters) {
    const own = realPositions(p).filter((i) => seen[p.offset + i] === 0).length;
    dead += own;
    if (own > 0) names.push(`${own} in ${parameterName(p)}`);
  }
  const detail =
    'parameter values without a gradient in the first two steps' +
    (names.length > 0 ? `: ${names.join(', ')}` : '');
  return atMost('alive', dead, 0, detail);
}

function markAlive(p: PlannedParameter, gradients: Floats, seen: Uint8Array): void {
  const positions = realPositions(p);
  let largest = 0;
  for (const i of positions) largest = Math.max(largest, Math.abs(gradients[p.offset + i]!));
  for (const i of positions) {
    const g = Math.abs(gradients[p.offset + i]!);
    if (g > ALIVE_SHARE * largest && Number.isFinite(g)) seen[p.offset + i] = 1;
  }
}

/** Positions within a tensor's storage that are no padding. */
export function realPositions(t: {
  shape: readonly number[];
  padded: readonly number[];
}): number[] {
  const mask = pack(new Float32Array(numel(t.shape)).fill(1), t.shape, t.padded);
  const positions: number[] = [];
  mask.forEach((real, i) => {
    if (real === 1) positions.push(i);
  });
  return positions;
}

/** Multiply-adds of one forward run: every weight at every row and pixel it is used for. */
function forwardWork(plan: Plan): number {
  let work = 1;
  for (const { op, inputs, outputs } of plan.dispatches) {
    if (op !== 'linear' && op !== 'conv2d') continue;
    const pixels = numel(outputs[0]!.padded.slice(0, -1));
    work += numel(inputs[1]!.padded) * pixels;
  }
  return work;
}
