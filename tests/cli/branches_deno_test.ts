/** Replay, fork, rewind, twin and the tree of runs, each in a process of its own. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { esper, inFolder } from './esper-process.ts';
import { jsonLines, lastLine, SMALL, writeExperiment } from './small-run.ts';

Deno.test('a run of 2,000 steps with growth, looked back into', async (t) => {
  await inFolder(async (cwd) => {
    await writeExperiment(cwd, { ...SMALL, steps: 2000, intervalSteps: 100 });
    const run = (...args: string[]) => esper([...args], { cwd });
    const trained = await run('train', 'small.json', '--out', 'runs/a', '--json');
    assert.equal(trained.code, 0, trained.stderr);
    const { digest, seedsGerminated } = lastLine(trained);
    assert.equal(seedsGerminated, 1);

    await t.step('replay finds identical digests at every checkpoint', async () => {
      const outcome = await run('replay', 'runs/a', '--json');
      assert.equal(outcome.code, 0, outcome.stderr);
      const report = lastLine(outcome);
      const logged = jsonLines(trained).filter((e) => e['type'] === 'checkpoint');
      assert.equal(logged.length, 10);
      assert.deepEqual(
        [
          report['type'],
          report['status'],
          report['steps'],
          report['digests'],
          report['difference'],
        ],
        ['replay.finished', 'same', 2000, logged.length + 1, null],
      );
    });

    await t.step('a changed log is found at its step, with exit code 1', async () => {
      const path = join(cwd, 'runs/a/events.jsonl');
      const log = await readFile(path, 'utf8');
      const line = log
        .split('\n')
        .findIndex((l) => l.includes('"step":1200') && l.includes('metrics'));
      const changed = log
        .split('\n')
        .map((l, i) => (i === line ? l.replace(/"loss":\[0/, '"loss":[1') : l));
      await writeFile(path, changed.join('\n'));
      const outcome = await run('replay', 'runs/a');
      assert.equal(outcome.code, 1, outcome.stderr);
      assert.match(outcome.stdout, /^Different: first at step 1,200 \(event \d+ of the log\)/);
      await writeFile(path, log);
    });

    await t.step('the fork without its one germination has the bits of a bare host', async () => {
      const bare = await run('train', 'small.json', '--no-growth', '--out', 'runs/bare', '--json');
      const fork = await run('fork', 'runs/a', '--without', 's1', '--out', 'runs/b', '--json');
      assert.equal(fork.code, 0, fork.stderr);
      const { finished, parent } = lastLine(fork) as {
        finished: { digest: string };
        parent: string;
      };
      assert.equal(parent, 'a');
      assert.equal(finished.digest, lastLine(bare)['digest']);
      assert.notEqual(finished.digest, digest);
    });

    await t.step('rewound and resumed it ends the same', async () => {
      const back = await run('rewind', 'runs/a', '--at', '750', '--json');
      assert.deepEqual(lastLine(back), { type: 'rewind.done', folder: 'runs/a', step: 750 });
      const again = await run('train', '--resume', '--out', 'runs/a', '--json');
      assert.equal(lastLine(again)['digest'], digest, again.stderr);
    });

    await t.step('the twin is measured and kept; runs are a tree', async () => {
      const twin = await run('twin', 'runs/a', '--steps', '600', '--json');
      assert.equal(twin.code, 0, twin.stderr);
      const { causal, horizon, seedId } = lastLine(twin);
      assert.deepEqual([seedId, horizon], ['s1', 600]);
      assert.equal(typeof causal, 'number');
      assert.match(await readFile(join(cwd, 'runs/a/events.jsonl'), 'utf8'), /"type":"twin"/);
      const runs = await run('runs');
      assert.match(runs.stdout, /^a {4,}small, seed 1; 2,000 steps, done/m);
      assert.match(runs.stdout, /^└ b {2,}small.*fork at \d+ without "germinate residual-mlp-4/m);
    });

    await t.step(
      'a capsule replays, is forked and trained on, and refuses a flipped byte',
      async () => {
        const written = await run('export', 'runs/a', '--format', 'capsule', '--out', 'a.capsule');
        assert.equal(written.code, 0, written.stderr);
        const replayed = await run('replay', 'a.capsule', '--json');
        assert.equal(lastLine(replayed)['status'], 'same', replayed.stderr);
        const unpacked = await run('train', 'a.capsule', '--out', 'runs/c', '--json');
        assert.equal(lastLine(unpacked)['digest'], digest, unpacked.stderr);
        const path = join(cwd, 'a.capsule');
        const bytes = await readFile(path);
        bytes[1000]! ^= 1;
        await writeFile(path, bytes);
        const refused = await run('replay', 'a.capsule');
        assert.equal(refused.code, 2);
        assert.match(refused.stderr, /^esper: Cannot open "a\.capsule": part "[^"]+"/m);
      },
    );

    await t.step('what does not fit is said', async () => {
      const refusals: [string[], RegExp][] = [
        [['fork', 'runs/a'], /needs a step or a change/],
        [['fork', 'runs/a', '--at', '5000'], /the run has steps 0 to 2000/],
        [['fork', 'runs/a', '--without', 's7'], /seeds of this run are s1/],
        [['fork', 'runs/a', '--at', '5', '--out', 'runs/b'], /it holds a run/],
        [['replay', 'nothing'], /Cannot replay "nothing": it holds no run/],
        [['rewind', 'runs/a'], /needs a step: add --at/],
        [['twin', 'runs/bare'], /no seed germinated in it/],
      ];
      for (const [args, message] of refusals) {
        const outcome = await esper(args, { cwd });
        assert.match(outcome.stderr, message);
        assert.equal(outcome.code, 2, outcome.stderr);
      }
    });
  });
});
