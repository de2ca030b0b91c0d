/** A browser's trace as a file: gzip of a line of JSON and the bytes of all writes behind it. */
import { gunzipSync, gzipSync } from 'node:zlib';
import type { TraceOperation } from '../../src/sim/disk-trace.ts';
import { SIM_SECTOR_BYTES } from '../../src/sim/sector-file.ts';
import type { BrowserTrace } from './system-calls.ts';

type PackedOperation =
  | {
      readonly kind: 'write';
      readonly file: number;
      readonly sector: number;
      readonly count: number;
    }
  | Exclude<TraceOperation, { kind: 'write' }>;

export function encodeTrace(trace: BrowserTrace): Uint8Array {
  const written: Uint8Array[] = [];
  const operations = trace.operations.map((operation): PackedOperation => {
    if (operation.kind !== 'write') return operation;
    const { kind, file, sector, sectors } = operation;
    written.push(...sectors);
    return { kind, file, sector, count: sectors.length };
  });
  const head = Buffer.from(`${JSON.stringify({ ...trace, operations })}\n`);
  return gzipSync(Buffer.concat([head, ...written]), { level: 9 });
}

export function decodeTrace(file: Uint8Array): BrowserTrace {
  const bytes = gunzipSync(file);
  const headEnd = bytes.indexOf('\n');
  const head = JSON.parse(bytes.toString('utf8', 0, headEnd)) as Omit<
    BrowserTrace,
    'operations'
  > & {
    operations: PackedOperation[];
  };
  let at = headEnd + 1;
  const operations = head.operations.map((operation): TraceOperation => {
    if (operation.kind !== 'write') return operation;
    const { kind, file: disk, sector, count } = operation;
    const sectors = Array.from({ length: count }, () => {
      at += SIM_SECTOR_BYTES;
      return Uint8Array.from(bytes.subarray(at - SIM_SECTOR_BYTES, at));
    });
    return { kind, file: disk, sector, sectors };
  });
  return { ...head, operations };
}
