/** What the charts draw over uPlot's lines: evaluations and the seeds' transitions. */
import type uPlot from 'uplot';
import type { RunEvent } from '../../../shared/contracts/events.ts';
import type { SeedStage } from '../../../shared/contracts/seed.ts';
import type { Evaluation } from '../../run-store.ts';
import { resolveColor } from '../../theme.ts';
import { STAGE_LOOKS, STAGE_SHAPES } from '../../ui/stage.ts';
import type { CurveKind } from './curve-data.ts';

export type Transition = Extract<RunEvent, { type: 'transition' }>;

/** Arrivals worth a mark: the others follow at once or end nothing. */
const MARKED: ReadonlySet<SeedStage> = new Set([
  'TRAINING',
  'BLENDING',
  'HOLDING',
  'FOSSILIZED',
  'CULLED',
  'ERROR_RECOVERY',
]);

export function markedTransitions(events: readonly RunEvent[]): Transition[] {
  return events.filter((e): e is Transition => e.type === 'transition' && MARKED.has(e.to));
}

/** Colours of one theme, resolved once a chart. */
export interface CurveColors {
  text: string;
  grid: string;
  train: string;
  test: string;
  panel: string;
  stages: Record<SeedStage, string>;
}

export function curveColors(): CurveColors {
  const stages = Object.fromEntries(
    Object.entries(STAGE_LOOKS).map(([stage, look]) => [stage, resolveColor(look.color)]),
  ) as Record<SeedStage, string>;
  return {
    text: resolveColor('--muted'),
    grid: resolveColor('--line-soft'),
    train: resolveColor('--accent'),
    test: resolveColor('--second'),
    panel: resolveColor('--panel'),
    stages,
  };
}

/** Dashed verticals with the stage's shape above; shapes that would overlap share the last one. */
export function drawTransitions(
  u: uPlot,
  transitions: readonly Transition[],
  colors: CurveColors,
  ratio: number,
): void {
  const { ctx, bbox } = u;
  const size = 11 * ratio;
  let lastGlyph = Number.NEGATIVE_INFINITY;
  for (const { step, to } of transitions) {
    const x = Math.round(u.valToPos(step, 'x', true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.save();
    ctx.strokeStyle = colors.stages[to];
    ctx.lineWidth = ratio;
    ctx.globalAlpha = 0.55;
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.restore();
    if (x - lastGlyph < size) continue;
    lastGlyph = x;
    drawGlyph(ctx, to, x - size / 2, bbox.top - size - 2 * ratio, size, colors);
  }
}

function drawGlyph(
  ctx: CanvasRenderingContext2D,
  stage: SeedStage,
  x: number,
  y: number,
  size: number,
  colors: CurveColors,
): void {
  const { outline, fill } = STAGE_SHAPES[stage];
  ctx.save();
  ctx.translate(x, y);
  ctx.scale(size / 16, size / 16);
  ctx.strokeStyle = colors.stages[stage];
  ctx.fillStyle = colors.stages[stage];
  ctx.lineWidth = 1.8;
  ctx.stroke(new Path2D(outline));
  if (fill !== '') ctx.fill(new Path2D(fill));
  ctx.restore();
}

/** Test evaluations as a line with squares: another shape, so colour is not needed. */
export function drawEvaluations(
  u: uPlot,
  kind: CurveKind,
  evaluations: readonly Evaluation[],
  colors: CurveColors,
  ratio: number,
): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  // Room for half a square at each edge: the last evaluation lies on it.
  const room = 4 * ratio;
  ctx.rect(bbox.left - room, bbox.top - room, bbox.width + 2 * room, bbox.height + 2 * room);
  ctx.clip();
  ctx.strokeStyle = colors.test;
  ctx.lineWidth = 1.5 * ratio;
  const points = evaluations
    .filter((e) => e.split === 'test' && e[kind] !== null)
    .map((e) => [u.valToPos(e.step, 'x', true), u.valToPos(e[kind] as number, 'y', true)] as const);
  ctx.beginPath();
  for (const [x, y] of points) ctx.lineTo(x, y);
  ctx.stroke();
  const half = 3 * ratio;
  for (const [x, y] of points) {
    ctx.fillStyle = colors.panel;
    ctx.fillRect(x - half, y - half, half * 2, half * 2);
    ctx.strokeRect(x - half, y - half, half * 2, half * 2);
  }
  ctx.restore();
}
