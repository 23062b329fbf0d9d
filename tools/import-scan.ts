/**
 * Finds the imports of a TypeScript file without a parser: a scanner marks what is comment, text
 * or code, and patterns look at code only. Enough for formatted sources; knows nothing of types.
 */

/** One import of a file. */
export interface Import {
  /** As written, for example `../base/errors.ts` or `#shared/base/errors.ts`. */
  specifier: string;
  /** From 1. */
  line: number;
  /** `import type`, or every name marked `type`: gone at run time, so it closes no cycle. */
  isTypeOnly: boolean;
}

/**
 * The source with every comment and the inside of every string, template text and regular
 * expression blanked. Same length and same line breaks, so that positions agree.
 */
export function maskSource(source: string): string {
  const out = source.split('');
  const blank = (from: number, to: number) => {
    for (let i = from; i < to; i++) if (out[i] !== '\n') out[i] = ' ';
  };
  // Depth of braces at which each open `${` ends.
  const templates: number[] = [];
  let depth = 0;
  let i = 0;

  function templateText(start: number): void {
    i = start;
    while (i < source.length && source[i] !== '`' && !source.startsWith('${', i)) {
      i += source[i] === '\\' ? 2 : 1;
    }
    blank(start, Math.min(i, source.length));
    if (source[i] === '`') i++;
    else if (i < source.length) {
      templates.push(depth++);
      i += 2;
    }
  }

  while (i < source.length) {
    const char = source[i];
    if (source.startsWith('//', i)) {
      const end = source.indexOf('\n', i);
      blank(i, end < 0 ? source.length : end);
      i = end < 0 ? source.length : end;
    } else if (source.startsWith('/*', i)) {
      const end = source.indexOf('*/', i + 2);
      blank(i, end < 0 ? source.length : end + 2);
      i = end < 0 ? source.length : end + 2;
    } else if (char === '"' || char === "'") {
      const start = ++i;
      while (i < source.length && source[i] !== char && source[i] !== '\n') {
        i += source[i] === '\\' ? 2 : 1;
      }
      blank(start, Math.min(i, source.length));
      i++;
    } else if (char === '`') {
      templateText(i + 1);
    } else if (char === '/' && startsRegex(out, i)) {
      const start = ++i;
      let isClass = false;
      while (i < source.length && source[i] !== '\n' && (isClass || source[i] !== '/')) {
        if (source[i] === '[') isClass = true;
        else if (source[i] === ']') isClass = false;
        i += source[i] === '\\' ? 2 : 1;
      }
      blank(start, Math.min(i, source.length));
      i++;
    } else if (char === '{') {
      depth++;
      i++;
    } else if (char === '}') {
      depth--;
      if (templates.at(-1) === depth) {
        templates.pop();
        templateText(i + 1);
      } else i++;
    } else i++;
  }
  return out.join('');
}

/** A slash starts a regular expression where no value can have ended. */
function startsRegex(code: readonly string[], at: number): boolean {
  let i = at - 1;
  while (i >= 0 && /\s/.test(code[i] ?? '')) i--;
  if (i < 0 || /[(,=:[!&|?{};+*%~^]/.test(code[i] ?? '')) return true;
  // `=>` starts one, a comparison or a closing JSX tag does not.
  if (code[i] === '>') return code[i - 1] === '=';
  const before = code.slice(Math.max(0, i - 9), i + 1).join('');
  return /\b(return|typeof|case|in|of|await|yield)$/.test(before);
}

const FORMS = [
  /\bimport\s+(?<type>type\s+)?(?<names>[\w$\s,{}*]+?)\s+from\s*(['"])(?<path>[^'"]+)\3/g,
  /\bexport\s+(?<type>type\s+)?(?<names>\*(?:\s+as\s+[\w$]+)?|\{[^}]*\})\s*from\s*(['"])(?<path>[^'"]+)\3/g,
  /\bimport\s*(['"])(?<path>[^'"]+)\1/g,
  /\bimport\s*\(\s*(['"])(?<path>[^'"]+)\1/g,
  /\bnew\s+URL\(\s*(['"])(?<path>\.[^'"]+)\1\s*,\s*import\.meta\.url/g,
];

function marksEveryName(names: string | undefined): boolean {
  const list = /^\{(.*)\}$/s.exec(names?.trim() ?? '')?.[1]?.split(',') ?? [];
  const given = list.map((name) => name.trim()).filter((name) => name !== '');
  return given.length > 0 && given.every((name) => name.startsWith('type '));
}

/** All static, dynamic and worker imports of a source, in order. */
export function scanImports(source: string, mask = maskSource(source)): Import[] {
  const found: (Import & { at: number })[] = [];
  for (const form of FORMS) {
    for (const match of source.matchAll(form)) {
      // The keyword is blanked where the match lies in a comment or a string.
      if (mask[match.index] === ' ') continue;
      const { path = '', type, names } = match.groups ?? {};
      const line = source.slice(0, match.index + match[0].lastIndexOf(path)).split('\n').length;
      const isTypeOnly = type !== undefined || marksEveryName(names);
      found.push({ specifier: path, line, isTypeOnly, at: match.index });
    }
  }
  return found
    .sort((a, b) => a.at - b.at)
    .map(({ specifier, line, isTypeOnly }) => ({ specifier, line, isTypeOnly }));
}
