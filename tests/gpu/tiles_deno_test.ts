/** Every tile of every kernel gives the bits of its default, and the autotuner keeps to that. */
import { Autotuner } from '../../shared/engine/gpu/autotuner.ts';
import { openDevice } from '../../shared/engine/gpu/device.ts';
import { GpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import type { TuningStorage } from '../../shared/engine/gpu/tile-source.ts';
import type { TuningRecord } from '../../shared/engine/plan/backend.ts';
import { openTiny, tinyExperiment } from '../../shared/tolaria/_test-run.ts';
import { firstDifference } from './run-case.ts';
import {
  FixedCandidate,
  FixedTile,
  OTHERS,
  SLICED_CASES,
  TILE_CASES,
  WIDE_CASES,
} from './tile-cases.ts';

const { device, adapter, quads } = await openDevice(navigator.gpu);
const options = { sanitizeOps: false, sanitizeResources: false } as const;

/** One cache for all backends: a kernel whose tile is the same in two of them is compiled once. */
const { pipelines } = new GpuBackend(device, adapter);

function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

for (const kind of ['software', 'gpu'] as const) {
  const own = { ...adapter, kind };
  const standard = new GpuBackend(device, own, { quads, pipelines });
  for (let index = 1; index <= OTHERS[kind]; index++) {
    for (const c of kind === 'gpu' ? [...TILE_CASES, ...WIDE_CASES] : TILE_CASES) {
      Deno.test(`${c.name}/${kind}/candidate-${index}`, options, async () => {
        const tuner = new FixedCandidate(index);
        const other = new GpuBackend(device, own, { quads, tuner, pipelines });
        const name = await firstDifference(standard, other, c);
        assert(tuner.changed.size > 0, 'no kernel had another tile');
        assert(name === null, `${name}: candidate ${index} gives other bits than the default`);
      });
    }
  }
}

for (const c of TILE_CASES) {
  Deno.test(`${c.name}: both families of adapters`, options, async () => {
    const [software, hardware] = (['software', 'gpu'] as const).map(
      (kind) => new GpuBackend(device, { ...adapter, kind }, { quads, pipelines }),
    );
    const name = await firstDifference(software!, hardware!, c);
    assert(name === null, `${name}: hardware's kernels give other bits than a CPU renderer's`);
  });
}

for (const [index, { tile, cases }] of SLICED_CASES.entries()) {
  Deno.test(
    `products in workgroup memory, tile ${index}: ${cases.length} cases`,
    options,
    async () => {
      const standard = new GpuBackend(device, adapter, { quads, pipelines });
      const tuner = new FixedTile(tile);
      const other = new GpuBackend(device, adapter, { quads, tuner, pipelines });
      for (const c of cases) {
        const name = await firstDifference(standard, other, c);
        assert(name === null, `${c.name}: ${name} has other bits than with the default`);
      }
      assert(tuner.changed.size > 10, 'no kernel had another tile');
    },
  );
}

class MemoryStorage implements TuningStorage {
  readonly blobs = new Map<string, Uint8Array<ArrayBuffer>>();
  read(key: string) {
    return Promise.resolve(this.blobs.get(key) ?? null);
  }
  write(key: string, bytes: Uint8Array<ArrayBuffer>) {
    this.blobs.set(key, bytes);
    return Promise.resolve();
  }
}

const standard = new GpuBackend(device, adapter, { quads });
const mlp = TILE_CASES[0]!;
// Time enough: what a budget leaves out has a test of its own.
const about = {
  ...{ adapter: adapter.name, shaderDigest: 'sha256:0', minMs: 1, budgetMs: 120_000 },
};

/** Runs the case with a tuner beside the defaults; returns the tuner. */
async function tuned(extra: Partial<ConstructorParameters<typeof Autotuner>[0]>) {
  const tuner = new Autotuner({ ...about, ...extra });
  const backend = new GpuBackend(device, adapter, { quads, tuner });
  const name = await firstDifference(standard, backend, mlp);
  assert(name === null, `${name}: other bits with tuning`);
  return { ...tuner.report(), used: tuner.record().choices };
}

Deno.test(
  'the autotuner verifies and times every candidate and changes no bit',
  options,
  async () => {
    const report = await tuned({});
    const decisions = Object.entries(report.choices);
    assert(decisions.length > 5, `only ${decisions.length} choices`);
    for (const [key, d] of decisions) {
      assert(d.source === 'measured', `${key} is ${d.source}`);
      assert(d.candidates.length >= 2 && d.candidates.length <= 8, `${key}: candidates`);
      for (const c of d.candidates) {
        const why = `${key}: ${JSON.stringify(c)}`;
        assert(c.milliseconds !== null && c.milliseconds >= 0 && c.reason === undefined, why);
      }
      const mine = d.candidates.find((c) => c.tile === d.tile);
      assert(mine !== undefined, `${key}: the choice is no candidate`);
      const fastest = Math.min(...d.candidates.map((c) => c.milliseconds!));
      assert(mine.milliseconds! * 0.95 <= fastest || fastest === 0, `${key}: a slow choice`);
    }
  },
);

Deno.test('the autotuner verifies and times tiles in workgroup memory', options, async () => {
  const own = { ...adapter, kind: 'gpu' } as const;
  const tuner = new Autotuner({ ...about, budgetMs: 300_000 });
  for (const c of [mlp, WIDE_CASES[0]!]) {
    const name = await firstDifference(standard, new GpuBackend(device, own, { quads, tuner }), c);
    assert(name === null, `${name}: other bits with tuning`);
  }
  const all = Object.entries(tuner.report().choices);
  const tried = all.flatMap(([key, d]) => d.candidates.map((c) => ({ key, ...c })));
  const sliced = tried.filter((c) => c.tile.slice !== undefined);
  const ops = new Set(sliced.map((c) => c.key.replace(/\/.*/, '')));
  assert(ops.size === 6, `tried in ${[...ops].join()}`);
  for (const c of sliced) assert(c.milliseconds !== null, `${c.key}: ${c.reason}`);
});

Deno.test('stored choices are used again, by adapter and shader digest', options, async () => {
  const storage = new MemoryStorage();
  const first = await tuned({ storage });
  const again = await tuned({ storage, measure: false });
  const tiles = (r: typeof first) =>
    JSON.stringify(Object.entries(r.choices).map(([k, d]) => [k, d.tile]));
  assert(tiles(first) === tiles(again), 'other tiles after a reload');
  assert(
    Object.values(again.choices).every((d) => d.source === 'stored'),
    'measured anew',
  );
  const other = await tuned({ storage, measure: false, shaderDigest: 'sha256:1' });
  assert(Object.keys(other.choices).length === 0, 'choices of other shaders were used');
});

Deno.test('choices recorded with a run come before stored ones', options, async () => {
  const storage = new MemoryStorage();
  const stored = await tuned({ storage });
  const [key, decision] = Object.entries(stored.choices)[0]!;
  const tile = { ...decision.candidates.find((c) => c.tile !== decision.tile)!.tile };
  const { adapter: name, shaderDigest } = stored;
  const choices = { [key]: { tile, source: decision.source } };
  const recorded: TuningRecord = { adapter: name, shaderDigest, choices };
  const report = await tuned({ storage, measure: false, recorded });
  assert(report.used[key]!.source === 'recorded', 'the record was not honoured');
  assert(JSON.stringify(report.used[key]!.tile) === JSON.stringify(tile), 'another tile');
  const foreign = { ...recorded, adapter: 'another' };
  const elsewhere = await tuned({ storage, measure: false, recorded: foreign });
  assert(elsewhere.used[key]!.source === 'stored', 'choices of another adapter were used');
});

Deno.test('a stored tile that is no candidate is measured anew', options, async () => {
  const storage = new MemoryStorage();
  const stored = await tuned({ storage });
  const [key, decision] = Object.entries(stored.choices)[0]!;
  const tile = { rows: 1000, columns4: 1, wx: 1, wy: 1 };
  const { adapter: name, shaderDigest } = stored;
  const choices = { [key]: { tile, source: decision.source } };
  const recorded: TuningRecord = { adapter: name, shaderDigest, choices };
  const report = await tuned({ recorded });
  assert(report.used[key]!.source === 'measured', 'an impossible tile was kept');
});

Deno.test('a budget leaves the lightest kernels for the next session', options, async () => {
  const storage = new MemoryStorage();
  const first = await tuned({ storage, budgetMs: 1 });
  const sources = Object.values(first.used).map((d) => d.source);
  assert(sources.includes('measured') && sources.includes('default'), sources.join());
  const stored = new Set(Object.keys(first.choices));
  // Of the heaviest kernel too only the first candidates were compiled.
  const untried = (r: typeof first) =>
    Object.entries(r.choices).flatMap(([key, d]) =>
      d.candidates.filter((c) => c.reason === 'no time was left').map(() => key),
    );
  const left = new Set(untried(first));
  assert(stored.size === 1 && left.size === 1, `left candidates of ${[...left].join()}`);
  const before = first.choices[[...left][0]!]!;
  assert(before.candidates.filter((c) => c.milliseconds !== null).length === 4, 'more than four');
  const second = await tuned({ storage });
  for (const [key, { source }] of Object.entries(second.used)) {
    assert(source === 'measured', `${key} is ${source}`);
  }
  assert(untried(second).length === 0, `never tried: ${untried(second).join()}`);
  const after = second.choices[[...left][0]!]!;
  assert(
    after.candidates.every((c) => c.milliseconds !== null),
    'the rest was not measured',
  );
  const spent = await tuned({ totalMs: 0 });
  assert(Object.keys(spent.choices).length === 0, 'measured beyond the total');
});

Deno.test(
  'a cold and a warm table give a run the same digest, and its log the choices',
  options,
  async () => {
    const storage = new MemoryStorage();
    const digests: string[] = [];
    const recorded: TuningRecord[] = [];
    for (const kind of ['none', 'cold', 'warm', 'replay'] as const) {
      const tuner = new Autotuner({ ...about, ...(kind === 'replay' ? {} : { storage }) });
      const backend = new GpuBackend(device, adapter, {
        quads,
        ...(kind === 'none' ? {} : { tuner }),
      });
      const given = kind === 'replay' ? recorded[0]! : null;
      const experiment = tinyExperiment({
        host: { kind: 'mlp', hidden: [24, 12], activation: 'relu' },
      });
      const { trainer, events } = await openTiny({ backend, experiment, tuning: given });
      await trainer.train(20);
      digests.push(await trainer.digest());
      const tuning = events.filter((e) => e.type === 'tuning');
      recorded.push(...tuning);
      const wanted = { none: [], cold: ['measured'], warm: ['stored'], replay: ['recorded'] }[kind];
      const sources = new Set(tuning.flatMap((e) => Object.values(e.choices).map((c) => c.source)));
      assert(String([...sources]) === String(wanted), `${kind}: ${[...sources]}`);
      trainer.dispose();
    }
    assert(new Set(digests).size === 1, `digests differ: ${digests.join(', ')}`);
  },
);

Deno.test(
  'storage that fails or holds nonsense is reported and does not matter',
  options,
  async () => {
    const notices: string[] = [];
    const broken: TuningStorage = {
      read: () => Promise.resolve(new TextEncoder().encode('{"choices": ')),
      write: () => Promise.reject(new Error('the disk is full')),
    };
    const report = await tuned({ storage: broken, onNotice: (m) => notices.push(m) });
    assert(Object.keys(report.choices).length > 5, 'nothing was tuned');
    assert(notices.length === 2, `notices: ${notices.join('; ')}`);
    assert(/^Cannot read stored tuning, measuring anew: /.test(notices[0]!), notices[0]!);
    assert(notices[1] === 'Cannot store tuning: the disk is full', notices[1]!);
  },
);
