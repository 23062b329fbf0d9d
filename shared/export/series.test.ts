import { BinaryReader } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../contracts/events.ts';
import { crc32c } from './crc32c.ts';
import { seriesOf } from './series.ts';
import { seriesCsv } from './series-csv.ts';
import { tensorboardFile, tensorboardName } from './tensorboard.ts';

const metrics = (step: number, loss: (number | null)[], accuracy: (number | null)[]): RunEvent => ({
  seq: 0,
  step,
  time: 1_700_000_000_000 + step,
  type: 'metrics',
  loss,
  accuracy,
});
const evaluation = (step: number, loss: number): RunEvent => ({
  seq: 0,
  step,
  type: 'evaluation',
  split: 'test',
  loss: [loss],
  accuracy: [null],
});
const health: RunEvent = {
  seq: 0,
  step: 20,
  type: 'health',
  signals: [
    {
      layerId: 'fc1',
      seedId: 's1',
      step: 20,
      activationVariance: 0.5,
      deadUnitRatio: null,
      meanCorrelation: null,
      gradientNorm: 2,
      gradientVariance: null,
      gradientRatio: null,
      latencyMs: null,
    },
  ],
};

describe('seriesOf()', () => {
  it('has a point for what was measured and none for what was not', () => {
    const points = seriesOf([metrics(10, [0.5], [null]), evaluation(10, 0.75), health]);
    expect(points.map((p) => [p.tag, p.step, p.value])).toEqual([
      ['loss/train', 10, 0.5],
      ['loss/test', 10, 0.75],
      ['gradient_norm/fc1/s1', 20, 2],
      ['activation_variance/fc1/s1', 20, 0.5],
    ]);
  });

  it('leaves out what a rollback undid', () => {
    const back: RunEvent = { seq: 0, step: 30, type: 'governor', cause: 'NaN', restoredStep: 10 };
    const log = [
      metrics(10, [1], [null]),
      metrics(20, [9], [null]),
      back,
      metrics(20, [2], [null]),
    ];
    expect(seriesOf(log).map((p) => [p.step, p.value])).toEqual([
      [10, 1],
      [20, 2],
    ]);
  });

  it('keeps replicas apart', () => {
    const tags = seriesOf([metrics(10, [1, 2], [0, 1])]).map((p) => p.tag);
    expect(tags).toEqual([
      'loss/train/replica-0',
      'loss/train/replica-1',
      'accuracy/train/replica-0',
      'accuracy/train/replica-1',
    ]);
  });
});

describe('seriesCsv()', () => {
  it('has a row for each step and empty cells for what was not measured', () => {
    const points = seriesOf([
      metrics(10, [1 / 3], [1]),
      evaluation(20, 0.5),
      metrics(20, [2], [0]),
    ]);
    expect(seriesCsv(points)).toBe(
      'step,loss/train,accuracy/train,loss/test\r\n10,0.3333333333333333,1,\r\n20,2,0,0.5\r\n',
    );
  });

  it('quotes names that hold commas', () => {
    const point = { tag: 'loss/"a",b', step: 1, value: 2, time: null };
    expect(seriesCsv([point])).toBe('step,"loss/""a"",b"\r\n1,2\r\n');
  });
});

describe('crc32c()', () => {
  it('gives the check values of RFC 3720', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  });
});

/** Reads an event file by the format's description; checksums are unmasked, not masked again. */
function readEvents(file: Uint8Array) {
  const view = new DataView(file.buffer);
  const events: { time: number; step?: number; version?: string; tag?: string; value?: number }[] =
    [];
  const check = (masked: number, bytes: Uint8Array) => {
    const rotated = (masked - 0xa282ead8) >>> 0;
    expect(((rotated >>> 17) | (rotated << 15)) >>> 0).toBe(crc32c(bytes));
  };
  for (let at = 0; at < file.length; ) {
    const length = Number(view.getBigUint64(at, true));
    check(view.getUint32(at + 8, true), file.subarray(at, at + 8));
    const data = file.subarray(at + 12, at + 12 + length);
    check(view.getUint32(at + 12 + length, true), data);
    at += length + 16;
    const event: (typeof events)[number] = { time: Number.NaN };
    const reader = new BinaryReader(data);
    while (reader.pos < reader.len) {
      const [field] = reader.tag();
      if (field === 1) event.time = reader.double();
      else if (field === 2) event.step = Number(reader.int64());
      else if (field === 3) event.version = reader.string();
      else {
        const summary = new BinaryReader(reader.bytes());
        summary.tag();
        const value = new BinaryReader(summary.bytes());
        while (value.pos < value.len) {
          const [inner] = value.tag();
          if (inner === 1) event.tag = value.string();
          else event.value = value.float();
        }
      }
    }
    events.push(event);
  }
  return events;
}

describe('tensorboardFile()', () => {
  it('is read back record by record, checksums included', () => {
    const points = seriesOf([metrics(10, [0.5], [null]), evaluation(5_000_000, 0.25)]);
    const began = 1_700_000_000_000;
    expect(readEvents(tensorboardFile(points, began))).toEqual([
      { time: 1_700_000_000, version: 'brain.Event:2' },
      { time: 1_700_000_000.01, step: 10, tag: 'loss/train', value: 0.5 },
      { time: 1_700_000_000, step: 5_000_000, tag: 'loss/test', value: 0.25 },
    ]);
    expect(tensorboardName(began)).toBe('events.out.tfevents.1700000000.esper');
  });
});
