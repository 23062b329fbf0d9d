import { describe, expect, it } from 'vitest';
import { CorruptDataError, StorageFullError } from '../base/errors.ts';
import { MemoryLineLog } from '../platform/memory.ts';
import { type NewEvent, parseEvent, RunLog } from './run-log.ts';

const notice = (message: string): NewEvent => ({ type: 'notice', level: 'info', message });
const messages = async (log: MemoryLineLog) =>
  (await log.readAll()).map((l) => (JSON.parse(l) as { message: string }).message);

describe('RunLog', () => {
  it('numbers events, hands them on at once and keeps them in order', async () => {
    const storage = new MemoryLineLog();
    const seen: number[] = [];
    const log = new RunLog(storage, (e) => seen.push(e.seq));
    log.add(0, notice('a'));
    log.add(5, notice('b'), 1234);
    expect(await storage.readAll()).toEqual([]);
    await log.flush();
    await log.flush();
    expect(seen).toEqual([0, 1]);
    expect((await storage.readAll()).map(parseEvent)).toEqual([
      { seq: 0, step: 0, type: 'notice', level: 'info', message: 'a' },
      { seq: 1, step: 5, time: 1234, type: 'notice', level: 'info', message: 'b' },
    ]);
  });

  it('writes each event once, though flushes overlap and events come in between', async () => {
    class Slow extends MemoryLineLog {
      override async append(lines: readonly string[]): Promise<void> {
        await Promise.resolve();
        await super.append(lines);
        await Promise.resolve();
      }
    }
    const storage = new Slow();
    const log = new RunLog(storage);
    log.add(0, notice('a'));
    const first = log.flush();
    log.add(0, notice('b'));
    const second = log.flush();
    await Promise.resolve();
    await Promise.resolve();
    log.add(0, notice('c'));
    await Promise.all([first, second]);
    await log.flush();
    expect(await messages(storage)).toEqual(['a', 'b', 'c']);
  });

  it('keeps what storage refused until it takes it', async () => {
    class Full extends MemoryLineLog {
      full = true;
      override async append(lines: readonly string[]): Promise<void> {
        if (this.full) throw new StorageFullError('full');
        await super.append(lines);
      }
    }
    const storage = new Full();
    const log = new RunLog(storage);
    log.add(0, notice('a'));
    await expect(log.flush()).rejects.toThrow('full');
    log.add(0, notice('b'));
    storage.full = false;
    await log.flush();
    expect(await messages(storage)).toEqual(['a', 'b']);
  });

  it('goes back to the events a checkpoint knew, and numbers on from there', async () => {
    const storage = new MemoryLineLog();
    const log = new RunLog(storage);
    for (const m of ['a', 'b', 'c']) log.add(0, notice(m));
    await log.flush();
    const again = new RunLog(storage);
    expect(await again.resumeAt(2)).toHaveLength(2);
    expect(again.add(9, notice('d')).seq).toBe(2);
    await again.flush();
    expect(await messages(storage)).toEqual(['a', 'b', 'd']);
    await expect(new RunLog(storage).resumeAt(4)).rejects.toThrow(
      'the event log has 3 events, the checkpoint was taken after 4',
    );
  });
});

describe('parseEvent()', () => {
  it.each(['', '{', '{"type":"notice"}', '{"seq":1,"step":0,"type":"unheard-of"}'])(
    'names the line of %j',
    (line) => {
      expect(() => parseEvent(line, 4)).toThrow(CorruptDataError);
      expect(() => parseEvent(line, 4)).toThrow('Cannot read event log line 5');
    },
  );
});
