/**
 * The header of a pivot: an inner node of a copy-on-write Bε-tree. Behind it the block is two halves. In the first,
 * slots of two bytes grow up from the start and the values they point to (keys with block pointers) grow down from
 * the end; in the second the same with messages on their way to the leaves.
 *
 * Only the header is defined here: whoever decodes it knows that both halves hold what it says. The trees come later.
 */
import { assert } from '../base/assert.ts';
import { BLOCK_TYPE } from './block-header.ts';
import { type Decoded, decoded, type Flawed, flawed } from './decoded.ts';
import { byteField, firstNonZero, layout, readU16, u16, viewOf, writeU16 } from './layout.ts';

export const PIVOT_HEADER = layout({
  type: u16,
  format: u16,
  valueCount: u16,
  valueBytes: u16,
  messageCount: u16,
  messageBytes: u16,
  reserved: byteField(4),
});
export const PIVOT_FORMAT = 1;

/** A slot holds the offset of a value or message inside its half. */
export const SLOT_BYTES = 2;

export interface PivotHeader {
  readonly valueCount: number;
  /** Without the slots, as is `messageBytes`. */
  readonly valueBytes: number;
  readonly messageCount: number;
  readonly messageBytes: number;
}

/** Bytes in each of the two halves. */
export function pivotHalfBytes(blockBytes: number): number {
  return Math.floor((blockBytes - PIVOT_HEADER.size) / 2);
}

/** Bytes in use behind the header, slots included: by it siblings are judged for merging. */
export function pivotFill(header: PivotHeader): number {
  const { valueCount, valueBytes, messageCount, messageBytes } = header;
  return SLOT_BYTES * (valueCount + messageCount) + valueBytes + messageBytes;
}

/** Writes the header to the start of a whole block. */
export function encodePivotHeader(header: PivotHeader, block: Uint8Array): void {
  assert(flawOf(header, block.length) === undefined, 'what a pivot holds fits its halves');
  const at = PIVOT_HEADER.at;
  const view = viewOf(block);
  block.fill(0, 0, PIVOT_HEADER.size);
  writeU16(view, at.type, BLOCK_TYPE.pivot);
  writeU16(view, at.format, PIVOT_FORMAT);
  writeU16(view, at.valueCount, header.valueCount);
  writeU16(view, at.valueBytes, header.valueBytes);
  writeU16(view, at.messageCount, header.messageCount);
  writeU16(view, at.messageBytes, header.messageBytes);
}

/** Reads the header of a whole block. */
export function decodePivotHeader(block: Uint8Array): Decoded<PivotHeader> {
  if (block.length < PIVOT_HEADER.size) return flawed('length', 0, 'shorter than a pivot header');
  const at = PIVOT_HEADER.at;
  const view = viewOf(block);
  if (readU16(view, at.type) !== BLOCK_TYPE.pivot) return flawed('type', at.type, 'no pivot');
  if (readU16(view, at.format) !== PIVOT_FORMAT) return flawed('version', at.format, 'pivot');
  const reserved = firstNonZero(block, at.reserved, PIVOT_HEADER.size);
  if (reserved >= 0) return flawed('padding', reserved, 'pivot header');
  const header: PivotHeader = {
    valueCount: readU16(view, at.valueCount),
    valueBytes: readU16(view, at.valueBytes),
    messageCount: readU16(view, at.messageCount),
    messageBytes: readU16(view, at.messageBytes),
  };
  return flawOf(header, block.length) ?? decoded(header);
}

function flawOf(header: PivotHeader, blockBytes: number): Flawed | undefined {
  const half = pivotHalfBytes(blockBytes);
  if (header.valueCount * SLOT_BYTES + header.valueBytes > half) {
    return flawed('bounds', PIVOT_HEADER.at.valueBytes, 'values over half a pivot');
  }
  if (header.messageCount * SLOT_BYTES + header.messageBytes > half) {
    return flawed('bounds', PIVOT_HEADER.at.messageBytes, 'messages over half a pivot');
  }
  return undefined;
}
