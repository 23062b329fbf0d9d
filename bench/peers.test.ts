import { describe, expect, it } from 'vitest';
import { peerRatios } from './peers.ts';

const cells = (text: string) =>
  text
    .split('\n')
    .slice(2)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

describe('peerRatios()', () => {
  it('holds each column to the bar of its engine, runtime and workload', () => {
    const rows = cells(
      peerRatios({
        table: {
          cnn: {
            'chrome/ours': { ms: 10 },
            'chrome/raw': { ms: 9 },
            'chrome/tfjs:webgpu': { ms: 10 },
            'chrome/jax:webgpu': { ms: 50 },
            'deno-lvp/ours': { ms: 10 },
            'deno-lvp/raw': { ms: 8.9 },
            'deno-lvp/jax:webgpu': { ms: 46.9 },
          },
          lin: { 'chrome/ours': { ms: 10 }, 'chrome/jax:webgpu': { ms: 9.9 } },
        },
      }),
    );
    expect(rows).toEqual([
      ['cnn', 'chrome', 'raw', '10.0', '9.00', '0.90×', '0.9×', '', ''],
      ['cnn', 'chrome', 'tfjs:webgpu', '10.0', '10.0', '1.00×', '1×', '1.11×', ''],
      ['cnn', 'chrome', 'jax:webgpu', '10.0', '50.0', '5.00×', '5×', '5.56×', ''],
      ['cnn', 'deno-lvp', 'raw', '10.0', '8.90', '0.89×', '0.9×', '', 'BEHIND'],
      ['cnn', 'deno-lvp', 'jax:webgpu', '10.0', '46.9', '4.69×', '4.7×', '5.27×', 'BEHIND'],
      ['lin', 'chrome', 'jax:webgpu', '10.0', '9.90', '0.99×', '1×', '', 'BEHIND'],
    ]);
  });

  it('leaves out what was not measured', () => {
    const table = {
      mlp_s: { 'chrome/ours': { ms: 1 }, 'chrome/jax:webgpu': 'ERR lost' },
      cnn: { 'chrome/jax:webgpu': { ms: 2 } },
    };
    expect(cells(peerRatios({ table }))).toEqual([]);
  });
});
