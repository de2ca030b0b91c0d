/**
 * A set of blocks that a writer replaces as fast as it can, each of which says by every word what it must be: so
 * whoever reads one can tell whether it is right. An index block names them all, in the state it belongs to.
 */
import { type BlockPointer, decodePointer, encodePointer } from '../../src/index.ts';

export const CHURN_BLOCK_BYTES = 4096;
export const CHURN_ROOT = 'index';
export const CHURN_COUNT = 140;

const WORDS = CHURN_BLOCK_BYTES / 4;
const ENTRY_BYTES = 28;
const FIRST_ENTRY = 8;
const POINTER_BYTES = 24;

export interface ChurnEntry {
  readonly pointer: BlockPointer;
  readonly version: number;
}

function seedOf(place: number, version: number): number {
  return (Math.imul(version, 0x9e3779b1) ^ Math.imul(place + 1, 0x85ebca6b)) >>> 0;
}

export function churnBlock(place: number, version: number): Uint8Array {
  const words = new Uint32Array(WORDS);
  const seed = seedOf(place, version);
  for (let n = 0; n < WORDS; n += 1) words[n] = seed + n;
  return new Uint8Array(words.buffer);
}

export function isChurnBlock(bytes: Uint8Array, place: number, version: number): boolean {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, WORDS);
  const seed = seedOf(place, version);
  for (let n = 0; n < WORDS; n += 1) {
    if (words[n] !== (seed + n) >>> 0) return false;
  }
  return true;
}

export function encodeIndex(entries: readonly ChurnEntry[]): Uint8Array {
  const bytes = new Uint8Array(CHURN_BLOCK_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, entries.length, true);
  for (const [place, { pointer, version }] of entries.entries()) {
    const at = FIRST_ENTRY + place * ENTRY_BYTES;
    encodePointer(pointer, bytes, at);
    view.setUint32(at + POINTER_BYTES, version, true);
  }
  return bytes;
}

export function decodeIndex(bytes: Uint8Array): ChurnEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: view.getUint32(0, true) }, (_, place) => {
    const at = FIRST_ENTRY + place * ENTRY_BYTES;
    return {
      pointer: decodePointer(bytes, at),
      version: view.getUint32(at + POINTER_BYTES, true),
    };
  });
}
