/** A layer and its loss in one dispatch have the bits of the two dispatches they are made of. */
import assert from 'node:assert/strict';
import { RandomStream } from '../../shared/base/random.ts';
import { createGpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import { Graph } from '../../shared/engine/plan/graph.ts';
import { makePlan } from '../../shared/engine/plan/plan.ts';
import { pack } from '../../shared/engine/plan/shape.ts';

const options = { sanitizeOps: false, sanitizeResources: false } as const;
const backend = await createGpuBackend(navigator.gpu);

/** Row statistics and gradient, as words, with the scores kept (two dispatches) or not (one). */
async function lossOf(size: readonly [number, number, number], smoothing: number, kept: boolean) {
  const [batch, features, classes] = size;
  const graph = new Graph();
  const shared = { role: 'external', replicated: false } as const;
  const shapes = { x: [batch, features], w: [features, classes], b: [classes] };
  const buffers: Record<string, ReturnType<typeof backend.createBuffer>> = {};
  const given = Object.entries(shapes).map(([name, shape]) => {
    const stored = shape.map((n, i) => (name === 'x' && i === 0 ? n : Math.ceil(n / 4) * 4));
    const t = graph.create(name, shape, { ...shared, padded: stored });
    const random = new RandomStream(7, `${name}${shape}`);
    const values = Float32Array.from({ length: shape[0]! * (shape[1] ?? 1) }, () =>
      random.normal(),
    );
    const packed = pack(values, t.shape, t.padded);
    buffers[name] = backend.createBuffer(name, packed.length);
    backend.writeFloats(buffers[name], packed);
    return t;
  });
  const labels = graph.create('labels', [batch], { ...shared, dtype: 'u32', padded: [batch] });
  buffers['labels'] = backend.createBuffer('labels', batch);
  const classOf = (i: number) => (i === 3 ? 0xffff_ffff : (i * 7) % classes);
  backend.writeWords(
    buffers['labels'],
    Uint32Array.from({ length: batch }, (_, i) => classOf(i)),
  );
  const logits = graph.one('linear', given);
  const attrs = smoothing > 0 ? { smoothing } : {};
  const [rows, d] = graph.apply('softmax_cross_entropy', [logits, labels], attrs);
  const plan = makePlan('loss', graph, 1, { rows: rows!, d: d!, ...(kept ? { logits } : {}) });
  assert.equal(plan.dispatches.length, kept ? 2 : 1);
  const executable = await backend.prepare(plan, { buffers, scheduleBase: 12, scheduleColumns: 4 });
  backend.run(executable, 1);
  const out = [await executable.readOutput('rows'), await executable.readOutput('d')];
  executable.dispose();
  for (const buffer of Object.values(buffers)) backend.destroyBuffer(buffer);
  return out.map((v) => new Uint32Array(v.buffer));
}

const SIZES = [
  [70, 40, 3],
  [33, 128, 10],
  [64, 8, 32],
] as const;

for (const size of SIZES) {
  for (const smoothing of [0, 0.1]) {
    Deno.test(`fused loss/${size.join('x')}/smoothing-${smoothing}`, options, async () => {
      assert.deepEqual(await lossOf(size, smoothing, false), await lossOf(size, smoothing, true));
    });
  }
}
