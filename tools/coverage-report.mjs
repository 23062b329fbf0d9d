/**
 * Merges the lcov reports of several test runners by line and says what no test ran. Pure.
 *
 * lcov is three kinds of record here (SF, DA, end_of_record), so a package that reads it would be
 * longer than this file: those on npm are a command of their own or have seen no release for years.
 *
 * Runners disagree on what a line of code is: Vitest counts the lines on which a statement begins,
 * Deno every line that is not a comment. The union of both would count the second line of a
 * statement as missed wherever Vitest runs it and Deno only loads its file. So Vitest's report,
 * which names every file of the folders, says which lines count, and all reports say which ran.
 */

/**
 * @typedef {Map<string, Map<number, number>>} Lines By file, relative with forward slashes: how
 *   often each line of code ran.
 *
 * @typedef {object} FileCoverage
 * @property {string} file
 * @property {number} total Lines of code.
 * @property {number} covered Those that ran.
 * @property {[number, number][]} missed Runs of missed lines, first and last.
 */

/**
 * Lines of one lcov report.
 *
 * @param {string} text
 * @param {string} root Project folder; files outside it are left out.
 * @returns {Lines}
 */
export function readLcov(text, root) {
  const base = `${root.replaceAll('\\', '/').replace(/\/$/, '')}/`;
  const isAbsolute = (file) => /^(\/|[A-Za-z]:\/)/.test(file);
  /** @type {Lines} */
  const lines = new Map();
  let current = null;
  for (const line of text.split('\n')) {
    if (line.startsWith('SF:')) {
      const path = line.slice(3).trim().replaceAll('\\', '/');
      const file = path.startsWith(base) ? path.slice(base.length) : path;
      current = isAbsolute(file) ? null : (lines.get(file) ?? new Map());
      if (current) lines.set(file, current);
    } else if (line.startsWith('DA:') && current) {
      const [number, hits] = line.slice(3).split(',').map(Number);
      current.set(number, (current.get(number) ?? 0) + hits);
    } else if (line.startsWith('end_of_record')) {
      current = null;
    }
  }
  return lines;
}

/**
 * The lines that `counted` names, with the hits of all reports added up.
 *
 * @param {readonly Lines[]} counted Reports that say which lines count.
 * @param {readonly Lines[]} others Reports that only say what ran.
 * @returns {Lines}
 */
export function mergeLines(counted, others) {
  /** @type {Lines} */
  const merged = new Map();
  for (const report of counted) {
    for (const [file, lines] of report) {
      const all = merged.get(file) ?? new Map();
      for (const [line, hits] of lines) all.set(line, (all.get(line) ?? 0) + hits);
      merged.set(file, all);
    }
  }
  for (const report of others) {
    for (const [file, all] of merged) {
      for (const [line, hits] of report.get(file) ?? []) {
        if (all.has(line)) all.set(line, all.get(line) + hits);
      }
    }
  }
  return merged;
}

/** Runs of missed lines; lines without code between two missed ones belong to the run. */
function missedRuns(lines) {
  /** @type {[number, number][]} */
  const runs = [];
  let isOpen = false;
  for (const [line, hits] of [...lines].sort(([a], [b]) => a - b)) {
    if (hits > 0) isOpen = false;
    else if (isOpen) runs.at(-1)[1] = line;
    else {
      runs.push([line, line]);
      isOpen = true;
    }
  }
  return runs;
}

/**
 * @param {Lines} lines
 * @param {string} folder Relative to the project; a file in `shared/nn2` is not in `shared/nn`.
 * @returns {FileCoverage[]} Files with code in them, by name.
 */
export function coverageOf(lines, folder) {
  const base = `${folder.replace(/\/$/, '')}/`;
  return [...lines]
    .filter(([file, all]) => file.startsWith(base) && all.size > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([file, all]) => ({
      file,
      total: all.size,
      covered: [...all.values()].filter((hits) => hits > 0).length,
      missed: missedRuns(all),
    }));
}

/** Share of lines that ran, in percent; 0 for a folder without code. @param {FileCoverage[]} files */
export function percentOf(files) {
  const total = files.reduce((sum, file) => sum + file.total, 0);
  const covered = files.reduce((sum, file) => sum + file.covered, 0);
  return total === 0 ? 0 : (100 * covered) / total;
}

/** Rounded down, so that 89.99 is not shown as 90. */
const shown = (percent) => `${(Math.floor(percent * 10) / 10).toFixed(1)} %`;

function row(name, files, tail = '') {
  const total = files.reduce((sum, file) => sum + file.total, 0);
  const covered = files.reduce((sum, file) => sum + file.covered, 0);
  const numbers = `${shown(percentOf(files)).padStart(8)}  ${`${covered}/${total}`.padStart(11)}`;
  return `${name.padEnd(46)}${numbers}${tail ? `  ${tail}` : ''}`;
}

/**
 * A table of one folder: its total, its subfolders and their files with the missed lines.
 *
 * @param {string} folder
 * @param {FileCoverage[]} files
 */
export function folderTable(folder, files) {
  const out = [row(folder, files)];
  const homeOf = (file) => file.slice(0, file.lastIndexOf('/'));
  for (const home of [...new Set(files.map(({ file }) => homeOf(file)))].sort()) {
    const inside = files.filter(({ file }) => homeOf(file) === home);
    if (home !== folder) out.push(row(`  ${home}`, inside));
    for (const one of inside) {
      const missed = one.missed.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`));
      out.push(row(`    ${one.file.slice(home.length + 1)}`, [one], missed.join(', ')));
    }
  }
  return out.join('\n');
}
