/** A capsule with its data: made from a run on a person's files, and used where they are not. */
import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RandomStream } from '#shared/base/random.ts';
import { esper, inFolder } from './esper-process.ts';
import { lastLine } from './small-run.ts';

function table(): string {
  const random = new RandomStream(1, 'rows');
  const row = (i: number) => [random.uniform() + (i % 2), random.uniform(), i % 2].join(',');
  return `${Array.from({ length: 80 }, (_, i) => row(i)).join('\n')}\n`;
}

Deno.test('a capsule carries the data of its run', async (t) => {
  await inFolder(async (cwd) => {
    const run = (...args: string[]) => esper(args, { cwd });
    const growth = { enabled: false };
    const experiment = { name: 'own', steps: 60, batchSize: 16, checkpointEverySteps: 20, growth };
    await mkdir(join(cwd, 'mine'));
    const data = { source: 'csv', train: 'rows.csv' };
    await writeFile(join(cwd, 'mine/own.json'), JSON.stringify({ ...experiment, data }));
    const rows = table();
    await writeFile(join(cwd, 'mine/rows.csv'), rows);
    const trained = await run('train', 'mine/own.json', '--out', 'runs/a', '--json');
    assert.equal(trained.code, 0, trained.stderr);
    const { digest } = lastLine(trained);

    await t.step('not of another format, and not what has changed', async () => {
      const table = await run('export', 'runs/a', '--format', 'csv', '--with-data');
      assert.equal(table.code, 2);
      assert.match(table.stderr, /"--with-data" is for --format capsule, not csv/);
      await writeFile(join(cwd, 'mine/rows.csv'), rows.replace(',1\n', ',0\n'));
      const changed = await run('export', 'runs/a', '--format', 'capsule', '--with-data');
      assert.equal(changed.code, 2);
      assert.match(changed.stderr, /the files have changed since the run read them/);
      await writeFile(join(cwd, 'mine/rows.csv'), rows);
    });

    const plain = await run('export', 'runs/a', '--format', 'capsule', '--out', 'plain.capsule');
    assert.equal(plain.code, 0, plain.stderr);
    const whole = await run('export', 'runs/a', '--format', 'capsule', '--with-data');
    assert.equal(whole.code, 0, whole.stderr);
    await rm(join(cwd, 'mine'), { recursive: true });

    await t.step('without them it cannot be replayed, with them it is the same', async () => {
      const without = await run('replay', 'plain.capsule');
      assert.equal(without.code, 2);
      assert.match(without.stderr, /mine\/rows\.csv/);
      const replayed = await run('replay', 'runs/a.capsule', '--json');
      assert.equal(replayed.code, 0, replayed.stderr);
      assert.equal(lastLine(replayed)['status'], 'same');
    });

    await t.step('it is unpacked, with its data, and trained on', async () => {
      const again = await run('train', 'runs/a.capsule', '--out', 'runs/b', '--json');
      assert.equal(again.code, 0, again.stderr);
      assert.equal(lastLine(again)['digest'], digest);
      assert.equal(await readFile(join(cwd, 'runs/b/files/rows.csv'), 'utf8'), rows);
      const stored = JSON.parse(await readFile(join(cwd, 'runs/b/experiment.json'), 'utf8'));
      assert.equal(stored.data.train, 'runs/b/files/rows.csv');
      const packed = await run('export', 'runs/b', '--format', 'capsule');
      assert.equal(packed.code, 0, packed.stderr);
      const replayed = await run('replay', 'runs/b.capsule', '--json');
      assert.equal(lastLine(replayed)['status'], 'same', replayed.stderr);
    });

    await t.step('a fork of it keeps them for its own resumption', async () => {
      const fork = await run('fork', 'runs/a.capsule', '--at', '40', '--paused', '--out', 'runs/c');
      assert.equal(fork.code, 0, fork.stderr);
      const resumed = await run('train', '--resume', '--out', 'runs/c', '--json');
      assert.equal(resumed.code, 0, resumed.stderr);
      assert.equal(lastLine(resumed)['digest'], digest);
    });
  });
});
