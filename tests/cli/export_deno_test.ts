/** `esper export` as a person types it, on a run that was really trained. */
import assert from 'node:assert/strict';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { esper, inFolder } from './esper-process.ts';
import { SMALL, writeExperiment } from './small-run.ts';

/** Tensors of a safetensors file, by the format's description. */
function tensorsOf(bytes: Uint8Array): Record<string, { shape: number[]; values: Float32Array }> {
  const header = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const entries = JSON.parse(new TextDecoder().decode(bytes.slice(8, 8 + header)));
  delete entries.__metadata__;
  return Object.fromEntries(
    Object.entries(
      entries as Record<string, { shape: number[]; data_offsets: [number, number] }>,
    ).map(
      ([
        name,
        {
          shape,
          data_offsets: [from, to],
        },
      ]) => [
        name,
        { shape, values: new Float32Array(bytes.slice(8 + header + from, 8 + header + to).buffer) },
      ],
    ),
  );
}

Deno.test('a run is exported to every format, and to nothing it is not', async (t) => {
  await inFolder(async (cwd) => {
    const host = { kind: 'mlp' as const, hidden: [3], activation: 'tanh' as const };
    await writeExperiment(cwd, { steps: 400, host, growth: { ...SMALL.growth, enabled: false } });
    const trained = await esper(['train', 'small.json', '--out', 'runs/a'], { cwd });
    assert.equal(trained.code, 0, trained.stderr);

    await t.step('safetensors, in the layouts of PyTorch', async () => {
      const done = await esper(['export', 'runs/a', '--format', 'safetensors'], { cwd });
      assert.equal(done.code, 0, done.stderr);
      const tensors = tensorsOf(new Uint8Array(await readFile(join(cwd, 'runs/a.safetensors'))));
      const shapes = Object.fromEntries(
        Object.entries(tensors).map(([n, { shape }]) => [n, shape]),
      );
      assert.deepEqual(shapes, {
        'fc1.bias': [3],
        'fc1.weight': [3, 2],
        'fc2.bias': [2],
        'fc2.weight': [2, 3],
      });
      assert.ok(tensors['fc1.weight']!.values.every((v) => Number.isFinite(v) && v !== 0));
    });

    await t.step('onnx, named after the run', async () => {
      const done = await esper(['export', 'runs/a', '--format', 'onnx'], { cwd });
      assert.equal(done.code, 0, done.stderr);
      const text = (await readFile(join(cwd, 'runs/a.onnx'))).toString('latin1');
      for (const part of ['esper-workbench', 'Gemm', 'fc2.weight', 'logits', 'scaling']) {
        assert.ok(text.includes(part), part);
      }
    });

    await t.step('csv', async () => {
      const args = ['export', 'runs/a', '--format', 'csv', '--out', 'a table.csv', '--json'];
      const done = await esper(args, { cwd });
      assert.equal(done.code, 0, done.stderr);
      const lines = (await readFile(join(cwd, 'a table.csv'), 'utf8')).split('\r\n');
      assert.match(lines[0]!, /^step,loss\/train,accuracy\/train,/);
      assert.deepEqual(
        lines.slice(1, -1).map((l) => l.split(',')[0]),
        ['200', '400'],
      );
      const { size } = await stat(join(cwd, 'a table.csv'));
      assert.deepEqual(JSON.parse(done.stdout), {
        type: 'export.written',
        format: 'csv',
        path: 'a table.csv',
        bytes: size,
      });
    });

    await t.step('tensorboard, in a folder of its own', async () => {
      const done = await esper(['export', 'runs/a/', '--format', 'tensorboard'], { cwd });
      assert.equal(done.code, 0, done.stderr);
      assert.match(done.stdout, /^runs[/\\]a\.tensorboard[/\\]events\.out\.tfevents\.\d+\.esper /);
    });

    await t.step('json', async () => {
      const done = await esper(['export', 'runs/a', '--format', 'json'], { cwd });
      assert.equal(done.code, 0, done.stderr);
      const run = JSON.parse(await readFile(join(cwd, 'runs/a.json'), 'utf8'));
      assert.equal(run.experiment.name, 'small');
      assert.equal(run.series['loss/train'].length, 2);
      assert.equal(run.events.at(-1).type, 'run.finished');
    });

    await t.step('weights are where another run starts from, and goes with it', async () => {
      const more = { name: 'warm', host, initialWeights: 'runs/a.safetensors', steps: 400 };
      await writeExperiment(cwd, { ...more, growth: { ...SMALL.growth, enabled: false } });
      const args = ['train', 'warm.json', '--out', 'runs/warm'];
      const warm = await esper([...args, '--json'], { cwd });
      assert.equal(warm.code, 0, warm.stderr);
      const lossOf = (text: string) =>
        text
          .split('\n')
          .map((line) => JSON.parse(line || '{}'))
          .find((e) => e.type === 'metrics').loss[0];
      const cold = JSON.parse(await readFile(join(cwd, 'runs/a.json'), 'utf8'));
      assert.ok(lossOf(warm.stdout) < cold.series['loss/train'][0][1]);
      await rm(join(cwd, 'runs/a.safetensors'));
      const again = await esper(['replay', 'runs/warm'], { cwd });
      assert.equal(again.code, 0, again.stderr + again.stdout);
      const resumed = await esper(['train', '--resume', '--out', 'runs/warm'], { cwd });
      assert.equal(resumed.code, 0, resumed.stderr);
      const gone = await esper([...args, '--force'], { cwd });
      assert.equal(gone.code, 2);
      assert.match(gone.stderr, /Cannot read "runs\/a\.safetensors": there is no such file/);
    });

    await t.step('what is wrong is said, and nothing is overwritten', async () => {
      const fails = async (args: string[], message: RegExp) => {
        const done = await esper(['export', ...args], { cwd });
        assert.equal(done.code, 2);
        assert.match(done.stderr, message);
      };
      await fails(
        ['runs/a', '--format', 'json'],
        /Cannot write ".*a\.json": it is there already; add --force/,
      );
      await fails(['runs/b', '--format', 'csv'], /Cannot export "runs\/b": it holds no run/);
      await fails(
        ['runs/a', '--format', 'cvs'],
        /Option "--format" is "cvs": did you mean "csv"\?/,
      );
      await fails(['runs/a'], /needs a format: add --format/);
      await fails(['--format', 'csv'], /needs a run folder/);
      await fails(
        ['runs/a', '--format', 'safetensors', '--replica', '1', '--force'],
        /Cannot export replica 1 of "runs\/a": the run has 1/,
      );
    });
  });
});
