/** Every kind of bad input: one clear message, the right exit code, and nothing lost or left. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { esper, inFolder } from './esper-process.ts';
import { jsonLines, lastLine, writeExperiment } from './small-run.ts';

const DECLARED = { source: 'csv', train: 'data.csv', classes: 2 };
const IDX = { source: 'idx', train: { features: 'x.idx', labels: 'y.idx' } };

interface Case {
  name: string;
  /** Files beside the experiment. */
  files?: Record<string, string | Uint8Array>;
  /** Text of bad.json, or what its `data` are. */
  experiment?: string | object;
  /** @default {['train', 'bad.json', '--out', 'run']} */
  args?: string[];
  /** All of standard error after the note about the data, without `esper: `. */
  message: RegExp;
}

const csv = (text: string, data: object = { source: 'csv', train: 'data.csv' }) => ({
  files: { 'data.csv': text },
  experiment: data,
});

const CASES: Case[] = [
  {
    name: 'unknown key, with its place and the nearest known one',
    experiment: '{\n  "name": "bad",\n  "stepz": 3,\n  "data": { "source": "moons" }\n}',
    message:
      /^Cannot use experiment "bad\.json":\n {2}bad\.json:3:3: unknown key "stepz", did you mean "steps"\?$/,
  },
  {
    name: 'JSON that is none',
    experiment: '{\n  "name": "bad",,\n}',
    message: /^Cannot read bad\.json:2:17: /,
  },
  {
    name: 'missing experiment file',
    args: ['train', 'none.json'],
    message: /^Cannot read "none\.json": there is no such file$/,
  },
  {
    name: 'missing data file',
    experiment: { source: 'csv', train: 'none.csv' },
    message: /^Cannot read "none\.csv": there is no such file$/,
  },
  {
    name: 'folder instead of a file',
    experiment: { source: 'csv', train: '.' },
    message: /^Cannot read "\.": it is a folder; name a file in it$/,
  },
  {
    name: 'ragged CSV',
    ...csv('a,b,kind\n1,2,x\n3,4\n'),
    message: /^Cannot read data\.csv:3: 2 columns, expected 3 as in data\.csv:1$/,
  },
  {
    name: 'label out of range',
    ...csv('1,2,0\n3,4,1\n5,6,7\n', DECLARED),
    message: /^Cannot use label "7" at data\.csv:3: out of range, the declared classes are 0 to 1$/,
  },
  {
    name: 'NaN in data',
    ...csv('a,b,kind\n1,2,x\n3,NaN,y\n'),
    message:
      /^Cannot read data\.csv:3, column "b": "NaN" is not a finite number; fill it or remove/,
  },
  {
    name: 'label column that is not there',
    ...csv('a,b,kind\n1,2,x\n', { source: 'csv', train: 'data.csv', label: 'sort' }),
    message: /^Cannot find label column "sort" in "data\.csv": its columns are "a", "b", "kind"$/,
  },
  {
    name: 'wrong IDX magic',
    files: { 'x.idx': 'PK\u0003\u0004 not IDX at all', 'y.idx': 'x' },
    experiment: IDX,
    message: /^Cannot read "x\.idx": IDX magic is 0x504b0304 at byte 0, expected 0x000008NN/,
  },
  {
    name: 'layer that the host does not have',
    experiment: '{"name":"bad","data":{"source":"moons"},"growth":{"layers":["fc9"]}}',
    message: /^Cannot grow on layer "fc9" of "growth\.layers": the host has fc1, fc2$/,
  },
  {
    name: 'unknown preset',
    args: ['train', 'two-spiral'],
    message: /^Unknown preset "two-spiral": did you mean "two-spirals"\?$/,
  },
  {
    name: 'unknown option',
    args: ['train', 'moons', '--sede', '1'],
    message: /^Unknown option "--sede" of "train": did you mean "--seed"\?$/,
  },
  {
    name: 'run folder that holds other files',
    files: { thesis: 'x' },
    args: ['train', 'moons', '--out', '.'],
    message: /^Cannot use "\." as run folder: it holds other files; name an empty or new folder/,
  },
  {
    name: 'nothing to resume',
    args: ['train', 'moons', '--resume', '--out', 'none'],
    message: /^Cannot resume "none": it holds no run; leave out --resume to start one$/,
  },
  {
    name: 'comparison of what does not grow',
    experiment: '{"name":"bad","data":{"source":"moons"},"growth":{"enabled":false}}',
    args: ['experiment', 'bad.json'],
    message: /^Cannot compare growth with the host of "bad": "growth\.enabled" is false/,
  },
];

/** Standard error without the notes that precede a fault. */
const faultIn = (stderr: string) =>
  stderr
    .replace(/^(data|adapter|run folder): .*\n/gm, '')
    .replace(/^esper: /, '')
    .trimEnd();

for (const { args, experiment, files = {}, message, name } of CASES) {
  Deno.test(`bad input, exit code 2: ${name}`, async () => {
    await inFolder(async (cwd) => {
      for (const [file, content] of Object.entries(files))
        await writeFile(join(cwd, file), content);
      if (experiment !== undefined) {
        const text =
          typeof experiment === 'string'
            ? experiment
            : JSON.stringify({ name: 'bad', steps: 5, data: experiment });
        await writeFile(join(cwd, 'bad.json'), text);
      }
      const before = (await readdir(cwd)).sort();
      const outcome = await esper(args ?? ['train', 'bad.json', '--out', 'run'], { cwd });
      assert.match(faultIn(outcome.stderr), message);
      assert.doesNotMatch(outcome.stderr, /\n {4}at |\.\n?$/, 'no stack, no final period');
      assert.equal(outcome.code, 2);
      assert.equal(outcome.stdout, '');
      assert.deepEqual((await readdir(cwd)).sort(), before, 'nothing is left behind');
    });
  });
}

Deno.test('no adapter: exit code 3, and the run folder is not made', async () => {
  await inFolder(async (cwd) => {
    const none = { VK_ICD_FILENAMES: '/nonexistent', VK_DRIVER_FILES: '/nonexistent' };
    const env = { ...none, DENO_WEBGPU_BACKEND: 'vulkan' };
    const outcome = await esper(['train', 'moons', '--out', 'run'], { cwd, env });
    assert.match(
      faultIn(outcome.stderr),
      /^Cannot find a graphics adapter: type "npx esper doctor/,
    );
    assert.equal(outcome.code, 3);
    assert.deepEqual(await readdir(cwd), []);
  });
});

Deno.test('numbers that are not finite: the run fails, says why, and ends its log', async () => {
  await inFolder(async (cwd) => {
    await writeExperiment(cwd, { optimizer: { kind: 'sgd', learningRate: 3e38 } });
    const outcome = await esper(['train', 'small.json', '--out', 'run', '--json'], { cwd });
    assert.equal(outcome.code, 1, outcome.stderr);
    const last = lastLine(outcome);
    assert.equal(last['status'], 'failed');
    assert.match(String(last['message']), /^Cannot go on: non-finite .*use a lower learning rate/);
    assert.ok(outcome.stderr.includes(`esper: ${last['message']}`));
    const log = await readFile(join(cwd, 'run', 'events.jsonl'), 'utf8');
    assert.match(log.trimEnd().split('\n').at(-1)!, /"type":"run.finished","status":"failed"/);
  });
});

Deno.test('port in use: serve names the port and the option', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise<void>((resolve) => other.once('listening', resolve));
  const { port } = other.address() as AddressInfo;
  try {
    await inFolder(async (cwd) => {
      const args = ['serve', '--port', String(port), '--data', join(cwd, 'data')];
      const { code, stderr } = await esper(args, { cwd });
      assert.equal(code, 1);
      const words = `Cannot listen on 127.0.0.1:${port}: the port is in use; stop the other program`;
      assert.ok(stderr.includes(words), stderr);
      assert.match(stderr, /or choose another port with --port/);
    });
  } finally {
    await new Promise((resolve) => other.close(resolve));
  }
});

Deno.test('more than the adapter binds: the tensor, the limit and the fix, and no stack', async () => {
  await inFolder(async (cwd) => {
    // 4,096 features of 16,384 rows and 16 replicas: 4 GiB a tensor.
    const experiment = {
      ...{ name: 'large', steps: 1, batchSize: 16_384, replicas: 16 },
      ...{ data: { source: 'moons' }, host: { kind: 'mlp', hidden: [4096] } },
      ...{ growth: { enabled: false }, policy: { kind: 'none' } },
    };
    await writeFile(join(cwd, 'large.json'), JSON.stringify(experiment));
    const { code, stderr } = await esper(['train', 'large.json', '--out', 'run'], { cwd });
    assert.equal(code, 1);
    assert.match(
      stderr,
      /esper: Cannot allocate ".+" in "slot\d": 4294967296 bytes .*micro-batches/,
    );
    assert.doesNotMatch(stderr, /\n {4}at /);
  });
});

const run = (command: string, ...args: string[]) =>
  new Deno.Command(command, { args, stdout: 'null', stderr: 'null' }).output().catch(() => null);

Deno.test('storage full: the run fails, the checkpoint before stays, and --resume goes on', async () => {
  await inFolder(async (cwd) => {
    const disk = join(cwd, 'disk');
    await mkdir(disk);
    const mounted = await run('mount', '-t', 'tmpfs', '-o', 'size=32k', 'tmpfs', disk);
    if (!mounted?.success) {
      console.log('not tested here: a small disk can only be mounted by root on Linux');
      return;
    }
    try {
      await writeExperiment(cwd);
      const args = ['train', 'small.json', '--out', 'disk/run', '--json'];
      const full = await esper(args, { cwd });
      assert.equal(full.code, 1, full.stderr);
      const message = String(lastLine(full)['message']);
      assert.match(message, /^Cannot write \d+ bytes to ".*": the disk is full; free some space/);
      assert.match(message, /what was saved before is kept, and --resume goes on from there$/);
      assert.ok(full.stderr.includes(message));
      assert.ok(existsSync(join(disk, 'run', 'checkpoint.safetensors')));
      const grown = await run('mount', '-o', 'remount,size=8m', disk);
      assert.ok(grown?.success);
      const resumed = await esper([...args, '--resume'], { cwd });
      assert.equal(resumed.code, 0, resumed.stderr);
      assert.match(resumed.stderr, /resumed at step [1-9]/);
      const whole = await esper(['train', 'small.json', '--out', 'whole', '--json'], { cwd });
      assert.equal(lastLine(resumed)['digest'], lastLine(whole)['digest']);
      assert.ok(jsonLines(resumed).length > 1);
    } finally {
      await run('umount', disk);
    }
  });
});
