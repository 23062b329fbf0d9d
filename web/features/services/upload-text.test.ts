import { describe, expect, it } from 'vitest';
import { uploadText } from './upload-text.ts';

const calm = { lacking: 0, late: false, caughtUp: null, ended: null };

describe('uploadText()', () => {
  it('says nothing of events that are merely on their way', () => {
    for (const lacking of [0, 7]) {
      const { isBehind, text } = uploadText({ ...calm, lacking });
      expect(isBehind).toBe(false);
      expect(text).toContain('gets a copy of this run’s events as they come');
    }
  });

  it('counts what a server that is away lacks, says that it will be sent, and that training goes on', () => {
    const { isBehind, text } = uploadText({ ...calm, lacking: 20_137, late: true });
    expect(isBehind).toBe(true);
    expect(text).toMatch(/^The server lacks 20\s137 events of this run/);
    expect(text).toContain('are sent when it answers again');
    expect(text).toContain('training goes on');
    expect(uploadText({ ...calm, lacking: 1, late: true }).text).toContain('lacks 1 event of');
  });

  it('says what was delivered in the end', () => {
    const { isBehind, text } = uploadText({ ...calm, caughtUp: 812 });
    expect(isBehind).toBe(false);
    expect(text).toBe('812 events that the server had missed were delivered.');
  });

  it('says why no more are sent, and where they are', () => {
    const { isBehind, text } = uploadText({ ...calm, lacking: 5, late: true, ended: 'refused' });
    expect(isBehind).toBe(true);
    expect(text).toContain('lacks 5 events of this run and gets no more: refused.');
    expect(text).toContain('in the run’s own log here');
  });
});
