/**
 * Delimited text: splits a file into records of cells with their line numbers. Which cell means
 * what is csv-table.ts's business.
 *
 * Source: RFC 4180, plus comment lines, blank lines, other delimiters, and blanks around cells.
 */
import { InputError } from '../base/errors.ts';

export interface CsvRecord {
  cells: string[];
  /** Line the record starts on, from 1. */
  line: number;
}

/** In order of preference when several split the sample equally well: a decimal comma loses. */
const DELIMITERS = ['\t', ';', '|', ',', ' '] as const;
const SAMPLE_LINES = 20;

/** Text of a file: UTF-8, or UTF-16 with a byte order mark. @throws {InputError} For binary data. */
export function decodeText(bytes: Uint8Array<ArrayBuffer>, fileName: string): string {
  const utf16 =
    bytes[0] === 0xff && bytes[1] === 0xfe
      ? 'utf-16le'
      : bytes[0] === 0xfe && bytes[1] === 0xff
        ? 'utf-16be'
        : null;
  if (!utf16) {
    const nul = bytes.indexOf(0);
    if (nul !== -1) {
      throw new InputError(
        `Cannot read "${fileName}": not a text file, there is a zero byte at offset ${nul}`,
      );
    }
  }
  return new TextDecoder(utf16 ?? 'utf-8').decode(bytes);
}

/**
 * Records of a text, in order. Blank lines and comment lines are skipped; cells are trimmed unless
 * quoted; a doubled quote inside quotes is a quote; quoted cells may span lines.
 *
 * @param delimiter One character; a blank stands for any run of blanks and tabs.
 * @param comment Prefix of comment lines; empty: there are none.
 * @throws {InputError} For a quote that is never closed or is followed by text.
 */
export function* readRecords(
  text: string,
  delimiter: string,
  comment: string,
  fileName: string,
): Generator<CsvRecord> {
  let at = 0;
  let line = 0;
  while (at < text.length) {
    line++;
    const end = lineEnd(text, at);
    const raw = text.slice(at, end);
    const trimmed = raw.trim();
    if (trimmed === '' || (comment !== '' && trimmed.startsWith(comment))) {
      at = afterLineEnd(text, end);
      continue;
    }
    if (!raw.includes('"')) {
      yield { cells: splitPlain(raw, delimiter), line };
      at = afterLineEnd(text, end);
      continue;
    }
    const startLine = line;
    const record = readQuoted(text, at, delimiter, line, fileName);
    line = record.line;
    at = record.at;
    yield { cells: record.cells, line: startLine };
  }
}

/** End of the line at `at`: the index of its LF, CR LF or lone CR, or the text's length. */
function lineEnd(text: string, at: number): number {
  const ends = /[\r\n]/g;
  ends.lastIndex = at;
  return ends.exec(text)?.index ?? text.length;
}

function afterLineEnd(text: string, end: number): number {
  return text.startsWith('\r\n', end) ? end + 2 : end + 1;
}

function splitPlain(raw: string, delimiter: string): string[] {
  if (delimiter === ' ') return raw.trim().split(/[ \t]+/);
  return raw.split(delimiter).map((cell) => cell.trim());
}

function readQuoted(
  text: string,
  start: number,
  delimiter: string,
  startLine: number,
  fileName: string,
): { cells: string[]; at: number; line: number } {
  const isRun = delimiter === ' ';
  const isBlank = (c: string | undefined) => (c === ' ' || c === '\t') && c !== delimiter;
  const isSplit = (c: string | undefined) => (isRun ? c === ' ' || c === '\t' : c === delimiter);
  const isEnd = (c: string | undefined) => c === undefined || c === '\n' || c === '\r';
  const cells: string[] = [];
  let at = start;
  let line = startLine;
  for (;;) {
    while (isBlank(text[at]) || (isRun && isSplit(text[at]))) at++;
    if (isRun && cells.length > 0 && isEnd(text[at])) break;
    if (text[at] === '"') {
      const opened = line;
      let cell = '';
      at++;
      for (;;) {
        const close = text.indexOf('"', at);
        if (close === -1) {
          throw new InputError(
            `Cannot read ${fileName}:${opened}: a quote is opened and never closed`,
          );
        }
        cell += text.slice(at, close);
        at = close + 1;
        if (text[at] !== '"') break;
        cell += '"';
        at++;
      }
      line += countLineEnds(cell);
      while (isBlank(text[at])) at++;
      if (!isEnd(text[at]) && !isSplit(text[at])) {
        throw new InputError(
          `Cannot read ${fileName}:${line}: text follows a closing quote; double quotes inside quotes`,
        );
      }
      cells.push(cell);
    } else {
      const from = at;
      while (!isEnd(text[at]) && !isSplit(text[at])) at++;
      cells.push(text.slice(from, at).trim());
    }
    if (isEnd(text[at])) break;
    at++;
  }
  return { cells, at: afterLineEnd(text, at), line };
}

function countLineEnds(cell: string): number {
  return cell.match(/\r\n|\n|\r/g)?.length ?? 0;
}

/**
 * The delimiter that splits the first lines into the same, largest number of cells.
 * One column only, or no agreement: the comma, so that the faults are reported against it.
 */
export function detectDelimiter(text: string, comment: string): string {
  const sample: string[] = [];
  let at = 0;
  while (at < text.length && sample.length < SAMPLE_LINES) {
    const end = lineEnd(text, at);
    const raw = text.slice(at, end).trim();
    if (raw !== '' && !(comment !== '' && raw.startsWith(comment))) sample.push(raw);
    at = afterLineEnd(text, end);
  }
  let best = ',';
  let bestScore = 0;
  for (const delimiter of DELIMITERS) {
    const counts = sample.map((raw) => splitPlain(withoutQuoted(raw), delimiter).length);
    const columns = counts[0] ?? 1;
    if (columns < 2) continue;
    const agreeing = counts.filter((n) => n === columns).length / counts.length;
    // A ragged line is a fault to report, not a reason to prefer another delimiter.
    const score = agreeing > 0.7 ? 1000 * Math.round(10 * agreeing) + columns : 0;
    if (score > bestScore) {
      best = delimiter;
      bestScore = score;
    }
  }
  return best;
}

function withoutQuoted(raw: string): string {
  return raw.replace(/"[^"]*("|$)/g, 'q');
}
