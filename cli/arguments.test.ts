import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InputError } from '#shared/base/errors.ts';
import { parseArguments } from './arguments.ts';
import { COMMANDS } from './commands.ts';
import { helpText } from './help-text.ts';

const line = (text: string) => parseArguments(text.split(' ').filter((word) => word !== ''));

function fault(text: string): string {
  try {
    line(text);
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return (error as InputError).message;
  }
  throw new Error(`"${text}" was accepted`);
}

describe('parseArguments()', () => {
  test('reads every option of train', () => {
    expect(
      line(
        'train two-spirals --seed 7 --out runs/a --steps=300 --replicas 4 ' +
          '--server http://127.0.0.1:8787/ --resume --json --no-growth --no-warm-up --profile --numerics f16-multiply',
      ),
    ).toEqual({
      command: 'train',
      json: true,
      options: {
        target: 'two-spirals',
        outDirectory: 'runs/a',
        seed: 7,
        steps: 300,
        replicas: 4,
        numerics: 'f16-multiply',
        serverUrl: 'http://127.0.0.1:8787',
        resume: true,
        force: false,
        growth: false,
        warmUp: false,
        profile: true,
      },
    });
  });

  test('leaves what was not given to the experiment', () => {
    expect(line('train my.json')).toEqual({
      command: 'train',
      json: false,
      options: {
        target: 'my.json',
        outDirectory: null,
        seed: null,
        steps: null,
        replicas: null,
        numerics: null,
        serverUrl: null,
        resume: false,
        force: false,
        growth: true,
        warmUp: true,
        profile: false,
      },
    });
  });

  test('a resumed run names its folder and nothing more', () => {
    expect(line('train --resume --out runs/a')).toMatchObject({
      options: { target: null, outDirectory: 'runs/a', resume: true },
    });
  });

  test('takes a suite where an experiment could be named', () => {
    expect(line('experiment p3 --seeds 4 --data d --out o --json')).toEqual({
      command: 'suite',
      json: true,
      options: { suite: 'p3', seeds: 4, dataFolder: 'd', outDirectory: 'o', browser: false },
    });
    expect(line('experiment p1')).toMatchObject({ command: 'suite', options: { seeds: null } });
    expect(line('experiment p6 --browser')).toMatchObject({ options: { browser: true } });
    expect(() => line('experiment p6 --browser --out o')).toThrow('from its start to its end');
    expect(() => line('experiment moons --browser')).toThrow('only the suites p1, p3 and p6');
    expect(() => line('experiment p1 --steps 5')).toThrow('the suite p1 has its own; remove it');
    expect(() => line('experiment p1 --data d')).toThrow('makes its data itself');
    expect(() => line('experiment moons --data d')).toThrow('only the suite p3');
  });

  test('reads every option of verdict', () => {
    const given = line('verdict a/v.json --out v --seeds 12 --json');
    const options = { target: 'a/v.json', outDirectory: 'v', seeds: 12 };
    expect(given).toEqual({ command: 'verdict', json: true, options });
    expect(line('verdict v.json')).toMatchObject({ options: { outDirectory: null, seeds: null } });
    expect(() => line('verdict')).toThrow('needs a verdict file');
    expect(() => line('verdict a.json --seeds 1')).toThrow('from 2 to 200');
  });

  test('reads every option of experiment', () => {
    expect(
      line(
        'experiment moons --seeds 10 --first-seed 3 --steps 50 --host-below .8 ' +
          '--grown-above 0.97 --at-least 9 --out runs/m --json',
      ),
    ).toEqual({
      command: 'experiment',
      json: true,
      options: {
        target: 'moons',
        seeds: 10,
        firstSeed: 3,
        steps: 50,
        outDirectory: 'runs/m',
        hostBelow: 0.8,
        grownAbove: 0.97,
        atLeast: 9,
      },
    });
    expect(line('experiment moons')).toMatchObject({
      options: { seeds: 5, firstSeed: null, hostBelow: null, grownAbove: null, atLeast: null },
    });
  });

  test.each([
    [
      'experiment',
      'Command "experiment" needs an experiment file or a preset: npx esper experiment two-spirals',
    ],
    [
      'experiment x --grown-above 97',
      'Option "--grown-above" is "97": it must be a share from 0 to 1, such as 0.97; did you mean 0.97?',
    ],
    [
      'experiment x --host-below -1',
      'Option "--host-below" is "-1": it must be a share from 0 to 1, such as 0.97',
    ],
    [
      'experiment x --at-least 2',
      'Option "--at-least" counts seeds that reach a threshold: add --host-below or --grown-above',
    ],
    [
      'experiment x --seeds 3 --host-below 0.8 --at-least 4',
      'Option "--at-least" is "4": it must be a whole number from 1 to 3',
    ],
    [
      'train --resume',
      'Command "train" needs an experiment file or a preset: npx esper train two-spirals',
    ],
    ['trian', 'Unknown command "trian": did you mean "train"?'],
    ['banana', `Unknown command "banana": commands are ${Object.keys(COMMANDS).join(', ')}`],
    ['--sead', `Unknown option "--sead": commands are ${Object.keys(COMMANDS).join(', ')}`],
    ['help tarin', 'Unknown command "tarin": did you mean "train"?'],
    ['train x --sede 1', 'Unknown option "--sede" of "train": did you mean "--seed"?'],
    ['train x --grwoth', 'Unknown option "--grwoth" of "train": npx esper help train lists them'],
    ['train x -q', 'Unknown option "-q" of "train": npx esper help train lists them'],
    [
      'train x --__proto__ 1',
      'Unknown option "--__proto__" of "train": npx esper help train lists them',
    ],
    ['train x --seed', 'Option "--seed" needs a value: --seed N'],
    ['train x --out=', 'Option "--out" needs a value: --out DIR'],
    ['train x --json=1', 'Option "--json" takes no value: remove "=1"'],
    [
      'train x --seed -5',
      'Option "--seed" is "-5": it must be a whole number from 0 to 4294967295',
    ],
    [
      'train x --seed 1e3',
      'Option "--seed" is "1e3": it must be a whole number from 0 to 4294967295',
    ],
    [
      'train x --seed 4294967296',
      'Option "--seed" is "4294967296": it must be a whole number from 0 to 4294967295',
    ],
    ['train x --steps 0', 'Option "--steps" is "0": it must be a whole number from 1 to 10000000'],
    [
      'train x --server ftp://a',
      'Option "--server" is "ftp://a": it must be an address like http://127.0.0.1:8787',
    ],
    ['train', 'Command "train" needs an experiment file or a preset: npx esper train two-spirals'],
    ['train a b', 'Command "train" does not take the argument "b": remove it'],
    ['version now', 'Command "version" does not take the argument "now": remove it'],
  ])('refuses "%s" with a message that names the fix', (text, message) => {
    expect(fault(text)).toBe(message);
  });

  test('refuses --resume together with --force', () => {
    expect(fault('train x --resume --force')).toContain('exclude each other');
  });

  test.each([
    ['', null],
    ['--help', null],
    ['-h', null],
    ['help', null],
    ['help train', 'train'],
    ['train --help', 'train'],
    ['train x --seed 1 -h', 'train'],
    ['serve --help', 'serve'],
  ])('"%s" asks for help', (text, topic) => {
    expect(line(text)).toEqual({ command: 'help', topic });
  });

  test('any words either parse or give a one-line InputError without a final period', () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom('train', 'help', '--seed', '--out', '--json', '--', '-', '--no-growth', '1'),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (args) => {
        try {
          expect(Object.keys(COMMANDS)).toContain(parseArguments(args).command);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
          expect((error as Error).message.endsWith('.')).toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('seeds in range survive, whatever their value', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (seed) => {
        const parsed = parseArguments(['train', 'x', '--seed', String(seed)]);
        expect(parsed.command === 'train' && parsed.options.seed).toBe(seed);
      }),
    );
  });
});

describe('parseArguments() for jobs', () => {
  const server = ['--server', 'http://127.0.0.1:8787/'];

  test('reads a worker', () => {
    const args = ['worker', ...server, '--concurrency', '4', '--kinds', 'compile,shader', '--once'];
    expect(parseArguments(args)).toMatchObject({
      command: 'worker',
      options: {
        serverUrl: 'http://127.0.0.1:8787',
        token: null,
        concurrency: 4,
        kinds: ['compile', 'shader'],
        name: null,
        once: true,
      },
    });
    expect(parseArguments(['worker', ...server])).toMatchObject({
      options: { concurrency: 1, kinds: ['compile', 'experiment', 'shader'], once: false },
    });
  });

  test('reads a submission', () => {
    const args = ['submit', 'two-spirals', ...server, '--seeds', '3', '--no-growth', '--wait'];
    expect(parseArguments(args)).toMatchObject({
      command: 'submit',
      options: { target: 'two-spirals', seeds: 3, firstSeed: null, growth: false, wait: true },
    });
  });

  test.each([
    [['worker'], /needs a server: add --server/],
    [['worker', ...server, '--kinds', 'compile,all'], /names "all": kinds of jobs are/],
    [['worker', ...server, '--name', 'a b'], /"--name" is "a b"/],
    [['worker', ...server, '--concurrency', '0'], /from 1 to 64/],
    [['submit', ...server], /needs an experiment file or a preset/],
    [['submit', 'x', 'y', ...server], /y/],
  ])('refuses %j', (args, message) => {
    expect(() => parseArguments(args)).toThrow(message);
  });
});

describe('helpText()', () => {
  test('names every command and the exit codes', () => {
    const text = helpText(null);
    for (const name of Object.keys(COMMANDS)) expect(text).toContain(`  ${name} `);
    expect(text).toContain('130 interrupted');
  });

  test.each(Object.entries(COMMANDS))('explains %s with all its options', (name, spec) => {
    const text = helpText(name);
    expect(text).toContain(`npx esper ${name}`);
    for (const option of Object.keys(spec.options)) expect(text).toContain(`--${option}`);
    for (const row of text.split('\n')) expect(row.length).toBeLessThanOrEqual(100);
  });
});
