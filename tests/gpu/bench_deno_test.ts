/** `esper bench` on the adapter that Deno finds: one small workload, and its complaints. */
import assert from 'node:assert/strict';
import { countCalls } from '../../bench/gpu-calls.ts';
import { dataOf, STANDARD } from '../../bench/standard.ts';
import { openWorkload } from '../../bench/workloads.ts';
import { runBench } from '../../cli/bench-command.ts';
import type { BenchCommandOptions } from '../../cli/bench-options.ts';
import { InputError } from '../../shared/base/errors.ts';
import { openDevice } from '../../shared/engine/gpu/device.ts';
import { createGpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';

const options = { sanitizeOps: false, sanitizeResources: false } as const;
const test = (name: string, run: () => Promise<void>) => Deno.test(`bench/${name}`, options, run);
const never = new AbortController().signal;
const asked: BenchCommandOptions = {
  ...{ only: [], samples: 1, write: null, peers: null },
  ...{ browser: false, profile: false },
};

test('measures a workload and writes the page', async () => {
  const folder = await Deno.makeTempDir();
  const write = `${folder}/benchmarks.md`;
  const peers = `${folder}/peers.json`;
  const columns = { 'deno/ours': { ms: 1 }, 'deno/raw': { ms: 1.25 } };
  await Deno.writeTextFile(peers, JSON.stringify({ table: { mlp_s: columns } }));
  const notes: string[] = [];
  const { reports, text } = await runBench(
    { ...asked, only: ['mlp_s'], samples: 3, write, peers, profile: true },
    (message) => notes.push(message),
    never,
  );
  assert.deepEqual(notes, [`measuring ${STANDARD['mlp_s']!.title}`, `written to ${write}`]);
  assert.equal(reports.length, 1);
  const report = reports[0]!;
  const [result] = report.workloads;
  assert.equal(report.workloads.length, 1);
  assert.equal(result!.dispatches, 9);
  assert.deepEqual([result!.calls['submit'], result!.calls['createBuffer']], [1, 0]);
  assert.ok(result!.arenaBytes < result!.withoutReuseBytes);
  // One entry a dispatch, in order; where the device has a clock none is unmeasured.
  assert.equal(result!.profile!.length, 9);
  assert.equal(result!.profile!.at(-1)!.kernel, 'adam_update');
  const clocked =
    navigator.gpu && (await openDevice(navigator.gpu)).device.features.has('timestamp-query');
  for (const k of result!.profile!) assert.equal(k.milliseconds !== null, clocked, k.kernel);
  assert.ok(result!.fastest > 0 && result!.fastest <= result!.milliseconds);
  assert.ok(result!.peakShare > 0 && result!.peakShare < 1, `${result!.peakShare} of the peak`);
  assert.ok(report.peakGflops > 0);
  assert.ok(text.includes(report.adapter));
  const page = await Deno.readTextFile(write);
  assert.match(page, /^# Benchmarks/);
  assert.match(page, /mlp_s\s+\| deno\s+\| raw .* 1\.25×/);
  await Deno.remove(folder, { recursive: true });
});

test('trains, in one pass and one submit, with nothing made or uploaded', async () => {
  const backend = await createGpuBackend(navigator.gpu);
  const { title: _, ...spec } = STANDARD['mlp_s']!;
  const workload = (await openWorkload(backend, spec, dataOf(spec)))!;
  const losses = await workload.check();
  assert.equal(losses.length, 5);
  losses.slice(1).forEach((loss, i) => {
    assert.ok(loss < losses[i]!, `step ${i + 1}: ${losses.join(', ')}`);
  });
  const calls = await countCalls(() => workload.run(4));
  assert.equal(calls['dispatchWorkgroups'], 36);
  assert.deepEqual([calls['beginComputePass'], calls['submit']], [1, 1]);
  for (const name of ['createBuffer', 'createBindGroup', 'writeBuffer']) {
    assert.equal(calls[name], 0, name);
  }
  workload.dispose();
  backend.dispose();
});

test('a profiled step has the bits of a plain one', async () => {
  const backend = await createGpuBackend(navigator.gpu);
  const { title: _, ...spec } = STANDARD['mlp_s']!;
  const losses: number[][] = [];
  for (const profiled of [false, true]) {
    const workload = (await openWorkload(backend, spec, dataOf(spec)))!;
    await workload.run(1);
    // The profiled steps go unseen by the workload, which then reads their losses in place of its own.
    if (profiled) await backend.profile(workload.executable, 3);
    losses.push(await workload.runLoss!(3));
    workload.dispose();
  }
  assert.deepEqual(losses[1], losses[0]);
  backend.dispose();
});

test('a stop before the first section keeps what there is', async () => {
  const stopped = AbortSignal.abort();
  const folder = await Deno.makeTempDir();
  const write = `${folder}/page.md`;
  const { reports } = await runBench({ ...asked, write }, () => {}, stopped);
  assert.deepEqual([reports[0]!.interrupted, reports[0]!.workloads.length], [true, 0]);
  assert.match(await Deno.readTextFile(write), /interrupted, what is missing was not measured/);
  await Deno.remove(folder, { recursive: true });
});

test('names what is wrong before it measures', async () => {
  const run = (more: Partial<BenchCommandOptions>) =>
    runBench({ ...asked, ...more }, () => assert.fail('measured'), never);
  await assert.rejects(run({ only: ['mm51'] }), (error) => {
    assert.ok(error instanceof InputError);
    assert.match(error.message, /^Unknown workload "mm51": did you mean "mm512"/);
    return true;
  });
  await assert.rejects(run({ peers: '/nowhere.json' }), /Cannot read "\/nowhere.json"/);
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, '{');
  await assert.rejects(run({ peers: file }), /it is not JSON/);
  await Deno.writeTextFile(file, '{}');
  await assert.rejects(run({ peers: file }), /it has no "table"/);
  await Deno.remove(file);
});
