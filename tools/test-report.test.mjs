import { describe, expect, test } from 'vitest';
import { CHECKS } from './checks.mjs';
import {
  add,
  countOf,
  noTests,
  readJunit,
  readPlaywright,
  readVitest,
  totalLine,
} from './test-report.mjs';

describe('reports', () => {
  test('readVitest() counts a file that does not load as a failure', () => {
    const report = {
      numPassedTests: 5,
      numFailedTests: 1,
      numPendingTests: 2,
      numTodoTests: 1,
      testResults: [
        { status: 'failed', assertionResults: [] },
        { status: 'failed', assertionResults: [{}] },
        { status: 'passed', assertionResults: [{}] },
      ],
    };
    expect(readVitest(JSON.stringify(report))).toEqual({ passed: 5, failed: 2, skipped: 3 });
  });

  test('readJunit() counts cases of every kind', () => {
    const xml = `<?xml version="1.0"?><testsuites name="deno test" tests="4">
      <testsuite name="a"><testcase name="one" time="0.1"></testcase>
        <testcase name="two" />
        <testcase name="three"><failure message="a &lt; b">at x</failure></testcase>
        <testcase name="four"><skipped /></testcase></testsuite></testsuites>`;
    expect(readJunit(xml)).toEqual({ passed: 2, failed: 1, skipped: 1 });
  });

  test('readPlaywright() counts flaky as passed and errors outside tests as failed', () => {
    const stats = { expected: 3, unexpected: 1, flaky: 1, skipped: 2 };
    const text = JSON.stringify({ stats, errors: [{ message: 'no server' }] });
    expect(readPlaywright(text)).toEqual({ passed: 4, failed: 2, skipped: 2 });
  });
});

describe('countOf()', () => {
  const read = () => ({ passed: 7, failed: 0, skipped: 0 });

  test('takes the report where the runner ended well', () => {
    expect(countOf(0, 'x', read)).toEqual({ passed: 7, failed: 0, skipped: 0 });
  });

  test('a bad end without a failed test counts as one failure', () => {
    expect(countOf(1, 'x', read)).toEqual({ passed: 7, failed: 1, skipped: 0 });
  });

  test('no report, or half of one, counts as one failure', () => {
    expect(countOf(0, null, read)).toEqual({ passed: 0, failed: 1, skipped: 0 });
    expect(countOf(0, '{"num', readVitest)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
});

test('totalLine() has the form that continuous integration reads', () => {
  const one = { passed: 12, failed: 3, skipped: 0 };
  expect(totalLine(one)).toBe('12 passed, 3 failed');
  expect(totalLine(add(one, { passed: 1, failed: 0, skipped: 4 }))).toBe(
    '13 passed, 3 failed, 4 skipped',
  );
  expect(totalLine(noTests())).toBe('0 passed, 0 failed');
});

test('check names are unique and every step has something to do', () => {
  expect(new Set(CHECKS.map((c) => c.name)).size).toBe(CHECKS.length);
  for (const check of CHECKS) {
    for (const step of check.steps('report'))
      expect(step.run ?? step.command).toBeTypeOf('function');
  }
});
