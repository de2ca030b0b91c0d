/** Pivots and leaves: their headers and how full they are. */
import { describe, expect, test } from 'vitest';
import { AssertionError } from '../base/assert.ts';
import { blockFill } from './block-fill.ts';
import { BLOCK_TYPE } from './block-header.ts';
import type { Decoded } from './decoded.ts';
import { viewOf, writeU16 } from './layout.ts';
import { decodeLeafHeader, encodeLeafHeader, LEAF_HEADER } from './leaf.ts';
import { decodePivotHeader, encodePivotHeader, PIVOT_HEADER, pivotHalfBytes } from './pivot.ts';

const SIZES = [512, 16_384, 65_536];

function reasonOf(result: Decoded<unknown>): string {
  return result.ok ? 'ok' : result.error.reason;
}

describe.each(SIZES)('in a block of %d bytes', (blockBytes) => {
  test('a pivot holds what fits its halves', () => {
    const half = pivotHalfBytes(blockBytes);
    const full = { valueCount: 4, valueBytes: half - 8, messageCount: 0, messageBytes: half };
    const block = new Uint8Array(blockBytes).fill(0xee);
    encodePivotHeader(full, block);
    expect(decodePivotHeader(block)).toEqual({ ok: true, value: full });
    expect(blockFill(block)).toEqual({ ok: true, value: 2 * half });
    expect(block[PIVOT_HEADER.size]).toBe(0xee);
    const over = { ...full, messageCount: 1 };
    expect(() => encodePivotHeader(over, block)).toThrow(AssertionError);
    writeU16(viewOf(block), PIVOT_HEADER.at.messageCount, 1);
    expect(reasonOf(decodePivotHeader(block))).toBe('bounds');
    writeU16(viewOf(block), PIVOT_HEADER.at.messageCount, 0);
    writeU16(viewOf(block), PIVOT_HEADER.at.valueCount, 5);
    expect(reasonOf(decodePivotHeader(block))).toBe('bounds');
    expect(reasonOf(blockFill(block))).toBe('bounds');
  });

  test('a leaf holds what fits the block', () => {
    const room = blockBytes - LEAF_HEADER.size;
    const full = { valueCount: 10, valueBytes: room - 20 };
    const block = new Uint8Array(blockBytes);
    encodeLeafHeader(full, block);
    expect(decodeLeafHeader(block)).toEqual({ ok: true, value: full });
    expect(blockFill(block)).toEqual({ ok: true, value: room });
    expect(() => encodeLeafHeader({ ...full, valueCount: 11 }, block)).toThrow(AssertionError);
    writeU16(viewOf(block), LEAF_HEADER.at.valueCount, 11);
    expect(reasonOf(decodeLeafHeader(block))).toBe('bounds');
    expect(reasonOf(blockFill(block))).toBe('bounds');
  });
});

test('data, logs and deadlists have no fill', () => {
  const block = new Uint8Array(512);
  expect(reasonOf(blockFill(block))).toBe('type');
  block[0] = BLOCK_TYPE.log;
  expect(reasonOf(blockFill(block))).toBe('type');
});
