/**
 * The header of a leaf of a copy-on-write Bε-tree. Behind it, slots of two bytes grow up from the start and the
 * values they point to grow down from the end of the block. Only the header is defined here; the trees come later.
 */
import { assert } from '../base/assert.ts';
import { BLOCK_TYPE } from './block-header.ts';
import { type Decoded, decoded, type Flawed, flawed } from './decoded.ts';
import { layout, readU16, u16, viewOf, writeU16 } from './layout.ts';
import { SLOT_BYTES } from './pivot.ts';

export const LEAF_HEADER = layout({
  type: u16,
  format: u16,
  valueCount: u16,
  valueBytes: u16,
});
export const LEAF_FORMAT = 1;

export interface LeafHeader {
  readonly valueCount: number;
  /** Without the slots. */
  readonly valueBytes: number;
}

/** Bytes in use behind the header, slots included: by it siblings are judged for merging. */
export function leafFill(header: LeafHeader): number {
  return SLOT_BYTES * header.valueCount + header.valueBytes;
}

/** Writes the header to the start of a whole block. */
export function encodeLeafHeader(header: LeafHeader, block: Uint8Array): void {
  assert(flawOf(header, block.length) === undefined, 'what a leaf holds fits its block');
  const at = LEAF_HEADER.at;
  const view = viewOf(block);
  writeU16(view, at.type, BLOCK_TYPE.leaf);
  writeU16(view, at.format, LEAF_FORMAT);
  writeU16(view, at.valueCount, header.valueCount);
  writeU16(view, at.valueBytes, header.valueBytes);
}

/** Reads the header of a whole block. */
export function decodeLeafHeader(block: Uint8Array): Decoded<LeafHeader> {
  if (block.length < LEAF_HEADER.size) return flawed('length', 0, 'shorter than a leaf header');
  const at = LEAF_HEADER.at;
  const view = viewOf(block);
  if (readU16(view, at.type) !== BLOCK_TYPE.leaf) return flawed('type', at.type, 'no leaf');
  if (readU16(view, at.format) !== LEAF_FORMAT) return flawed('version', at.format, 'leaf');
  const header: LeafHeader = {
    valueCount: readU16(view, at.valueCount),
    valueBytes: readU16(view, at.valueBytes),
  };
  return flawOf(header, block.length) ?? decoded(header);
}

function flawOf(header: LeafHeader, blockBytes: number): Flawed | undefined {
  if (leafFill(header) <= blockBytes - LEAF_HEADER.size) return undefined;
  return flawed('bounds', LEAF_HEADER.at.valueBytes, 'values over a leaf');
}
