/**
 * The series of a run as a TensorBoard event file: records of length, masked checksum of the length,
 * an `Event` message, masked checksum of the message.
 *
 * Source: tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto and
 * tensorflow/core/framework/summary.proto.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { maskedCrc32c } from './crc32c.ts';
import type { SeriesPoint } from './series.ts';

/** Field numbers of the messages. */
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5 } as const;
const SUMMARY = { value: 1 } as const;
const VALUE = { tag: 1, simpleValue: 2 } as const;

/** What TensorBoard expects in the first record. */
const FILE_VERSION = 'brain.Event:2';

/** @param began Time of the first record, milliseconds since 1970; points without a time have it. */
export function tensorboardFile(points: readonly SeriesPoint[], began: number) {
  const event = (time: number) =>
    new BinaryWriter().tag(EVENT.wallTime, WireType.Bit64).double(time / 1000);
  const records = [
    event(began).tag(EVENT.fileVersion, WireType.LengthDelimited).string(FILE_VERSION).finish(),
    ...points.map(({ tag, step, value, time }) =>
      event(time ?? began)
        .tag(EVENT.step, WireType.Varint)
        .int64(step)
        .tag(EVENT.summary, WireType.LengthDelimited)
        .fork()
        .tag(SUMMARY.value, WireType.LengthDelimited)
        .fork()
        .tag(VALUE.tag, WireType.LengthDelimited)
        .string(tag)
        .tag(VALUE.simpleValue, WireType.Bit32)
        // The format knows float32 only; larger numbers become infinite.
        .float(Math.fround(value))
        .join()
        .join()
        .finish(),
    ),
  ];
  const out = new Uint8Array(records.reduce((n, r) => n + r.length + 16, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const record of records) {
    view.setBigUint64(at, BigInt(record.length), true);
    view.setUint32(at + 8, maskedCrc32c(out.subarray(at, at + 8)), true);
    out.set(record, at + 12);
    view.setUint32(at + 12 + record.length, maskedCrc32c(record), true);
    at += record.length + 16;
  }
  return out;
}

/** TensorBoard finds event files by this name. */
export function tensorboardName(began: number): string {
  return `events.out.tfevents.${Math.floor(began / 1000)}.esper`;
}
