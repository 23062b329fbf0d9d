/** The standard workloads by name, a few beside them so that nothing fits only those, and data. */
import { RandomStream } from '#shared/base/random.ts';
import type { WorkloadData, WorkloadSpec } from './workloads.ts';

const CNN = { kind: 'cnn', b: 64, H: 28, c1: 16, c2: 32, d: 128, o: 10 } as const;

export const STANDARD: Readonly<Record<string, WorkloadSpec & { title: string }>> = {
  mm512: { title: 'matrix product 512³', kind: 'mm', n: 512 },
  mm1024: { title: 'matrix product 1024³', kind: 'mm', n: 1024 },
  lin: { title: 'Linear 512→256, batch 128', kind: 'lin', b: 128, i: 512, o: 256 },
  conv_f: {
    title: 'Conv 3×3 32→64, 32 × 16×16, forward',
    kind: 'conv',
    N: 32,
    C: 32,
    O: 64,
    H: 16,
  },
  conv_fb: { title: 'the same, all gradients', kind: 'convfb', N: 32, C: 32, O: 64, H: 16 },
  mlp_s: { title: 'train MLP 2-64-64-3, batch 128', kind: 'mlp', b: 128, dims: [2, 64, 64, 3] },
  mlp_m: {
    ...{ title: 'train MLP 784-256-128-10, batch 128', kind: 'mlp', b: 128 },
    dims: [784, 256, 128, 10],
  },
  cnn: { title: 'train CNN 28×28, 16 and 32 channels, batch 64', ...CNN },
  mm300: { title: 'matrix product 300³', kind: 'mm', n: 300 },
  lin_odd: { title: 'Linear 300→77, batch 100', kind: 'lin', b: 100, i: 300, o: 77 },
  lin_few: { title: 'Linear 512→256, batch 8', kind: 'lin', b: 8, i: 512, o: 256 },
  conv_odd: {
    title: 'Conv 3×3 20→36, 9 × 19×19, all gradients',
    kind: 'convfb',
    N: 9,
    C: 20,
    O: 36,
    H: 19,
  },
  mlp_deep: {
    ...{ title: 'train MLP 32-128-128-128-10, batch 64', kind: 'mlp', b: 64 },
    dims: [32, 128, 128, 128, 10],
  },
};

/** Floating-point operations of one iteration: two for every multiply-add of the layers. */
export function flopsOf(s: WorkloadSpec): number {
  if (s.kind === 'mm') return 2 * s.n! ** 3;
  if (s.kind === 'lin') return 2 * s.b! * s.i! * s.o!;
  if (s.kind.startsWith('conv')) {
    return 2 * s.N! * s.H! * s.H! * 9 * s.C! * s.O! * (s.kind === 'conv' ? 1 : 3);
  }
  if (s.kind === 'mlp') {
    // Forward, weight gradient and, but for the first layer, input gradient.
    const layers = s.dims!.slice(1).map((o, i) => 2 * s.b! * s.dims![i]! * o * (i === 0 ? 2 : 3));
    return layers.reduce((a, b) => a + b, 0);
  }
  const pixels = s.H! * s.H!;
  const conv1 = 2 * pixels * 9 * s.c1!;
  const conv2 = 2 * (pixels / 4) * 9 * s.c1! * s.c2!;
  const fc1 = 2 * (pixels / 16) * s.c2! * s.d!;
  return s.b! * (2 * conv1 + 3 * (conv2 + fc1 + 2 * s.d! * s.o!));
}

/** Uniform numbers in ±1, or ±1/√fan for parameters; labels in turn. */
export function dataOf(s: WorkloadSpec): WorkloadData {
  const draw = (name: string, size: number, fan = 1) => {
    const random = new RandomStream(1, `bench/${name}`);
    return Float32Array.from({ length: size }, () => (2 * random.uniform() - 1) / Math.sqrt(fan));
  };
  const layer = (name: string, shape: readonly number[], fan: number) => ({
    shape,
    v: draw(
      name,
      shape.reduce((a, b) => a * b, 1),
      fan,
    ),
  });
  const labels = (classes: number) => Array.from({ length: s.b! }, (_, i) => (i * 7 + 3) % classes);
  if (s.kind === 'mm') return { a: draw('a', s.n! ** 2), b: draw('b', s.n! ** 2) };
  if (s.kind === 'lin') {
    return { x: draw('x', s.b! * s.i!), w: draw('w', s.i! * s.o!, s.i!), b: draw('b', s.o!) };
  }
  if (s.kind.startsWith('conv')) {
    const pixels = s.N! * s.H! * s.H!;
    const w = draw('w', s.O! * s.C! * 9, s.C! * 9);
    return { x: draw('x', pixels * s.C!), w, g: draw('g', pixels * s.O!) };
  }
  if (s.kind === 'mlp') {
    const parameters = s.dims!.slice(1).flatMap((o, i) => {
      const fan = s.dims![i]!;
      return [layer(`w${i}`, [fan, o], fan), layer(`b${i}`, [o], fan)];
    });
    return { x: draw('x', s.b! * s.dims![0]!), y: labels(s.dims!.at(-1)!), P: parameters };
  }
  const flat = (s.H! / 4) ** 2 * s.c2!;
  return {
    x: draw('x', s.b! * s.H! * s.H!),
    y: labels(s.o!),
    P: [
      ...[layer('k1', [s.c1!, 1, 3, 3], 9), layer('k1b', [s.c1!], 9)],
      ...[layer('k2', [s.c2!, s.c1!, 3, 3], 9 * s.c1!), layer('k2b', [s.c2!], 9 * s.c1!)],
      ...[layer('f1', [flat, s.d!], flat), layer('f1b', [s.d!], flat)],
      ...[layer('f2', [s.d!, s.o!], s.d!), layer('f2b', [s.o!], s.d!)],
    ],
  };
}
