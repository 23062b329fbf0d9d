/** Runs that end early, by every road, and go on to the bits of the run that was left alone. */
import assert from 'node:assert/strict';
import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readCheckpoint } from '#shared/tolaria/checkpoint.ts';
import { CHECKPOINT, PREVIOUS_CHECKPOINT } from '#shared/tolaria/trainer.ts';
import { esper, inFolder, startEsper } from './esper-process.ts';
import { jsonLines, lastLine, writeExperiment } from './small-run.ts';

const train = (cwd: string, out: string, ...more: string[]) =>
  esper(['train', 'small.json', '--out', out, '--json', ...more], { cwd });

const enters = (stage: string) => (line: string) => line.includes(`"to":"${stage}"`);

async function stagesIn(folder: string): Promise<string[]> {
  const bytes = new Uint8Array(await readFile(join(folder, CHECKPOINT)));
  const { state } = await readCheckpoint(bytes, CHECKPOINT);
  return state.growth.slots.map((slot) => slot.state.stage);
}

/** Changes one byte near the end of a file, where the tensors are. */
async function damage(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[bytes.length - 3]! ^= 0xff;
  await writeFile(path, bytes);
}

Deno.test('same command, same digest; interrupted at LOADING, BLENDING or killed, the same', async (t) => {
  await inFolder(async (cwd) => {
    await writeExperiment(cwd);
    let digest: unknown;

    await t.step('the same command twice, with a cold and a warm kernel cache', async () => {
      const first = await train(cwd, 'a');
      assert.equal(first.code, 0, first.stderr);
      const last = lastLine(first);
      assert.equal(last['seedsFossilized'], 1, 'the seed goes through every stage');
      digest = last['digest'];
      const again = await train(cwd, 'b');
      assert.equal(lastLine(again)['digest'], digest);
      // Wall-clock times, what was chosen by them and when, and whether a kernel was compiled or
      // kept apart, the logs agree event for event.
      const times = ['latencyMs', 'readyMs', 'seconds', 'time', 'waitedMs'];
      const measured = new Set(['seq', ...times]);
      const events = (outcome: typeof again) => {
        const lines = jsonLines(outcome);
        assert.deepEqual(
          lines.map((event) => event['seq']),
          lines.map((_, i) => i),
        );
        return lines
          .filter((event) => event['type'] !== 'tuning')
          .map((event) =>
            JSON.stringify(event, (key, value) =>
              measured.has(key) || (key === 'origin' && event['type'] === 'artifact')
                ? undefined
                : value,
            ),
          );
      };
      assert.deepEqual(events(again), events(first));
    });

    for (const stage of ['LOADING', 'BLENDING']) {
      await t.step(`Ctrl-C while a seed is ${stage}`, async () => {
        const out = `at-${stage}`;
        const args = ['train', 'small.json', '--out', out, '--json'];
        const running = startEsper(args, { cwd });
        await running.line(enters(stage));
        running.signal('SIGINT');
        const stopped = await running.done;
        assert.equal(stopped.code, 130, stopped.stderr);
        const last = lastLine(stopped);
        assert.equal(last['status'], 'interrupted');
        assert.deepEqual(await stagesIn(join(cwd, out)), [stage]);
        assert.ok(stopped.stderr.includes(`npx esper train --resume --out ${out}`));

        const resumed = await esper(['train', '--resume', '--out', out, '--json'], { cwd });
        assert.equal(resumed.code, 0, resumed.stderr);
        assert.match(resumed.stderr, /resumed at step \d/);
        assert.equal(lastLine(resumed)['digest'], digest);
      });
    }

    await t.step('kill -9, then damage to the newest checkpoint', async () => {
      const running = startEsper(['train', 'small.json', '--out', 'k', '--json'], { cwd });
      await running.line(enters('BLENDING'));
      running.signal('SIGKILL');
      assert.equal((await running.done).signal, 'SIGKILL');
      const folder = join(cwd, 'k');
      await copyFile(join(folder, CHECKPOINT), join(cwd, 'good'));
      await damage(join(folder, CHECKPOINT));
      const resumed = await train(cwd, 'k', '--resume');
      assert.equal(resumed.code, 0, resumed.stderr);
      assert.match(
        resumed.stderr,
        /do not match its digest; went on from step \d+ of the one before/,
      );
      assert.equal(lastLine(resumed)['digest'], digest);
      assert.ok((await readdir(folder)).includes('damaged.safetensors'));
    });

    await t.step('both checkpoints damaged: one message, nothing is changed', async () => {
      const folder = join(cwd, 'k');
      for (const name of [CHECKPOINT, PREVIOUS_CHECKPOINT]) await damage(join(folder, name));
      const before = await readFile(join(folder, 'events.jsonl'), 'utf8');
      const resumed = await train(cwd, 'k', '--resume');
      assert.equal(resumed.code, 2);
      assert.match(
        resumed.stderr,
        /"checkpoint\.safetensors".*"checkpoint\.previous\.safetensors"/,
      );
      assert.match(resumed.stderr, /start the run anew/);
      assert.equal(await readFile(join(folder, 'events.jsonl'), 'utf8'), before);
    });

    await t.step('a finished run says that it is finished', async () => {
      const resumed = await train(cwd, 'a', '--resume');
      assert.equal(resumed.code, 0);
      assert.ok(resumed.stderr.includes('this run has already made all its 2,200 steps'));
      assert.equal(lastLine(resumed)['digest'], digest);
    });

    await t.step('resume with other settings names the setting and changes nothing', async () => {
      const resumed = await train(cwd, 'a', '--resume', '--steps', '50');
      assert.equal(resumed.code, 2);
      assert.match(resumed.stderr, /it was started with "steps" 2200, now it is 50/);
    });

    await t.step(
      'a second start is refused; --force keeps the old run until the new can begin',
      async () => {
        const again = await train(cwd, 'a');
        assert.equal(again.code, 2);
        assert.match(
          again.stderr,
          /it holds a run; add --resume to continue it, --force to replace/,
        );
        await writeExperiment(cwd, { name: 'bad', growth: { layers: ['fc9'] } });
        const bad = await esper(['train', 'bad.json', '--out', 'a', '--force'], { cwd });
        assert.equal(bad.code, 2);
        assert.match(bad.stderr, /Cannot grow on layer "fc9"/);
        assert.equal(lastLine(await train(cwd, 'a', '--resume'))['digest'], digest);
        const forced = await train(cwd, 'a', '--force', '--steps', '20');
        assert.equal(lastLine(forced)['steps'], 20);
        const files = ['checkpoint.safetensors', 'events.jsonl', 'experiment.json'];
        assert.deepEqual((await readdir(join(cwd, 'a'))).sort(), files);
      },
    );
  });
});

Deno.test('killed before its first checkpoint, a run starts again; two cannot share a folder', async () => {
  await inFolder(async (cwd) => {
    await writeExperiment(cwd, { steps: 2000, checkpointEverySteps: 100_000 });
    const running = startEsper(['train', 'small.json', '--out', 'k', '--json'], { cwd });
    await running.line((line) => line.includes('run.started'));
    const second = await train(cwd, 'k', '--resume');
    assert.equal(second.code, 2, second.stderr);
    assert.match(second.stderr, /another esper trains in it/);
    running.signal('SIGKILL');
    await running.done;
    await writeExperiment(cwd, { steps: 50, checkpointEverySteps: 100_000 });
    const refused = await train(cwd, 'k', '--resume');
    assert.match(refused.stderr, /it was started with "steps" 2000, now it is 50/);
    await writeExperiment(cwd, { steps: 2000, checkpointEverySteps: 100_000 });
    const resumed = await train(cwd, 'k', '--resume');
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.ok(resumed.stderr.includes('has no checkpoint yet: starting at step 0'));
    assert.equal(lastLine(resumed)['steps'], 2000);
  });
});
