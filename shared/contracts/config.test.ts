import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../base/errors.ts';
import { ENVIRONMENT_NAMES, isLoopback, maskConfig, parseConfig, secretsOf } from './config.ts';

describe('parseConfig()', () => {
  it('gives the embedded defaults on an empty environment', () => {
    expect(parseConfig({})).toEqual({
      DATABASE_POOL: 10,
      DATABASE_TIMEOUT: 2,
      ESPER_PROFILE: 'embedded',
      ESPER_HOST: '127.0.0.1',
      ESPER_PORT: 8787,
      ESPER_DATA_DIR: './data',
      LOG_LEVEL: 'info',
      HTTP_TIMEOUT: 5,
      RETRY_ATTEMPTS: 2,
      CACHE_SIZE_MB: 128,
      MAX_CACHE_ENTRIES: 4096,
    });
  });

  it('treats an empty variable as unset', () => {
    const empty = Object.fromEntries(ENVIRONMENT_NAMES.map((name) => [name, '']));
    expect(parseConfig(empty)).toEqual(parseConfig({}));
  });

  it('lists every fault at once and quotes no value', () => {
    const env = {
      ESPER_PORT: 'eighty',
      HTTP_TIMEOUT: '-1',
      RETRY_ATTEMPTS: '1.5',
      TAMIYO_URL: 'ftp://secret-host',
      ESPER_TOKEN: 'short-secret',
    };
    let message = '';
    try {
      parseConfig(env);
    } catch (error) {
      expect(error).toBeInstanceOf(InputError);
      message = (error as Error).message;
    }
    for (const name of Object.keys(env)) expect(message).toContain(`${name}: `);
    expect(message).toContain('ESPER_PORT: must be a whole number from 0 to 65535');
    expect(message).not.toContain('short-secret');
    expect(message).not.toContain('secret-host');
  });

  it('refuses an open bind without a token, and takes it with one', () => {
    expect(() => parseConfig({ ESPER_HOST: '0.0.0.0' })).toThrow(/ESPER_TOKEN: is required/);
    const token = 'a-token-of-some-length';
    expect(parseConfig({ ESPER_HOST: '0.0.0.0', ESPER_TOKEN: token }).ESPER_TOKEN).toBe(token);
  });

  it('names everything the production profile lacks', () => {
    expect(() => parseConfig({ ESPER_PROFILE: 'production' })).toThrow(
      /DATABASE_URL[\s\S]*REDIS_URL[\s\S]*S3_ENDPOINT[\s\S]*S3_BUCKET/,
    );
  });
});

describe('isLoopback()', () => {
  it('knows this machine from others', () => {
    for (const host of ['127.0.0.1', '127.9.9.9', 'localhost', '::1']) {
      expect(isLoopback(host)).toBe(true);
    }
    for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example.org', 'localhost.evil']) {
      expect(isLoopback(host)).toBe(false);
    }
  });
});

describe('secretsOf()', () => {
  it('names every secret, passwords of URLs as given and decoded', () => {
    const config = parseConfig({
      ESPER_TOKEN: 'a-token-of-the-server',
      ESPER_READ_TOKEN: 'a-token-that-reads',
      S3_ACCESS_KEY: 'esper:test',
      S3_SECRET_KEY: 'key-of-s3',
      DATABASE_URL: 'postgres://esper:p%40ss@db:5432/esper',
      REDIS_URL: 'redis://:100%zz@redis:6379',
      URZA_URL: 'http://urza:9000/a@b',
    });
    expect(secretsOf(config).sort()).toEqual([
      '100%zz',
      'a-token-of-the-server',
      'a-token-that-reads',
      'key-of-s3',
      'p%40ss',
      'p@ss',
    ]);
  });

  it('is empty without secrets, and leaves out what is too short to hide', () => {
    expect(secretsOf(parseConfig({ DATABASE_URL: 'postgres://esper:abc@db/esper' }))).toEqual([]);
  });
});

describe('maskConfig()', () => {
  it('never shows a secret, whatever it is', () => {
    const secret = fc.stringMatching(/^[a-zA-Z0-9]{16,40}$/);
    fc.assert(
      fc.property(secret, secret, secret, (token, key, password) => {
        const shown = JSON.stringify(
          maskConfig(
            parseConfig({
              ESPER_TOKEN: token,
              S3_SECRET_KEY: key,
              DATABASE_URL: `postgres://user:${password}@db/esper?sslpassword=${password}`,
            }),
          ),
        );
        return ![token, key, password].some((value) => shown.includes(value));
      }),
      { numRuns: 50 },
    );
  });

  it('keeps what is not secret', () => {
    const masked = maskConfig(parseConfig({ URZA_URL: 'http://urza:80/x' }));
    expect(masked['URZA_URL']).toBe('http://urza:80/x');
    expect(masked['ESPER_PORT']).toBe(8787);
    expect(masked['REDIS_URL']).toBeNull();
  });
});
