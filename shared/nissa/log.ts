/** Structured log: one JSON object a line, the same in the page, the CLI and the server. */

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to every record. */
  child(fields: LogFields): Logger;
}

export interface LoggerOptions {
  /** Records below it are dropped. */
  level: LogLevel;
  /** Receives each record, without line break. */
  write: (line: string) => void;
  /** Milliseconds since 1970. */
  wallTime: () => number;
  fields?: LogFields;
  /** Values that no record may hold, whatever the field: a driver's error may quote a password. */
  secrets?: readonly string[];
}

const SECRET = /authorization|cookie|password|secret|token|api-?key|access-?key/i;

/**
 * Fields whose names speak of secrets are written as `***`, at any depth, and so are known secrets
 * wherever they stand. Errors are written with name, message, stack and causes.
 */
export function createLogger(options: LoggerOptions): Logger {
  const { level, write, wallTime, fields: own = {}, secrets = [] } = options;
  const hide = (text: string) => secrets.reduce((rest, one) => rest.replaceAll(one, '***'), text);
  const threshold = LOG_LEVELS.indexOf(level);
  const log =
    (name: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      if (LOG_LEVELS.indexOf(name) < threshold) return;
      const time = new Date(wallTime()).toISOString();
      const shown = readable({ ...own, ...fields }, hide);
      write(JSON.stringify({ time, level: name, message: hide(message), ...shown }));
    };
  return {
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
    child: (fields) => createLogger({ ...options, fields: { ...own, ...fields } }),
  };
}

/** A logger that writes nothing. */
export const silentLogger: Logger = createLogger({
  level: 'silent',
  write: () => undefined,
  wallTime: () => 0,
});

type Hide = (text: string) => string;

function readable(fields: LogFields, hide: Hide): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    result[name] = SECRET.test(name) ? '***' : readableValue(value, 0, hide);
  }
  return result;
}

const MAX_DEPTH = 6;

function readableValue(value: unknown, depth: number, hide: Hide): unknown {
  if (depth > MAX_DEPTH) return '…';
  if (typeof value === 'string') return hide(value);
  if (typeof value === 'bigint') return value.toString();
  const inner = (item: unknown) => readableValue(item, depth + 1, hide);
  if (value instanceof Error) {
    const { name, message, stack = '', cause } = value;
    return {
      ...{ name, message: hide(message), stack: hide(stack) },
      ...(cause === undefined ? {} : { cause: inner(cause) }),
    };
  }
  if (Array.isArray(value)) return value.map(inner);
  if (typeof value === 'object' && value !== null) {
    const result: Record<string, unknown> = {};
    for (const [name, item] of Object.entries(value)) {
      result[name] = SECRET.test(name) ? '***' : inner(item);
    }
    return result;
  }
  return value;
}
