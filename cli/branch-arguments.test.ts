import { describe, expect, it } from 'vitest';
import { parseArguments } from './arguments.ts';
import { helpText } from './help-text.ts';
import { type ListedRun, runsText } from './runs.ts';

const parse = (line: string) => parseArguments(line.split(' '));

describe('arguments of the commands that look back', () => {
  it('are read', () => {
    expect(parse('replay runs/a --tolerance 0.05 --json')).toEqual({
      ...{ command: 'replay', json: true, options: { target: 'runs/a', tolerance: 0.05 } },
    });
    expect(parse('fork a.capsule --without s1')).toMatchObject({
      options: { target: 'a.capsule', at: null, without: 's1', future: 'schedule', paused: false },
    });
    // Without a change the log would only make the same run again.
    expect(parse('fork runs/a --at 5')).toMatchObject({ options: { at: 5, future: 'policy' } });
    expect(parse('fork runs/a --with x.json --policy')).toMatchObject({
      options: { withFile: 'x.json', future: 'policy' },
    });
    expect(parse('rewind runs/a --at 0')).toMatchObject({ options: { folder: 'runs/a', at: 0 } });
    expect(parse('twin runs/a --steps 9')).toMatchObject({ options: { seed: null, steps: 9 } });
    expect(parse('runs')).toMatchObject({ options: { folder: 'runs' } });
  });

  it('are refused with what is missing', () => {
    expect(() => parse('replay')).toThrow('needs a run folder: npx esper replay runs/a');
    expect(() => parse('rewind runs/a')).toThrow('add --at');
    expect(() => parse('fork runs/a')).toThrow('add --at STEP, --without EVENT or --with FILE');
    expect(() => parse('fork runs/a --withot s1')).toThrow('did you mean "--without"');
    expect(() => parse('twin a.capsule')).toThrow('never changes: unpack it');
    expect(() => parse('replay a b')).toThrow('does not take the argument "b"');
  });

  it('have help', () => {
    for (const command of ['replay', 'rewind', 'fork', 'twin', 'runs']) {
      expect(helpText(command)).toContain(`npx esper ${command}`);
    }
  });
});

describe('runsText()', () => {
  const run = (name: string, parent: string | null): ListedRun => ({
    ...{ type: 'run', name, experiment: 'x', seed: 1, steps: 2000, status: 'done' },
    ...{ testAccuracy: 0.5, digest: null, parent, forkStep: parent ? 300 : null },
    change: parent ? { without: { seq: 1, text: 'germinate' }, added: [] } : null,
  });

  it('puts forks under their parents, and names a parent that is not there', () => {
    expect(runsText([run('b', 'a'), run('a', null), run('c', 'gone')]).split('\n')).toEqual([
      'a    x, seed 1; 2,000 steps, done; test 50.0 %',
      '└ b  x, seed 1; 2,000 steps, done; test 50.0 %; fork at 300 without "germinate"',
      'c    x, seed 1; 2,000 steps, done; test 50.0 %; fork of gone at 300 without "germinate"',
    ]);
    expect(runsText([])).toBe('No runs');
  });
});
