/** The end of a device: nothing is under way any more, whatever ran on it and beside it. */
import assert from 'node:assert/strict';
import { countCalls } from '../../bench/gpu-calls.ts';
import { dataOf, STANDARD } from '../../bench/standard.ts';
import { openWorkload } from '../../bench/workloads.ts';
import { Autotuner } from '../../shared/engine/gpu/autotuner.ts';
import { openDevice } from '../../shared/engine/gpu/device.ts';
import { GpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import { MemoryBlobStorage } from '../../shared/platform/memory.ts';

const options = { sanitizeOps: false, sanitizeResources: false } as const;
const test = (name: string, run: () => Promise<void>) => Deno.test(`close/${name}`, options, run);
const about = { shaderDigest: 'sha256:0', minMs: 1, tiered: true, budgetMs: 60_000 };

/** A workload that ran once on a device of its own: beside it, kernels are replaced and measured. */
async function running() {
  const { adapter, device, quads } = await openDevice(navigator.gpu);
  const storage = new MemoryBlobStorage();
  const notices: string[] = [];
  const onNotice = (message: string) => notices.push(message);
  const tuner = new Autotuner({ ...about, adapter: adapter.name, storage, onNotice });
  const backend = new GpuBackend(device, { ...adapter, kind: 'software' }, { quads, tuner });
  const { title: _, ...spec } = STANDARD['mlp_s']!;
  const workload = (await openWorkload(backend, spec, dataOf(spec)))!;
  await workload.run(1);
  return { backend, notices, storage, tuner, workload };
}

/** Resolves when `isDone`, looked at often. */
async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('waits for what is measured beside a plan, and nothing comes after it', async () => {
  const { backend, notices, storage, tuner, workload } = await running();
  const measured = () => Object.keys(tuner.report().choices).length;
  // One kernel is measured, and the next begun.
  await until(() => measured() > 0);
  let isSettled = false;
  void workload.executable.settled!.then(() => {
    isSettled = true;
  });
  assert.equal(isSettled, false);
  const { device } = backend;
  const { destroy } = device;
  let settledBefore: boolean | null = null;
  device.destroy = () => {
    settledBefore = isSettled;
    destroy.call(device);
  };
  await backend.close();
  assert.equal(settledBefore, true, 'the device went while a kernel was measured');
  assert.equal((await device.lost).reason, 'destroyed');
  const after = await countCalls(() => new Promise((resolve) => setTimeout(resolve, 200)));
  assert.deepEqual(
    Object.entries(after).filter(([, n]) => n > 0),
    [],
  );
  // What was measured is kept for the next run.
  const [name] = await storage.list('tuning');
  const kept = JSON.parse(new TextDecoder().decode((await storage.read(name!))!));
  assert.equal(Object.keys(kept.choices).length, measured());
  assert.ok(measured() > 0);
  assert.deepEqual(notices, []);
});

test('waits for a plan that was disposed of just before, and for steps under way', async () => {
  const { backend, workload } = await running();
  const { settled } = workload.executable;
  backend.run(workload.executable, 200);
  workload.dispose();
  let isSettled = false;
  void settled!.then(() => {
    isSettled = true;
  });
  await backend.close();
  assert.equal(isSettled, true);
});

test('a device that is lost holds nobody up', async () => {
  const { backend } = await running();
  backend.device.destroy();
  await backend.close();
  assert.equal((await backend.device.lost).reason, 'destroyed');
  // Twice does no harm.
  await backend.close();
});
