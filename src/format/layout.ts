/**
 * A layout is one table: fields in the order in which they lie, each offset the sum of the sizes before it, so that
 * no number is written twice. `FORMAT.md` holds the same tables for people, and a test compares the two.
 *
 * Everything on disk is little-endian. A `u53` takes eight bytes, but its value is below 2^53 and travels as a
 * number; a `hash` is 64 bits and travels as two u32, low half first.
 */
import { assert } from '../base/assert.ts';

export type FieldKind = 'u8' | 'u16' | 'u32' | 'u53' | 'hash' | 'bytes';

export interface FieldType {
  readonly kind: FieldKind;
  readonly size: number;
}

export const u8: FieldType = { kind: 'u8', size: 1 };
export const u16: FieldType = { kind: 'u16', size: 2 };
export const u32: FieldType = { kind: 'u32', size: 4 };
export const u53: FieldType = { kind: 'u53', size: 8 };
export const hash64: FieldType = { kind: 'hash', size: 8 };

export function byteField(size: number): FieldType {
  return { kind: 'bytes', size };
}

export interface Field {
  readonly name: string;
  readonly offset: number;
  readonly kind: FieldKind;
  readonly size: number;
}

/** Made by `layout` only. A class so that the test of `FORMAT.md` can find every layout among a module's exports. */
export class Layout<Name extends string> {
  /** Bytes in all. */
  readonly size: number;
  /** The offset of each field. */
  readonly at: Readonly<Record<Name, number>>;
  readonly fields: readonly Field[];

  constructor(fieldTypes: Readonly<Record<Name, FieldType>>) {
    const at = {} as Record<Name, number>;
    const fields: Field[] = [];
    let offset = 0;
    for (const name of Object.keys(fieldTypes) as Name[]) {
      const { kind, size } = fieldTypes[name];
      at[name] = offset;
      fields.push({ name, offset, kind, size });
      offset += size;
    }
    this.size = offset;
    this.at = at;
    this.fields = fields;
  }
}

/**
 * @example
 * const PAIR = layout({ count: u32, total: u53 });
 * writeU53(view, start + PAIR.at.total, 17);
 */
export function layout<Name extends string>(
  fieldTypes: Readonly<Record<Name, FieldType>>,
): Layout<Name> {
  return new Layout(fieldTypes);
}

export function viewOf(source: Uint8Array): DataView {
  return new DataView(source.buffer, source.byteOffset, source.byteLength);
}

export function readU16(view: DataView, offset: number): number {
  return view.getUint16(offset, true);
}

export function writeU16(view: DataView, offset: number, value: number): void {
  view.setUint16(offset, value, true);
}

export function readU32(view: DataView, offset: number): number {
  return view.getUint32(offset, true);
}

export function writeU32(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value, true);
}

/** The number in eight bytes, or NaN when it is 2^53 or more: NaN fails every comparison that a decoder makes. */
export function readU53(view: DataView, offset: number): number {
  const high = view.getUint32(offset + 4, true);
  return high < 2 ** 21 ? high * 2 ** 32 + view.getUint32(offset, true) : Number.NaN;
}

export function writeU53(view: DataView, offset: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, 'what is written as u53 is a safe integer');
  view.setUint32(offset, value % 2 ** 32, true);
  view.setUint32(offset + 4, Math.floor(value / 2 ** 32), true);
}

export function writeHash(view: DataView, offset: number, high: number, low: number): void {
  view.setUint32(offset, low, true);
  view.setUint32(offset + 4, high, true);
}

export function readHashLow(view: DataView, offset: number): number {
  return view.getUint32(offset, true);
}

export function readHashHigh(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true);
}

/** Offset of the first byte in `from … to` that is not zero, or −1. */
export function firstNonZero(source: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to; at += 1) {
    if (source[at] !== 0) return at;
  }
  return -1;
}

export function startsWith(source: Uint8Array, expected: Uint8Array, offset = 0): boolean {
  if (source.length < offset + expected.length) return false;
  for (let at = 0; at < expected.length; at += 1) {
    if (source[offset + at] !== expected[at]) return false;
  }
  return true;
}

/** `byteCount` rounded up to whole units of `unitBytes`. */
export function roundUp(byteCount: number, unitBytes: number): number {
  return Math.ceil(byteCount / unitBytes) * unitBytes;
}
