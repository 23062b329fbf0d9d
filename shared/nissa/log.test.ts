import { describe, expect, it } from 'vitest';
import { createLogger, type LogLevel } from './log.ts';

function capture(level: LogLevel = 'info', secrets: string[] = []) {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  const logger = createLogger({ level, write, wallTime: () => 0, secrets });
  return { logger, records: () => lines.map((line) => JSON.parse(line)) };
}

describe('createLogger()', () => {
  it('writes one JSON object with time, level, message and fields', () => {
    const { logger, records } = capture();
    logger.child({ request_id: 'r1' }).info('started', { port: 1 });
    expect(records()).toEqual([
      {
        time: '1970-01-01T00:00:00.000Z',
        level: 'info',
        message: 'started',
        request_id: 'r1',
        port: 1,
      },
    ]);
  });

  it('drops records below its level', () => {
    const { logger, records } = capture('warn');
    logger.debug('a');
    logger.info('b');
    logger.warn('c');
    logger.error('d');
    expect(records().map((record) => record.message)).toEqual(['c', 'd']);
  });

  it('hides known secrets in every text, and in children of the logger', () => {
    const { logger, records } = capture('info', ['p"ss word', 'token-of-sixteen']);
    const error = new Error('password "p"ss word" is wrong', { cause: ['token-of-sixteen'] });
    logger.child({ url: 'http://u:p"ss word@db' }).warn('with token-of-sixteen', { error });
    const text = JSON.stringify(records());
    expect(text).not.toContain('ss word');
    expect(text).not.toContain('token-of-sixteen');
    expect(records()[0]).toMatchObject({
      ...{ message: 'with ***', url: 'http://u:***@db' },
      error: { name: 'Error', message: 'password "***" is wrong', cause: ['***'] },
    });
  });

  it('hides secrets at any depth and keeps the causes of errors', () => {
    const { logger, records } = capture();
    const error = new Error('outer', { cause: new TypeError('inner') });
    logger.info('x', { Authorization: 'a', deep: [{ S3_SECRET_KEY: 'b', ok: 1 }], error });
    const [record] = records();
    expect(record.Authorization).toBe('***');
    expect(record.deep).toEqual([{ S3_SECRET_KEY: '***', ok: 1 }]);
    expect(record.error.cause).toMatchObject({ name: 'TypeError', message: 'inner' });
  });

  it('survives a value that contains itself', () => {
    const { logger, records } = capture();
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    logger.info('x', { loop });
    expect(records()).toHaveLength(1);
  });
});
