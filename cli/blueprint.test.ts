import { describe, expect, it } from 'vitest';
import { blueprintText, reportBlueprints } from './blueprint.ts';
import { parseHost } from './blueprint-options.ts';

const none = {
  async read(path: string): Promise<never> {
    throw new Error(`no file ${path}`);
  },
};

describe('parseHost()', () => {
  it.each([
    ['linear:16,8', { kind: 'linear', input: [16], outFeatures: 8 }],
    ['linear:4x4x3,8', { kind: 'linear', input: [4, 4, 3], outFeatures: 8 }],
    [
      'sequence:12x16,8',
      {
        ...{ kind: 'linear', input: [16], outFeatures: 8 },
        positions: { length: 12, causal: false },
      },
    ],
    [
      'sequence:12x16,8,causal',
      {
        ...{ kind: 'linear', input: [16], outFeatures: 8 },
        positions: { length: 12, causal: true },
      },
    ],
    [
      'conv2d:12x10x4,8',
      {
        ...{ kind: 'conv2d', input: [12, 10, 4], outChannels: 8 },
        ...{ kernelSize: 3, stride: 1, padding: 1 },
      },
    ],
    [
      'conv2d:12x10x4,8,5,2,0',
      {
        ...{ kind: 'conv2d', input: [12, 10, 4], outChannels: 8 },
        ...{ kernelSize: 5, stride: 2, padding: 0 },
      },
    ],
    [
      'conv2d:12x10x4,8,3,1,2,dilation=2,groups=4',
      {
        ...{ kind: 'conv2d', input: [12, 10, 4], outChannels: 8, dilation: 2, groups: 4 },
        ...{ kernelSize: 3, stride: 1, padding: 2 },
      },
    ],
    [
      'conv2d:12x10x4,8,groups=4',
      {
        ...{ kind: 'conv2d', input: [12, 10, 4], outChannels: 8, groups: 4 },
        ...{ kernelSize: 3, stride: 1, padding: 1 },
      },
    ],
  ])('reads %s', (text, host) => {
    expect(parseHost(text)).toEqual(host);
  });

  it.each([
    'linear',
    'linear:0,8',
    'conv2d:12,8',
    'conv2d:12x12x4',
    'conv3d:1x1x1,1',
    'conv2d:12x12x4,8,groups=0',
    'sequence:8,8',
  ])('refuses %s', (text) => {
    expect(() => parseHost(text)).toThrow(`Option "--host" is "${text}": write linear:IN,OUT`);
  });
});

describe('esper blueprint', () => {
  it('lists the library with cost and what folding makes of each', async () => {
    const lines = blueprintText(await reportBlueprints({ target: null, host: null }, none), false);
    expect(lines[0]).toMatch(/^blueprint +host +parameters +multiply-adds +when it fossilises$/);
    expect(lines.find((l) => l.startsWith('low-rank-4'))).toMatch(/linear +96 +96 +folds into/);
    expect(lines.find((l) => l.startsWith('attention-2'))).toMatch(/sequence +936 +1280 +stays a/);
    expect(lines.filter((l) => l.startsWith('widen-8'))).toHaveLength(1);
    expect(lines.find((l) => l.startsWith('conv3x3 '))).toMatch(/folds into the kernel$/);
  });

  it('shows the nodes of one on the host that is asked for', async () => {
    const host = parseHost('linear:64,10');
    const text = blueprintText(await reportBlueprints({ target: 'widen-8', host }, none), true);
    expect(text.join('\n')).toContain('610 parameters, 592 multiply-adds a row forward');
    expect(text.some((l) => /hidden +linear +x +\[8\] +520/.test(l))).toBe(true);
  });

  it('shows attention on a sequence, and refuses it elsewhere', async () => {
    const host = parseHost('sequence:12x16,8,causal');
    const report = await reportBlueprints({ target: 'attention-2', host }, none);
    const text = blueprintText(report, true).join('\n');
    expect(text).toContain('On causal sequence 12x16 -> 8:');
    expect(text).toContain('2 heads over 12 positions, causal');
    await expect(
      reportBlueprints({ target: 'attention-2', host: parseHost('linear:16,8') }, none),
    ).rejects.toThrow('attention node "mix" needs a host with positions');
  });

  it('refuses with the reason', async () => {
    const host = parseHost('conv2d:4x4x1,2');
    await expect(reportBlueprints({ target: 'widen-8', host }, none)).rejects.toThrow(
      'Cannot fit blueprint "widen-8" to a conv2d host: it is made for linear hosts',
    );
    await expect(reportBlueprints({ target: 'wide-8', host }, none)).rejects.toThrow(
      'Cannot find blueprint "wide-8"',
    );
  });
});
