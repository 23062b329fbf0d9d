/** What `esper train` leaves behind and prints, where a script depends on it. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RunEvent } from '#shared/contracts/events.ts';
import { Experiment } from '#shared/contracts/experiment.ts';
import { startServer } from '../server/server-process.ts';
import { esper, inFolder, startEsper } from './esper-process.ts';
import { jsonLines, lastLine, writeExperiment } from './small-run.ts';

Deno.test('--json is one event a line, the last with every figure; the folder holds the same', async () => {
  await inFolder(async (cwd) => {
    await writeExperiment(cwd, { steps: 450 });
    const outcome = await esper(['train', 'small.json', '--seed', '7', '--json'], { cwd });
    assert.equal(outcome.code, 0, outcome.stderr);
    const lines = jsonLines(outcome);
    const last = lines.at(-1)!;
    assert.ok(
      outcome.stdout.split('\n').at(-2)!.startsWith('{"type":"run.finished","status":"done",'),
    );
    const { digest, parameters, seconds, steps, testAccuracy, trainAccuracy } = last;
    assert.equal(steps, 450);
    assert.match(String(digest), /^sha256:[0-9a-f]{64}$/);
    for (const share of [trainAccuracy, testAccuracy]) {
      assert.ok(typeof share === 'number' && share >= 0 && share <= 1);
    }
    assert.ok(Number.isInteger(parameters) && Number(parameters) > 0);
    assert.ok(Number(seconds) > 0);
    for (const count of [last['seedsGerminated'], last['seedsFossilized']]) {
      assert.ok(Number.isInteger(count));
    }

    // The default folder: name and seed.
    const folder = join(cwd, 'runs', 'small-7');
    const files = ['checkpoint.previous.safetensors', 'checkpoint.safetensors'];
    assert.deepEqual((await readdir(folder)).sort(), [
      ...files,
      'events.jsonl',
      'experiment.json',
      'history',
    ]);
    const stored = Experiment.parse(
      JSON.parse(await readFile(join(folder, 'experiment.json'), 'utf8')),
    );
    assert.equal(stored.seed, 7);
    const log = (await readFile(join(folder, 'events.jsonl'), 'utf8')).trimEnd().split('\n');
    const events = log.map((line) => RunEvent.parse(JSON.parse(line)));
    assert.deepEqual(
      events.map((event) => event.seq),
      [...events.keys()],
    );
    assert.deepEqual(
      lines.map((line) => line['seq']),
      [...events.keys()],
    );
    assert.deepEqual({ ...events.at(-1) }, { ...last });
  });
});

Deno.test('the same run without growth has the parameters of its host', async () => {
  await inFolder(async (cwd) => {
    await writeExperiment(cwd, { steps: 100 });
    const outcome = await esper(['train', 'small.json', '--no-growth'], { cwd });
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.match(outcome.stdout, /^Done after 100 steps in 0:\d\d\n {2}train accuracy {2}\d/);
    // 2 inputs to 1 unit to 2 classes, with biases.
    assert.match(
      outcome.stdout,
      /\n {2}parameters {6}7\n {2}seeds {11}0 germinated, 0 fossilised\n/,
    );
  });
});

Deno.test('a server that is killed while a run uses it changes nothing of the run', async () => {
  await inFolder(async (cwd) => {
    await writeExperiment(cwd);
    const alone = await esper(['train', 'small.json', '--out', 'alone', '--json'], { cwd });
    assert.equal(alone.code, 0, alone.stderr);
    const server = await startServer(join(cwd, 'server'));
    let isUp = true;
    try {
      const args = ['train', 'small.json', '--out', 'with', '--json', '--server', server.url];
      const running = startEsper(args, { cwd });
      await running.line((line) => line.includes('"to":"TRAINING"'));
      await server.kill('SIGKILL');
      isUp = false;
      const outcome = await running.done;
      assert.equal(outcome.code, 0, outcome.stderr);
      assert.equal(lastLine(outcome)['digest'], lastLine(alone)['digest']);
      assert.equal(lastLine(outcome)['testAccuracy'], lastLine(alone)['testAccuracy']);
    } finally {
      if (isUp) await server.kill('SIGKILL');
    }
  });
});

Deno.test('--profile tells the time of each kernel and changes nothing of the run', async () => {
  await inFolder(async (cwd) => {
    await writeExperiment(cwd, { steps: 450 });
    const plain = await esper(['train', 'small.json', '--out', 'plain', '--json'], { cwd });
    assert.equal(plain.code, 0, plain.stderr);
    const args = ['train', 'small.json', '--out', 'timed', '--json', '--profile'];
    const timed = await esper(args, { cwd });
    assert.equal(timed.code, 0, timed.stderr);
    const [times, last] = jsonLines(timed).slice(-2);
    assert.equal(times!['type'], 'kernel-times');
    assert.equal(times!['step'], 450);
    const kernels = times!['kernels'] as { kernel: string; dispatches: number }[];
    assert.ok(kernels.some((k) => k.kernel === 'adam_update' && k.dispatches === 1));
    assert.equal(last!['digest'], lastLine(plain)['digest']);
    // When a kernel's tile is measured beside the run is up to the clock.
    const untimed = (type: unknown) => type !== 'tuning' && type !== 'kernel-times';
    const printed = (run: typeof plain) =>
      jsonLines(run)
        .map((l) => l['type'])
        .filter(untimed);
    assert.deepEqual(printed(timed), printed(plain));
    const types = async (run: string) => {
      const log = await readFile(join(cwd, run, 'events.jsonl'), 'utf8');
      return log
        .trimEnd()
        .split('\n')
        .map((line) => RunEvent.parse(JSON.parse(line)).type)
        .filter(untimed);
    };
    assert.deepEqual(await types('timed'), await types('plain'));
    const again = await esper(['train', '--resume', '--out', 'timed', '--profile'], { cwd });
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stdout, /\n\nKernels of one training step.*\n {2}kernel +dispatches/);
  });
});
