/**
 * Expands a .wgsl source file into the text a device compiles. Three comment directives, so that a
 * source file stays readable and greppable:
 *
 *   // @include lib/philox.wgsl      the file's text, once
 *   //% for i in 0..TM ... //% end   the lines between, once per integer i
 *   //% if BIAS ... //% else ... //% end
 *
 * and `${expression}` inside lines, replaced by its value. Expressions are integers: names
 * (defines and loop variables), + - * / % ( ) == != < <= > >= && || !, and `lane(i)`, which gives
 * the vec4 component x, y, z or w. Register tiles need this: WGSL has no unrolled register arrays.
 */

export type Defines = Readonly<Record<string, number>>;

type Value = number | string;

/** Operators from the loosest to the tightest. */
const LEVELS = [
  ['||'],
  ['&&'],
  ['==', '!='],
  ['<', '<=', '>', '>='],
  ['+', '-'],
  ['*', '/', '%'],
] as const;

/** Tokens of the expressions so far: unrolled text evaluates the same few over and over. */
const tokensOf = new Map<string, readonly string[]>();

/** @throws {SyntaxError} Naming the expression, if it has anything else. */
function tokenize(expression: string): readonly string[] {
  const known = tokensOf.get(expression);
  if (known) return known;
  const tokens = expression.match(/\d+|[A-Za-z_]\w*|==|!=|<=|>=|&&|\|\||[-+*/%()<>!]/g) ?? [];
  if (tokens.join('') !== expression.replace(/\s+/g, '')) {
    throw new SyntaxError(`Cannot read expression "${expression}"`);
  }
  tokensOf.set(expression, tokens);
  return tokens;
}

/** @throws {SyntaxError} Naming the expression, if it does not parse or a name is unknown. */
export function evaluate(expression: string, names: Defines): Value {
  const tokens = tokenize(expression);
  // Most are one name or number.
  if (tokens.length === 1) {
    const alone = /^\d/.test(tokens[0]!) ? Number(tokens[0]) : names[tokens[0]!];
    if (alone !== undefined) return alone;
  }
  let at = 0;
  const fail = (): never => {
    throw new SyntaxError(`Cannot evaluate "${expression}" at "${tokens[at] ?? 'end'}"`);
  };
  const expectToken = (t: string) => {
    if (tokens[at] !== t) fail();
    at++;
  };
  const primary = (): Value => {
    const t = tokens[at++] ?? fail();
    if (/^\d+$/.test(t)) return Number(t);
    if (t === '(') {
      const v = binary(0);
      expectToken(')');
      return v;
    }
    if (t === '!') return primary() === 0 ? 1 : 0;
    if (t === '-') return -(primary() as number);
    if (t === 'lane') {
      expectToken('(');
      const v = binary(0) as number;
      expectToken(')');
      return 'xyzw'[v] ?? fail();
    }
    const v = names[t];
    if (v === undefined) throw new SyntaxError(`Cannot find "${t}" in "${expression}"`);
    return v;
  };
  const apply = (op: string, a: number, b: number): number => {
    switch (op) {
      case '||':
        return a || b ? 1 : 0;
      case '&&':
        return a && b ? 1 : 0;
      case '==':
        return a === b ? 1 : 0;
      case '!=':
        return a !== b ? 1 : 0;
      case '<':
        return a < b ? 1 : 0;
      case '<=':
        return a <= b ? 1 : 0;
      case '>':
        return a > b ? 1 : 0;
      case '>=':
        return a >= b ? 1 : 0;
      case '+':
        return a + b;
      case '-':
        return a - b;
      case '*':
        return a * b;
      case '/':
        return Math.trunc(a / b);
      default:
        return a % b;
    }
  };
  const binary = (level: number): Value => {
    const operators: readonly string[] | undefined = LEVELS[level];
    if (!operators) return primary();
    let left = binary(level + 1);
    while (operators.includes(tokens[at] ?? '')) {
      const op = tokens[at++]!;
      left = apply(op, left as number, binary(level + 1) as number);
    }
    return left;
  };
  const value = binary(0);
  if (at < tokens.length) fail();
  return value;
}

interface Line {
  text: string;
  file: string;
  number: number;
}

/** Expanded text, and for each of its lines the source file and line it came from. */
export interface LinkedShader {
  code: string;
  origins: { file: string; line: number }[];
}

/**
 * @param file Key in `sources`, for example `linear.wgsl`.
 * @throws {SyntaxError} Naming file and line of a bad directive or expression.
 */
export function link(
  file: string,
  sources: Readonly<Record<string, string>>,
  defines: Defines,
): LinkedShader {
  const included = new Set<string>();
  const load = (name: string, from: string): Line[] => {
    const source = sources[name];
    if (source === undefined)
      throw new SyntaxError(`Cannot include "${name}" from ${from}: no such shader`);
    return source.split('\n').flatMap((text, i): Line[] => {
      const include = text.match(/^\s*\/\/ @include (\S+)\s*$/);
      if (!include) return [{ text, file: name, number: i + 1 }];
      const target = include[1]!;
      if (included.has(target)) return [];
      included.add(target);
      return load(target, `${name}:${i + 1}`);
    });
  };
  const out: Line[] = [];
  const emit = (lines: readonly Line[], names: Defines): void => {
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i]!;
      const where = `${line.file}:${line.number}`;
      const value = (e: string): Value => {
        try {
          return evaluate(e, names);
        } catch (error) {
          throw new SyntaxError(`${where}: ${(error as Error).message}`);
        }
      };
      // Looked for by a plain search first: few lines have either.
      const directive = line.text.includes('//%')
        ? line.text.match(/^\s*\/\/% (\w+)\s*(.*?)\s*$/)
        : null;
      if (!directive) {
        if (!line.text.includes('${')) {
          out.push(line);
          continue;
        }
        const text = line.text.replace(/\$\{([^}]*)\}/g, (_, e: string) => String(value(e)));
        out.push({ ...line, text });
        continue;
      }
      const [, word, rest] = directive as unknown as [string, string, string];
      const { middle, end } = blockEnd(lines, i, where);
      if (word === 'for') {
        const m = rest.match(/^(\w+) in (.+)\.\.(.+)$/);
        if (!m) throw new SyntaxError(`${where}: cannot read "for ${rest}"`);
        const to = value(m[3]!) as number;
        for (let k = value(m[2]!) as number; k < to; k++) {
          emit(lines.slice(i + 1, end), { ...names, [m[1]!]: k });
        }
      } else if (word === 'if') {
        const yes = lines.slice(i + 1, middle ?? end);
        const no = middle === null ? [] : lines.slice(middle + 1, end);
        emit(value(rest) !== 0 ? yes : no, names);
      } else {
        throw new SyntaxError(`${where}: cannot read directive "${word}"`);
      }
      i = end;
    }
  };
  emit(load(file, file), defines);
  return {
    code: out.map((l) => l.text).join('\n'),
    origins: out.map((l) => ({ file: l.file, line: l.number })),
  };
}

/** Index of the `end` that closes the directive at `start`, and of its own `else`, if any. */
function blockEnd(
  lines: readonly Line[],
  start: number,
  where: string,
): { middle: number | null; end: number } {
  let depth = 0;
  let middle: number | null = null;
  for (let i = start; i < lines.length; i++) {
    const { text } = lines[i]!;
    if (!text.includes('//%')) continue;
    const word = text.match(/^\s*\/\/% (\w+)/)?.[1];
    if (word === 'for' || word === 'if') depth++;
    else if (word === 'else' && depth === 1) middle = i;
    else if (word === 'end' && --depth === 0) return { middle, end: i };
  }
  throw new SyntaxError(`${where}: directive has no end`);
}
