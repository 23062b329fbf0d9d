import { describe, expect, test } from 'vitest';
import {
  CorruptDataError,
  InputError,
  LimitError,
  MissingFeatureError,
  NoAdapterError,
  StorageFullError,
} from '#shared/base/errors.ts';
import type { RunEvent } from '#shared/contracts/events.ts';
import type { KernelTimes } from '#shared/contracts/kernel-times.ts';
import { exitCodeOf, exitCodeOfRun, isExpected } from './exit-code.ts';
import { Interrupt } from './interrupt.ts';
import { createOutput, type TextSink } from './output.ts';
import type { RunFinished } from './train-options.ts';

function sink(isTerminal: boolean): TextSink & { text: string } {
  return {
    text: '',
    isTerminal,
    columns: () => 80,
    write(text) {
      this.text += text;
    },
  };
}

function setup({ json = false, terminal = false } = {}) {
  const stdout = sink(terminal);
  const stderr = sink(terminal);
  const clock = { now: 0 };
  const output = createOutput({ json, stdout, stderr, now: () => clock.now });
  return { stdout, stderr, clock, output };
}

const FINISHED: RunFinished = {
  type: 'run.finished',
  seq: 9,
  step: 2000,
  status: 'done',
  steps: 2000,
  trainAccuracy: 1,
  testAccuracy: 0.989,
  parameters: 1234,
  seedsGerminated: 3,
  seedsFossilized: 2,
  digest: 'sha256:ab',
  seconds: 75.4,
};

const TIMES: KernelTimes = {
  ...{ adapter: 'llvmpipe', step: 2000, timedSteps: 32, milliseconds: 0.5, unmeasured: null },
  kernels: [
    { kernel: 'matmul', dispatches: 6, milliseconds: 0.4 },
    { kernel: 'adam_update', dispatches: 1, milliseconds: 0.1 },
  ],
};

const TRANSITION: RunEvent = {
  type: 'transition',
  seq: 1,
  step: 1850,
  layerId: 'fc1',
  slot: 0,
  seedId: 's1',
  blueprint: 'widen-16',
  from: 'TRAINING',
  to: 'BLENDING',
  cause: 'G2 passed',
  parameters: 500,
};

const at = (step: number) => ({
  step,
  totalSteps: 2000,
  loss: 0.5,
  accuracy: null,
  parameters: null,
});

describe('createOutput() with --json', () => {
  test('stdout holds one object a line, the result last, and nothing else', () => {
    const { stdout, stderr, output } = setup({ json: true });
    output.note('found an adapter');
    output.progress(at(1));
    output.event(TRANSITION);
    output.event(FINISHED);
    output.finish(FINISHED);
    const lines = stdout.text.trimEnd().split('\n');
    expect(lines.map((l) => JSON.parse(l))).toEqual([TRANSITION, FINISHED]);
    expect(lines.at(-1)).toMatch(/^\{"type":"run.finished","status":"done",/);
    expect(stderr.text).toContain('found an adapter');
  });
});

describe('createOutput() without --json', () => {
  test('prints the summary on stdout and the story on stderr', () => {
    const { stdout, stderr, output } = setup();
    output.event(TRANSITION);
    output.finish(FINISHED);
    expect(stderr.text).toBe(
      'step 1,850: s1 in fc1[0] (widen-16) TRAINING → BLENDING: G2 passed\n',
    );
    expect(stdout.text).toBe(
      [
        'Done after 2,000 steps in 1:15',
        '  train accuracy  100.0 %',
        '  test accuracy   98.9 %',
        '  parameters      1,234',
        '  seeds           3 germinated, 2 fossilised',
        '  digest          sha256:ab',
        '',
      ].join('\n'),
    );
  });

  test('invents no figure that was not measured', () => {
    const { stdout, output } = setup();
    output.finish({ ...FINISHED, testAccuracy: null });
    expect(stdout.text).toContain('test accuracy   unmeasured');
  });

  test('a run that ended early has a reason and no accuracy', () => {
    const { stdout, output } = setup();
    output.finish({ ...FINISHED, status: 'failed', testAccuracy: null, message: 'disk is full' });
    expect(stdout.text).toContain('Failed after 2,000 steps in 1:15: disk is full');
    expect(stdout.text).not.toContain('accuracy');
  });

  test('with --json, the reason of a failure is on stderr too', () => {
    const { stdout, stderr, output } = setup({ json: true });
    output.finish({ ...FINISHED, status: 'failed', message: 'disk is full' });
    expect(JSON.parse(stdout.text)).toMatchObject({ status: 'failed', message: 'disk is full' });
    expect(stderr.text).toBe('esper: disk is full\n');
  });

  test('without a terminal, prints plain lines at most every five seconds', () => {
    const { stderr, clock, output } = setup();
    for (let step = 1; step <= 1000; step++) {
      clock.now = step * 12;
      output.progress(at(step));
    }
    const lines = stderr.text.trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toBe('step 1/2,000  loss 0.500');
    expect(stderr.text).not.toContain('\u001b');
  });

  test('work that is no run has a share and the time left, on lines and on a bar', () => {
    const plain = setup();
    for (const [second, share] of [
      [0, 0],
      [2, 0.1],
      [6, 0.3],
    ] as const) {
      plain.clock.now = second * 1000;
      plain.output.work({ share, label: 'growing, 5 units' });
    }
    expect(plain.stderr.text).toBe(
      '0.0 %  growing, 5 units\n30.0 %  0:14 left  growing, 5 units\n',
    );
    const { stderr, output } = setup({ terminal: true });
    output.work({ share: 0.5, label: 'growing, 5 units' });
    expect(stderr.text.startsWith('\r\u001b[2K[#')).toBe(true);
    expect(stderr.text).toMatch(/#-+\] {2}50\.0 % {2}growing, 5 units$/);
    output.close();
    expect(stderr.text.endsWith('\r\u001b[2K')).toBe(true);
  });

  test('on a terminal, redraws one bar and keeps it below other lines', () => {
    const { stderr, output } = setup({ terminal: true });
    output.progress(at(1000));
    expect(stderr.text.startsWith('\r\u001b[2K[#')).toBe(true);
    expect(stderr.text).toMatch(/#-+\] {2}50 % {2}1,000\/2,000/);
    const bar = stderr.text.slice('\r\u001b[2K'.length);
    output.event(TRANSITION);
    expect(stderr.text.endsWith(`BLENDING: G2 passed\n${bar}`)).toBe(true);
    output.close();
    expect(stderr.text.endsWith('\r\u001b[2K')).toBe(true);
  });
});

describe('exit codes', () => {
  test.each([
    [new InputError('x'), 2],
    [new CorruptDataError('x'), 2],
    [new NoAdapterError('x'), 3],
    [new MissingFeatureError('x'), 3],
    [new StorageFullError('x'), 1],
    [new LimitError('x'), 1],
    [new TypeError('x'), 1],
    ['text', 1],
  ])('%s ends with %i', (error, code) => {
    expect(exitCodeOf(error)).toBe(code);
  });

  test('the way a run ended decides', () => {
    expect(exitCodeOfRun(FINISHED)).toBe(0);
    expect(exitCodeOfRun({ ...FINISHED, status: 'failed' })).toBe(1);
    expect(exitCodeOfRun({ ...FINISHED, status: 'interrupted' })).toBe(130);
  });

  test('only errors that were not written for people show a stack', () => {
    expect(isExpected(new InputError('x'))).toBe(true);
    expect(isExpected(new StorageFullError('x'))).toBe(true);
    expect(isExpected(new LimitError('x'))).toBe(true);
    expect(isExpected(new TypeError('x'))).toBe(false);
    expect(isExpected(new Error('x'))).toBe(false);
  });
});

describe('Interrupt', () => {
  test('counts echoes of one key press once and a second press as abort', () => {
    const interrupt = new Interrupt();
    expect(interrupt.signal.aborted).toBe(false);
    expect(interrupt.request(1000)).toBe('stop');
    expect(interrupt.signal.aborted).toBe(true);
    expect(interrupt.request(1001)).toBe('repeat');
    expect(interrupt.request(1399)).toBe('repeat');
    expect(interrupt.request(1400)).toBe('abort');
  });
});

describe('kernelTimes()', () => {
  test('is a JSON line before the last', () => {
    const { output, stdout } = setup({ json: true });
    output.kernelTimes(TIMES);
    output.finish(FINISHED);
    const lines = stdout.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines[0]).toEqual({ type: 'kernel-times', ...TIMES });
    expect(lines[1].type).toBe('run.finished');
  });

  test('is a table below the summary', () => {
    const { output, stdout } = setup();
    output.kernelTimes(TIMES);
    expect(stdout.text).toBe('');
    output.finish(FINISHED);
    expect(stdout.text.slice(stdout.text.indexOf('Kernels'))).toBe(
      [
        'Kernels of one training step, mean of 32 steps',
        '  kernel       dispatches      ms   share',
        '  matmul                6  0.4000  80.0 %',
        '  adam_update           1  0.1000  20.0 %',
        '  all                   7  0.5000',
        '',
      ].join('\n'),
    );
  });

  test('says why nothing was measured', () => {
    const { output, stdout } = setup();
    const kernels = TIMES.kernels.map((k) => ({ ...k, milliseconds: null }));
    const unmeasured = 'No clock';
    output.kernelTimes({ ...TIMES, kernels, timedSteps: 0, milliseconds: null, unmeasured });
    output.finish(FINISHED);
    expect(stdout.text).toContain('Kernels of one training step\n');
    expect(stdout.text).toMatch(/\n {2}all +7 +unmeasured\n {2}unmeasured: No clock\n$/);
  });
});
