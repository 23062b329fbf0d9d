/**
 * A JSON parser that knows where things stand: syntax errors with line and column in the same
 * words in every runtime, the position of every key and value, and duplicate keys refused.
 *
 * Source: RFC 8259.
 */

/** Line and column from 1. */
export interface TextPosition {
  line: number;
  column: number;
}

export interface LocatedJson {
  value: unknown;
  /** Where the value at a path starts; for a key of an object, where the key does. */
  positionOf(path: readonly PropertyKey[]): TextPosition;
}

export class JsonSyntaxError extends SyntaxError {
  override name = 'JsonSyntaxError';
  readonly position: TextPosition;

  constructor(message: string, position: TextPosition) {
    super(message);
    this.position = position;
  }
}

/** Deeper nesting is refused, so that a hostile file cannot overflow the stack. */
const MAX_DEPTH = 100;

/** @throws {JsonSyntaxError} `expected "," or "}" after a value, found "seed"` with its position. */
export function parseLocatedJson(text: string): LocatedJson {
  return new Parser(text).parse();
}

class Parser {
  readonly #text: string;
  readonly #offsets = new Map<string, number>();
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    if (text.startsWith('\uFEFF')) this.#at = 1;
  }

  parse(): LocatedJson {
    const value = this.#value([]);
    this.#skipBlanks();
    if (this.#at < this.#text.length) this.#fail(`expected the end of the file, ${this.#found()}`);
    return {
      value,
      positionOf: (path) => {
        // Something missing stands where its parent does.
        for (let length = path.length; length > 0; length--) {
          const offset = this.#offsets.get(pathKey(path.slice(0, length)));
          if (offset !== undefined) return this.#position(offset);
        }
        return this.#position(this.#offsets.get(pathKey([])) ?? 0);
      },
    };
  }

  #value(path: readonly PropertyKey[]): unknown {
    this.#skipBlanks();
    const key = pathKey(path);
    if (!this.#offsets.has(key)) this.#offsets.set(key, this.#at);
    if (path.length > MAX_DEPTH) this.#fail(`nested deeper than ${MAX_DEPTH} levels`);
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(path);
      case '[':
        return this.#array(path);
      case '"':
        return this.#string();
      default:
        return this.#word();
    }
  }

  #object(path: readonly PropertyKey[]): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    this.#at++;
    this.#skipBlanks();
    if (this.#take('}')) return object;
    for (;;) {
      this.#skipBlanks();
      const start = this.#at;
      if (this.#text[start] === '}') this.#fail('remove the comma before "}"');
      if (this.#text[start] !== '"')
        this.#fail(`expected a key in double quotes, ${this.#found()}`);
      const key = this.#string();
      if (Object.hasOwn(object, key)) {
        this.#fail(`key "${key}" stands twice in the same object`, start);
      }
      this.#offsets.set(pathKey([...path, key]), start);
      this.#skipBlanks();
      if (!this.#take(':')) this.#fail(`expected ":" after key "${key}", ${this.#found()}`);
      const value = this.#value([...path, key]);
      // defineProperty, because assigning to "__proto__" would not make a key of it.
      Object.defineProperty(object, key, {
        value,
        enumerable: true,
        configurable: true,
        writable: true,
      });
      this.#skipBlanks();
      if (this.#take('}')) return object;
      if (!this.#take(',')) this.#fail(`expected "," or "}" after a value, ${this.#found()}`);
    }
  }

  #array(path: readonly PropertyKey[]): unknown[] {
    const items: unknown[] = [];
    this.#at++;
    this.#skipBlanks();
    if (this.#take(']')) return items;
    for (;;) {
      this.#skipBlanks();
      if (this.#text[this.#at] === ']') this.#fail('remove the comma before "]"');
      items.push(this.#value([...path, items.length]));
      this.#skipBlanks();
      if (this.#take(']')) return items;
      if (!this.#take(',')) this.#fail(`expected "," or "]" after a value, ${this.#found()}`);
    }
  }

  #string(): string {
    const match = this.#match(/"(?:[^"\\\n\r]|\\.)*"/y);
    if (match === null) this.#fail('a string is not closed on its line');
    try {
      return JSON.parse(match) as string;
    } catch {
      return this.#fail(
        `${match} is not a valid string; check its backslashes`,
        this.#at - match.length,
      );
    }
  }

  /** A number, true, false or null. */
  #word(): unknown {
    const start = this.#at;
    const word = this.#match(/[^\s,:[\]{}"]+/y);
    if (word === null) this.#fail(`expected a value, ${this.#found()}`);
    if (word.startsWith('//') || word.startsWith('/*')) {
      this.#fail('JSON has no comments; use "description"', start);
    }
    try {
      return JSON.parse(word);
    } catch {
      return this.#fail(`"${word}" is not a JSON value; text goes in double quotes`, start);
    }
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text)?.[0] ?? null;
    if (match !== null) this.#at += match.length;
    return match;
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #skipBlanks(): void {
    this.#match(/[ \t\r\n]*/y);
  }

  #found(): string {
    const rest = this.#text.slice(this.#at, this.#at + 40);
    if (rest === '') return 'found the end of the file';
    const token = /^("[^"\n]*"?|[^\s,:[\]{}"]+|.)/su.exec(rest)?.[0] ?? rest;
    return `found ${token.startsWith('"') ? token : `"${token}"`}`;
  }

  #fail(message: string, offset = this.#at): never {
    throw new JsonSyntaxError(message, this.#position(offset));
  }

  #position(offset: number): TextPosition {
    const before = this.#text.slice(0, offset).split(/\r\n|\n|\r/);
    return { line: before.length, column: before.at(-1)!.length + 1 };
  }
}

function pathKey(path: readonly PropertyKey[]): string {
  return JSON.stringify(path.map(String));
}
