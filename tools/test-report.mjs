/**
 * Reads the machine-readable reports of the test runners into one kind of count. Pure.
 *
 * A runner that ended badly counts at least one failure even if its report shows none (a suite
 * that did not load, a crash after the last test), so that no failure is lost in the total.
 */

/**
 * @typedef {object} Count
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 */

/** @returns {Count} */
export function noTests() {
  return { passed: 0, failed: 0, skipped: 0 };
}

/** @param {Count} a @param {Count} b @returns {Count} */
export function add(a, b) {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  };
}

/** Report of `vitest --reporter=json`. @returns {Count} */
export function readVitest(text) {
  const report = JSON.parse(text);
  // A file that does not load has no tests of its own but must not pass unseen.
  const unloaded = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  ).length;
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + unloaded,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** Report of `deno test --junit-path`. @returns {Count} */
export function readJunit(text) {
  const cases = text.match(/<testcase\b[^>]*?(\/>|>[\s\S]*?<\/testcase>)/g) ?? [];
  const skipped = cases.filter((one) => one.includes('<skipped')).length;
  const failed = cases.filter((one) => /<(failure|error)\b/.test(one)).length;
  return { passed: cases.length - failed - skipped, failed, skipped };
}

/** Report of `playwright test --reporter=json`. @returns {Count} */
export function readPlaywright(text) {
  const { stats, errors } = JSON.parse(text);
  // A flaky test passed on a retry. Errors outside any test (a server that did not start) count.
  return {
    passed: stats.expected + stats.flaky,
    failed: stats.unexpected + (errors?.length ?? 0),
    skipped: stats.skipped,
  };
}

/**
 * Count of one finished runner.
 *
 * @param {number} code The runner's exit code.
 * @param {string | null} text Its report, or null if it wrote none.
 * @param {(text: string) => Count} read
 * @returns {Count}
 */
export function countOf(code, text, read) {
  let count = noTests();
  let isReadable = false;
  if (text !== null) {
    try {
      count = read(text);
      isReadable = true;
    } catch {
      // Cut off in the middle: counted as a failure below.
    }
  }
  const hasFailed = code !== 0 || !isReadable;
  return hasFailed && count.failed === 0 ? { ...count, failed: 1 } : count;
}

/** The last line of `npm test`, which continuous integration reads. @param {Count} total */
export function totalLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
