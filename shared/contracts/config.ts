/**
 * Configuration from the environment, in one schema. docs/server.md lists the variables; every
 * fault is reported at once, and a printed configuration never shows a secret.
 */
import { z } from 'zod';
import { InputError } from '../base/errors.ts';

/** An unset variable and an empty one mean the same. */
const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema);

const text = optional(z.string().min(1).optional());
const url = (schemes: readonly string[]) =>
  optional(
    z
      .string()
      .refine((value) => schemes.includes(schemeOf(value)), {
        error: `must be a URL that starts with ${schemes.map((s) => `${s}://`).join(' or ')}`,
      })
      .optional(),
  );
const number = (min: number, max: number, fallback: number, integer = true) =>
  optional(
    z
      .string()
      .transform((value) => Number(value))
      .refine((n) => Number.isFinite(n) && n >= min && n <= max && (!integer || n % 1 === 0), {
        error: `must be ${integer ? 'a whole number' : 'a number'} from ${min} to ${max}`,
      })
      .default(fallback),
  );

function schemeOf(value: string): string {
  try {
    return new URL(value).protocol.replace(':', '');
  } catch {
    return '';
  }
}

const token = optional(
  z
    .string()
    .min(16, 'must have at least 16 characters')
    .max(512, 'must have at most 512 characters')
    .regex(/^[\x21-\x7e]*$/, 'must be printable ASCII without spaces')
    .optional(),
);

/** The environment variables, by name. Everything has a default or may be absent. */
export const Environment = z
  .object({
    /** `embedded`: SQLite and files; `production`: PostgreSQL, S3 and Redis. */
    ESPER_PROFILE: optional(z.enum(['embedded', 'production']).default('embedded')),
    ESPER_HOST: optional(z.string().min(1).max(255).default('127.0.0.1')),
    /** 0 lets the system choose a free port. */
    ESPER_PORT: number(0, 65535, 8787),
    ESPER_DATA_DIR: optional(z.string().min(1).default('./data')),
    /** Bearer token for everything; needed for every host that is not a loopback address. */
    ESPER_TOKEN: token,
    /** Bearer tokens for less: reading; reading and writing; writing and taking jobs. */
    ESPER_READ_TOKEN: token,
    ESPER_WRITE_TOKEN: token,
    ESPER_WORKER_TOKEN: token,
    /** Address of a proxy whose X-Forwarded-For names the client. */
    ESPER_TRUSTED_PROXY: text,
    /** Seconds a deadlocked or lost database connection is waited for. */
    DATABASE_TIMEOUT: number(0.05, 60, 2, false),
    /** Connections to PostgreSQL. */
    DATABASE_POOL: number(1, 100, 10),
    LOG_LEVEL: optional(z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info')),
    /** Seconds one attempt of an outgoing call may take. */
    HTTP_TIMEOUT: number(0.05, 600, 5, false),
    /** Attempts of an idempotent outgoing call after the first. */
    RETRY_ATTEMPTS: number(0, 10, 2),
    /** Megabytes (2^20 bytes) of compiled kernels kept in memory. */
    CACHE_SIZE_MB: number(1, 65536, 128),
    MAX_CACHE_ENTRIES: number(1, 1_000_000, 4096),
    URZA_URL: url(['http', 'https']),
    TAMIYO_URL: url(['http', 'https']),
    REDIS_URL: url(['redis', 'rediss']),
    DATABASE_URL: url(['postgres', 'postgresql']),
    S3_ENDPOINT: url(['http', 'https']),
    S3_BUCKET: text,
    S3_ACCESS_KEY: text,
    S3_SECRET_KEY: text,
  })
  .superRefine((env, ctx) => {
    if (!isLoopback(env.ESPER_HOST) && env.ESPER_TOKEN === undefined) {
      ctx.addIssue({
        code: 'custom',
        path: ['ESPER_TOKEN'],
        message:
          `is required because ESPER_HOST is "${env.ESPER_HOST}", which is not a loopback ` +
          'address; set a secret of at least 16 characters or bind 127.0.0.1',
      });
    }
    const tokens = TOKENS.filter((name) => env[name] !== undefined);
    for (const name of tokens) {
      const twin = tokens.find((other) => other < name && env[other] === env[name]);
      if (twin === undefined) continue;
      const message = `is the same as ${twin}; every token must be another`;
      ctx.addIssue({ code: 'custom', path: [name], message });
    }
    if (env.ESPER_PROFILE !== 'production') return;
    for (const name of PRODUCTION_NEEDS) {
      if (env[name] === undefined) {
        ctx.addIssue({
          code: 'custom',
          path: [name],
          message: 'is required by ESPER_PROFILE=production',
        });
      }
    }
  });

const TOKENS = [
  'ESPER_TOKEN',
  'ESPER_READ_TOKEN',
  'ESPER_WRITE_TOKEN',
  'ESPER_WORKER_TOKEN',
] as const;

const PRODUCTION_NEEDS = [
  'DATABASE_URL',
  'REDIS_URL',
  'S3_ENDPOINT',
  'S3_BUCKET',
  'S3_ACCESS_KEY',
  'S3_SECRET_KEY',
] as const;

/** Validated configuration, with the variables' own names. */
export type Config = z.infer<typeof Environment>;

/** Names of the variables read, for narrow runtime permissions. */
export const ENVIRONMENT_NAMES: readonly string[] = Object.keys(Environment.shape);

/** True for addresses that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d+){3}$/.test(host);
}

/**
 * @param env Variables by name; names the schema does not know are ignored.
 * @throws {InputError} Naming every faulty variable, one a line. Values are not quoted, since
 *   they may be secrets.
 */
export function parseConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const result = Environment.safeParse(env);
  if (result.success) return result.data;
  const faults = result.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
  throw new InputError(`Cannot use this configuration:\n${faults.join('\n')}`);
}

const SECRETS = new Set<string>([...TOKENS, 'S3_ACCESS_KEY', 'S3_SECRET_KEY']);

/** Shorter ones would blank out half a log. */
const MIN_HIDDEN = 4;

/**
 * The secrets in use, for a log that must not hold them: tokens, the key of S3, and passwords
 * inside URLs, as they stand there and decoded.
 */
export function secretsOf(config: Config): string[] {
  const found: string[] = [];
  for (const name of ENVIRONMENT_NAMES) {
    const value = config[name as keyof Config];
    if (typeof value !== 'string') continue;
    if (SECRETS.has(name) && name !== 'S3_ACCESS_KEY') found.push(value);
    const password = /^[a-z]+:\/\/[^/?#@]*?:([^/?#]*)@/.exec(value)?.[1] ?? '';
    found.push(password, decoded(password));
  }
  return [...new Set(found)].filter((secret) => secret.length >= MIN_HIDDEN);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The configuration for people to read: secrets, and passwords inside URLs, become `***`. */
export function maskConfig(config: Config): Record<string, string | number | null> {
  const masked: Record<string, string | number | null> = {};
  for (const name of ENVIRONMENT_NAMES) {
    const value = config[name as keyof Config] ?? null;
    if (value === null) masked[name] = null;
    else if (SECRETS.has(name)) masked[name] = '***';
    else masked[name] = typeof value === 'string' ? maskUrl(value) : value;
  }
  return masked;
}

/** Hides user information and query values of a URL; other text stays as it is. */
function maskUrl(value: string): string {
  if (!value.includes('://')) return value;
  return value.replace(/:\/\/[^/?#]*@/, '://***@').replace(/([?&][^=&]+)=[^&#]*/g, '$1=***');
}
