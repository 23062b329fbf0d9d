/** Attention seeds on a GPT: what a position sees, and that they live as any other seed does. */
import { describe, expect, it } from 'vitest';
import { libraryBlueprint } from '../blueprints/library.ts';
import { scheduleBase } from '../engine/kernels/control.ts';
import type { DeviceBuffer } from '../engine/plan/backend.ts';
import { Graph } from '../engine/plan/graph.ts';
import { makePlan } from '../engine/plan/plan.ts';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import { ZOO } from '../models/_test-zoo.ts';
import { hostLayers } from '../models/host.ts';
import type { HostLayer } from '../models/layer.ts';
import { memoryRunStorage } from '../platform/memory.ts';
import { arenaOf, nonZeroValues, templateValues } from '../tezzeret/test-values.ts';
import { optionsFor } from '../tolaria/_test-models.ts';
import {
  advance,
  follow,
  fossilize,
  germinate,
  openTiny,
  runTiny,
  stages,
  tensorBits,
} from '../tolaria/_test-run.ts';
import { controlTensor, evaluationForward } from './growing-network.ts';
import type { GraftedSeed } from './kasmina-layer.ts';
import { wrap } from './wrap.ts';

const gpt = ZOO.find((m) => m.name === 'gpt')!;
const LENGTH = gpt.input[0]!;
const HEADS = 'transformer.h.0.attn.heads';
const MLP = 'transformer.h.1.mlp.c_fc';
/** Where the network with all its causal layers can be seen position by position. */
const LAST = 'transformer.h.1.mlp.c_proj';

/** What LAST gives for one row of tokens, [T][C] of values; weights are the same in every call. */
async function outputs(
  seeds: readonly string[],
  tokens: readonly number[],
  { causal = true, newborn = false } = {},
): Promise<number[][]> {
  const backend = createReferenceBackend();
  const layers = wrap(
    hostLayers(gpt.host, gpt.input, gpt.classes).map(
      (l): HostLayer => (l.kind === 'attention' ? { ...l, causal } : l),
    ),
    () => true,
  );
  const grafted = seeds.map(
    (layerId, slot): GraftedSeed => ({
      ...{ seedId: `s${slot}`, layerId, slot, blueprint: libraryBlueprint('attention-2') },
      ...{ stage: 'FOSSILIZED', blendMode: 'add', alphaColumn: 0, group: slot + 1 },
    }),
  );
  const graph = new Graph();
  const x = graph.create('x', [1, ...gpt.input], { role: 'external' });
  const control = controlTensor(graph);
  const topology = { layers, input: gpt.input, seeds: grafted } as const;
  const rest = { incubation: 'shadow', reach: 'layer' } as const;
  const pass = evaluationForward(graph, control, { ...topology, ...rest }, x);
  const plan = makePlan('seen', graph, 1, { y: pass.layerOutputs.get(LAST)! });
  const parameters = backend.createBuffer('parameters', plan.parameterElements);
  const values = (name: string) =>
    newborn && name.includes('.seeds.') ? templateValues : nonZeroValues;
  backend.writeFloats(
    parameters,
    arenaOf(plan, (p) => values(p.name)(p)),
  );
  const rows = backend.createBuffer('x', Math.ceil(LENGTH / 4) * 4);
  backend.writeFloats(rows, new Float32Array([...tokens, 0, 0]));
  // Step 0 of a chunk from step 0, whose one column is 1.
  const words = backend.createBuffer('control', scheduleBase(1) + 4);
  backend.writeWords(words, new Uint32Array([0x3f800000]), scheduleBase(1));
  const buffers: Record<string, DeviceBuffer> = { parameters, x: rows, control: words };
  const executable = await backend.prepare(plan, {
    buffers,
    scheduleBase: scheduleBase(1),
    scheduleColumns: 4,
  });
  backend.run(executable, 1);
  const y = [...(await executable.readOutput('y'))];
  const channels = y.length / LENGTH;
  return Array.from({ length: LENGTH }, (_, t) => y.slice(t * channels, (t + 1) * channels));
}

const TOKENS = [1, 3, 0, 2, 4, 1];
const CHANGED = [1, 3, 0, 3, 4, 1];
/** Positions whose output is another. */
const moved = (a: number[][], b: number[][]) =>
  a.flatMap((row, t) => (row.every((v, i) => Object.is(v, b[t]![i])) ? [] : [t]));

describe('an attention seed', () => {
  it.each([[[HEADS]], [[MLP]], [[HEADS, MLP]]])(
    'on %j sees no later position of a causal host',
    async (on) => {
      const before = await outputs(on, TOKENS);
      expect(moved(before, await outputs(on, CHANGED))).toEqual([3, 4, 5]);
      // It is no bystander: the network without it computes something else.
      expect(moved(before, await outputs([], TOKENS))).toEqual([0, 1, 2, 3, 4, 5]);
    },
  );

  it('sees all positions where the host does', async () => {
    const both = [await outputs([MLP], TOKENS, { causal: false })];
    both.push(await outputs([MLP], CHANGED, { causal: false }));
    expect(moved(both[0]!, both[1]!)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('adds nothing at birth, bit for bit', async () => {
    const bare = await outputs([], TOKENS);
    expect(moved(bare, await outputs([HEADS, MLP], TOKENS, { newborn: true }))).toEqual([]);
  });
});

describe.each([HEADS, MLP])('a run with an attention seed on %s', (layer) => {
  const options = optionsFor(gpt, { growth: { layers: [layer] }, steps: 14 });

  it('keeps it out of the host while it trains', async () => {
    const bare = await runTiny(options);
    const { trainer } = await openTiny(options);
    await follow(trainer, { 2: [germinate(layer, 'attention-2')] });
    expect(stages(trainer)).toEqual([`${layer}:TRAINING`]);
    const [alone, beside] = [await tensorBits(bare.trainer), await tensorBits(trainer)];
    for (const [name, bits] of alone) expect(beside.get(name), name).toBe(bits);
    expect([...beside.keys()].filter((name) => name.includes('.keys.'))).not.toEqual([]);
    bare.trainer.dispose();
    trainer.dispose();
  });

  it('blends it in and keeps it, and resumes to the same bits', async () => {
    const script = {
      2: [germinate(layer, 'attention-2')],
      6: [advance(layer)],
      10: [advance(layer)],
      12: [fossilize(layer)],
    };
    const whole = await runTiny(options, script);
    expect(stages(whole.trainer)).toEqual([`${layer}:FOSSILIZED`]);
    const storage = memoryRunStorage();
    const first = await openTiny({ ...options, storage });
    await follow(first.trainer, script, 7);
    await first.trainer.save();
    const second = await openTiny({ ...options, storage, resume: true });
    await follow(second.trainer, script);
    expect(await second.trainer.digest()).toBe(whole.digest);
    for (const { trainer } of [whole, first, second]) trainer.dispose();
  });
});
