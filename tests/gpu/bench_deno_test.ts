/** `esper bench` on the adapter that Deno finds: one small workload, and its complaints. */
import assert from 'node:assert/strict';
import { dataOf, STANDARD } from '../../bench/standard.ts';
import { openWorkload } from '../../bench/workloads.ts';
import { runBench } from '../../cli/bench-command.ts';
import type { BenchCommandOptions } from '../../cli/bench-options.ts';
import { InputError } from '../../shared/base/errors.ts';
import { createGpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import { countCalls } from './gpu-calls.ts';

const options = { sanitizeOps: false, sanitizeResources: false } as const;
const test = (name: string, run: () => Promise<void>) => Deno.test(`bench/${name}`, options, run);
const never = new AbortController().signal;
const asked: BenchCommandOptions = { only: [], samples: 1, write: null, peers: null };

test('measures a workload and writes the page', async () => {
  const folder = await Deno.makeTempDir();
  const write = `${folder}/benchmarks.md`;
  const peers = `${folder}/peers.json`;
  const columns = { 'deno/ours': { ms: 1 }, 'deno/raw': { ms: 1.25 } };
  await Deno.writeTextFile(peers, JSON.stringify({ table: { mlp_s: columns } }));
  const notes: string[] = [];
  const { report, text } = await runBench(
    { only: ['mlp_s'], samples: 3, write, peers },
    (message) => notes.push(message),
    never,
  );
  assert.deepEqual(notes, [`measuring ${STANDARD['mlp_s']!.title}`, `written to ${write}`]);
  const [result] = report.workloads;
  assert.equal(report.workloads.length, 1);
  assert.equal(result!.dispatches, 9);
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
