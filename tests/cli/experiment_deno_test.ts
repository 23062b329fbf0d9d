/** `esper experiment`: host alone and grown side by side, with a verdict that scripts can read. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { esper, inFolder, startEsper } from './esper-process.ts';
import { jsonLines, lastLine, writeExperiment } from './small-run.ts';

Deno.test('experiment: every run a line, the verdict last, the same digests as esper train', async () => {
  await inFolder(async (cwd) => {
    await writeExperiment(cwd);
    const thresholds = ['--host-below', '0.8', '--grown-above', '0', '--at-least', '2'];
    const args = ['experiment', 'small.json', '--seeds', '2', '--first-seed', '3', ...thresholds];
    const outcome = await esper([...args, '--json', '--out', 'kept'], { cwd });
    assert.equal(outcome.code, 0, outcome.stderr);
    const lines = jsonLines(outcome);
    assert.deepEqual(
      lines.slice(0, -1).map((line) => `${line['type']} ${line['seed']} ${line['network']}`),
      [3, 4].flatMap((seed) => ['host', 'grown'].map((kind) => `experiment.run ${seed} ${kind}`)),
    );
    const verdict = lines.at(-1)!;
    const { met, meetingAll, seeds, status, type } = verdict;
    assert.deepEqual(
      { met, meetingAll, seeds, status, type },
      { met: true, meetingAll: 2, seeds: 2, status: 'done', type: 'experiment.finished' },
    );

    assert.deepEqual((await readdir(join(cwd, 'kept'))).sort(), [
      'results.json',
      ...[3, 4].flatMap((seed) => [`seed-${seed}-grown`, `seed-${seed}-host`]),
    ]);
    const results = JSON.parse(await readFile(join(cwd, 'kept', 'results.json'), 'utf8'));
    assert.deepEqual(results, { ...verdict, runs: lines.slice(0, -1) });

    // A run of the comparison is the run that `train` makes, although it shares the process.
    const grown = await esper(['train', 'small.json', '--seed', '4', '--json'], { cwd });
    assert.equal(lastLine(grown)['digest'], lines[3]!['digest']);
    const again = await esper([...args, '--out', 'kept'], { cwd });
    assert.equal(again.code, 2);
    assert.match(again.stderr, /Cannot use "kept" for the runs: it is not empty/);
  });
});

Deno.test('experiment: missed thresholds end with 1, the table says which', async () => {
  await inFolder(async (cwd) => {
    await writeExperiment(cwd, { steps: 100 });
    const args = [
      'experiment',
      'small.json',
      '--seeds',
      '1',
      '--host-below',
      '0',
      '--at-least',
      '1',
    ];
    const outcome = await esper(args, { cwd });
    assert.equal(outcome.code, 1, outcome.stderr);
    assert.match(outcome.stdout, /^small: the starting host alone and grown, 100 steps each, on /);
    assert.match(outcome.stdout, /\nseed {2}host test {2}grown test {2}host params/);
    assert.match(outcome.stdout, /\nhost below 0\.0 % on 0 of 1 seed\n/);
    assert.match(outcome.stdout, /\nnot met: 1 seed needed, 0 found\n$/);
  });
});

Deno.test('experiment: Ctrl-C ends with 130 and judges what is complete', async () => {
  await inFolder(async (cwd) => {
    await writeExperiment(cwd, { steps: 1000 });
    const running = startEsper(['experiment', 'small.json', '--seeds', '50', '--json'], { cwd });
    await running.line((line) => line.includes('"network":"grown"'));
    running.signal('SIGINT');
    const outcome = await running.done;
    assert.equal(outcome.code, 130, outcome.stderr);
    const { seeds, seedsWanted, status } = lastLine(outcome);
    assert.equal(status, 'interrupted');
    assert.equal(seedsWanted, 50);
    assert.ok(Number(seeds) >= 1 && Number(seeds) < 50);
  });
});
