import { describe, expect, test } from 'vitest';
import { AssertionError } from '../base/assert.ts';
import {
  DEADLIST_HEADER,
  type DeadlistHeader,
  deadlistEntriesMax,
  deadlistEntryOffset,
  decodeDeadlistHeader,
  encodeDeadlistHeader,
} from './deadlist.ts';
import type { Decoded } from './decoded.ts';
import { samplePointer } from './golden/samples.ts';
import { viewOf, writeU32 } from './layout.ts';

const SIZES = [512, 16_384, 65_536];

function reasonOf(result: Decoded<unknown>): string {
  return result.ok ? 'ok' : result.error.reason;
}

describe.each(SIZES)('in a block of %d bytes', (blockBytes) => {
  test('a deadlist block holds as many pointers as fit', () => {
    const entryCount = deadlistEntriesMax(blockBytes);
    expect(deadlistEntryOffset(entryCount)).toBeLessThanOrEqual(blockBytes);
    expect(deadlistEntryOffset(entryCount + 1)).toBeGreaterThan(blockBytes);
    const full: DeadlistHeader = { entryCount, following: 3, next: samplePointer(4096, 2) };
    const block = new Uint8Array(blockBytes).fill(0xee);
    encodeDeadlistHeader(full, block);
    expect(decodeDeadlistHeader(block)).toEqual({ ok: true, value: full });
    const over = { ...full, entryCount: entryCount + 1 };
    expect(() => encodeDeadlistHeader(over, block)).toThrow(AssertionError);
    writeU32(viewOf(block), DEADLIST_HEADER.at.entryCount, entryCount + 1);
    expect(reasonOf(decodeDeadlistHeader(block))).toBe('count');
  });
});

test('the last block of a deadlist names no other', () => {
  const block = new Uint8Array(512);
  const last: DeadlistHeader = { entryCount: 1, following: 0, next: undefined };
  encodeDeadlistHeader(last, block);
  expect(decodeDeadlistHeader(block)).toEqual({ ok: true, value: last });
  block[DEADLIST_HEADER.at.next] = 1;
  expect(reasonOf(decodeDeadlistHeader(block))).toBe('padding');
  const both = { ...last, next: samplePointer(0, 1) };
  expect(() => encodeDeadlistHeader(both, block)).toThrow(AssertionError);
  writeU32(viewOf(block), DEADLIST_HEADER.at.following, 1);
  block.fill(0xff, DEADLIST_HEADER.at.next, DEADLIST_HEADER.size);
  expect(reasonOf(decodeDeadlistHeader(block))).toBe('bounds');
});
