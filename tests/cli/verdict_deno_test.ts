/** `esper verdict`: the protocol first, every run kept, a report in two forms, no second chance. */
import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { esper, inFolder, startEsper } from './esper-process.ts';
import { jsonLines, SMALL } from './small-run.ts';

/** The fewest seeds with which one comparison can be decided, and as little work as grows. */
const FILE = {
  name: 'tiny',
  experiment: {
    ...{ ...SMALL, steps: 700, intervalSteps: 50, evaluateEverySteps: 700 },
    growth: { ...SMALL.growth, alphaSteps: 100, trainingSteps: 50, holdingSteps: 50 },
  },
  data: 'shared',
  seeds: 6,
  arms: ['static-small'],
  margin: 0.05,
};

const write = (cwd: string, change = {}) =>
  writeFile(join(cwd, 'tiny.json'), JSON.stringify({ ...FILE, ...change }));

Deno.test('verdict: interrupted it keeps what is done, goes on, and refuses another protocol', async () => {
  await inFolder(async (cwd) => {
    await write(cwd);
    const args = ['verdict', 'tiny.json', '--json', '--out', 'v'];
    const first = startEsper(args, { cwd });
    await first.line((line) => line.includes('"verdict.run"'));
    first.signal('SIGINT');
    const stopped = await first.done;
    assert.equal(stopped.code, 130, stopped.stderr);
    assert.equal(jsonLines(stopped).at(-1)!['status'], 'interrupted');
    const kept = (await readdir(join(cwd, 'v'))).filter((name) => name.startsWith('run-'));
    assert.ok(kept.length > 0 && kept.length < 12, kept.join());

    const outcome = await esper(args, { cwd });
    assert.equal(outcome.code, 0, outcome.stderr);
    const lines = jsonLines(outcome);
    assert.equal(lines.length - 1, 12 - kept.length);
    const report = lines.at(-1) as { status: string; verdict: { sentence: string } };
    assert.equal(report.status, 'done');
    assert.match(report.verdict.sentence, /^It grew and it paid: \+\d/);
    assert.deepEqual((await readdir(join(cwd, 'v'))).filter((n) => !n.startsWith('run-')).sort(), [
      ...['protocol.json', 'report.html', 'report.json'],
    ]);
    const html = await readFile(join(cwd, 'v', 'report.html'), 'utf8');
    assert.ok(html.includes(report.verdict.sentence.slice(0, 24)));

    const other = await esper([...args, '--seeds', '7'], { cwd });
    assert.equal(other.code, 2);
    assert.match(other.stderr, /begun under another protocol \("seeds" was 6 and is 7\)/);
  });
});

Deno.test('verdict: bad input is refused with the place and the fix', async () => {
  await inFolder(async (cwd) => {
    await write(cwd, { seeds: 5 });
    const few = await esper(['verdict', 'tiny.json'], { cwd });
    assert.equal(few.code, 2);
    assert.match(few.stderr, /use at least 6 seeds/);
    await write(cwd, { experiment: { ...SMALL, stpes: 3 } });
    const typo = await esper(['verdict', 'tiny.json'], { cwd });
    assert.equal(typo.code, 2);
    assert.match(typo.stderr, /unknown key "stpes", did you mean "steps"\?/);
    assert.deepEqual(await readdir(cwd), ['tiny.json']);
  });
});
