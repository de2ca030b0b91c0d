import { describe, expect, test } from 'vitest';
import { AssertionError } from '../base/assert.ts';
import type { Geometry } from './geometry.ts';
import { decodeLogBlock, GEOMETRY_512, HASH_DOMAIN, sampleLogBlock } from './golden/samples.ts';
import { BlockHasher, createHasher } from './hasher.ts';
import { viewOf, writeU16, writeU32 } from './layout.ts';
import {
  type BatchToSeal,
  batchPayloadOffset,
  batchSectors,
  batchUnitsMax,
  decodeLogBlockHeader,
  LOG_BLOCK_HEADER,
  openBatch,
  sealBatch,
  sectorsPerBlock,
} from './log-block.ts';

const plainHasher = await createHasher();
const hasher = new BlockHasher(plainHasher, HASH_DOMAIN);
const geometry = GEOMETRY_512;
const expected = { arena: 0, position: 4, geometry, grownBlocks: 64 };

function batch(change: Partial<BatchToSeal> = {}): BatchToSeal {
  const sector = change.sector ?? 0;
  const header = sector === 0 ? { header: { arena: 0, position: 4, successor: 63 } } : {};
  return {
    block: new Uint8Array(geometry.blockBytes).fill(0xee),
    sector,
    ...header,
    unitCount: 5,
    generation: 7,
    blockAddress: 4096,
    previousHigh: 1,
    previousLow: 2,
    geometry,
    hasher,
    ...change,
  };
}

function reasonOf(place: BatchToSeal): string {
  const opened = openBatch(place);
  return opened.ok ? 'ok' : opened.error.reason;
}

describe('how many units fit', () => {
  const geometries: Geometry[] = [
    geometry,
    { ...geometry, blockBytes: 512 },
    { ...geometry, blockBytes: 65_536, sectorBytes: 4096 },
  ];

  test('units and sectors are each other’s inverse', () => {
    for (const one of geometries) {
      for (const first of [true, false]) {
        expect(batchUnitsMax(0, first, one)).toBe(0);
        for (let sectors = 1; sectors <= sectorsPerBlock(one); sectors += 1) {
          const units = batchUnitsMax(sectors, first, one);
          expect(batchSectors(units, first, one)).toBe(sectors);
          expect(batchSectors(units + 1, first, one)).toBe(sectors + 1);
        }
      }
    }
  });

  test('the first batch of a block starts at 56, any other at 24', () => {
    expect([batchPayloadOffset(true), batchPayloadOffset(false)]).toEqual([56, 24]);
    expect(batchUnitsMax(1, true, { ...geometry, blockBytes: 512 })).toBe(57);
  });
});

describe('a sealed batch', () => {
  test('opens with what was sealed, wherever it stands in the block', () => {
    for (const sector of [0, 1, 3]) {
      const sealed = batch({ sector });
      const sectorCount = sealBatch(sealed);
      const { high, low } = hasher;
      expect(openBatch(sealed)).toEqual({
        ok: true,
        value: {
          unitCount: 5,
          sectorCount,
          generation: 7,
          payloadOffset: sector * 512 + batchPayloadOffset(sector === 0),
          hashHigh: high,
          hashLow: low,
        },
      });
    }
  });

  test('can fill its block to the last byte', () => {
    const unitCount = batchUnitsMax(4, true, geometry);
    const sealed = batch({ unitCount });
    expect(sealBatch(sealed)).toBe(4);
    expect(reasonOf(sealed)).toBe('ok');
    expect(() => sealBatch(batch({ unitCount: unitCount + 1 }))).toThrow(AssertionError);
  });

  test('I5: touches no sector but its own', () => {
    const sealed = batch({ sector: 1 });
    sealBatch(sealed);
    expect(sealed.block.subarray(0, 512).every((byte) => byte === 0xee)).toBe(true);
    expect(sealed.block.subarray(1024).every((byte) => byte === 0xee)).toBe(true);
  });

  test('keeps its units, and clears what lies behind them', () => {
    const sealed = batch();
    sealBatch(sealed);
    expect(sealed.block.subarray(56, 96).every((byte) => byte === 0xee)).toBe(true);
    expect(sealed.block.subarray(96, 512).every((byte) => byte === 0)).toBe(true);
  });

  test('shows every flipped bit of its sectors, padding and block header included', () => {
    const sealed = batch();
    sealBatch(sealed);
    for (let bit = 0; bit < 512 * 8; bit += 1) {
      const at = bit >> 3;
      const mask = 1 << (bit & 7);
      sealed.block[at] = (sealed.block[at] as number) ^ mask;
      expect(reasonOf(sealed)).not.toBe('ok');
      sealed.block[at] = (sealed.block[at] as number) ^ mask;
    }
    expect(reasonOf(sealed)).toBe('ok');
  });

  test('does not open in another place, behind another batch or in another store', () => {
    const sealed = batch();
    sealBatch(sealed);
    const { block } = sealed;
    expect(reasonOf({ ...sealed, blockAddress: 6144 })).toBe('checksum');
    expect(reasonOf({ ...sealed, previousLow: 3 })).toBe('checksum');
    expect(reasonOf({ ...sealed, previousHigh: 0 })).toBe('checksum');
    const foreign = new BlockHasher(plainHasher, new Uint8Array(16));
    expect(reasonOf({ ...sealed, hasher: foreign })).toBe('checksum');
    const later = batch({ sector: 1, block });
    sealBatch(later);
    block.copyWithin(1024, 512, 1024);
    expect(reasonOf({ ...later, sector: 2 })).toBe('checksum');
  });

  test('is not opened outside its block or from half a block', () => {
    const sealed = batch();
    sealBatch(sealed);
    expect(reasonOf({ ...sealed, sector: 4 })).toBe('bounds');
    expect(reasonOf({ ...sealed, sector: -1 })).toBe('bounds');
    expect(reasonOf({ ...sealed, sector: 0.5 })).toBe('bounds');
    expect(reasonOf({ ...sealed, block: sealed.block.subarray(512) })).toBe('length');
  });

  test('is not opened when its counts cannot be', () => {
    const counts: [number, number][] = [
      [0, 1],
      [5, 0],
      [5, 2],
      [5, 2 ** 32 - 1],
      [2 ** 32 - 1, 1],
      [batchUnitsMax(4, false, geometry), 4],
    ];
    for (const [unitCount, sectorCount] of counts) {
      const sealed = batch({ sector: 1 });
      sealBatch(sealed);
      writeU32(viewOf(sealed.block), 512, unitCount);
      writeU32(viewOf(sealed.block), 516, sectorCount);
      expect(reasonOf(sealed)).toBe('count');
    }
  });

  test('is not sealed wrongly', () => {
    expect(() => sealBatch(batch({ unitCount: 0 }))).toThrow(AssertionError);
    const { header: _, ...headless } = batch();
    expect(() => sealBatch(headless)).toThrow(AssertionError);
    const header = { arena: 0, position: 0, successor: 0 };
    expect(() => sealBatch(batch({ sector: 1, header }))).toThrow(AssertionError);
    expect(() => sealBatch(batch({ block: new Uint8Array(512) }))).toThrow(AssertionError);
  });
});

describe('the header of a log block', () => {
  function headerReason(change: (view: DataView) => void, wanted = expected): string {
    const sealed = batch();
    sealBatch(sealed);
    change(viewOf(sealed.block));
    const header = decodeLogBlockHeader(sealed.block, wanted);
    return header.ok ? `successor ${header.value.successor}` : header.error.reason;
  }
  const at = LOG_BLOCK_HEADER.at;

  test('names the block that follows', () => {
    expect(headerReason(() => undefined)).toBe('successor 63');
  });

  test('is of the arena and position where it was looked for, so that a chain cannot loop', () => {
    expect(headerReason(() => undefined, { ...expected, arena: 1 })).toBe('bounds');
    expect(headerReason(() => undefined, { ...expected, position: 5 })).toBe('order');
    expect(headerReason(() => undefined, { ...expected, grownBlocks: 63 })).toBe('bounds');
  });

  test('is refused when its fields are not a log block’s', () => {
    expect(headerReason((view) => writeU16(view, at.type, 2))).toBe('type');
    expect(headerReason((view) => writeU16(view, at.format, 2))).toBe('version');
    expect(headerReason((view) => writeU32(view, at.reserved + 12, 1))).toBe('padding');
    const half = decodeLogBlockHeader(new Uint8Array(8), expected);
    expect(half.ok ? '' : half.error.reason).toBe('length');
  });
});

test('the story of a lost batch: an older batch in its place does not pass for it', () => {
  // Sector 2 of the sample holds the newest batch. Had its write been lost, the sector would hold what stood there
  // before: here a batch of a chain that used the same block earlier, sound in itself.
  const block = sampleLogBlock(plainHasher);
  const stale = batch({ sector: 2, blockAddress: 6 * 2048, previousHigh: 5, previousLow: 6 });
  sealBatch(stale);
  expect(reasonOf(stale)).toBe('ok');
  block.set(stale.block.subarray(1024, 1536), 1024);
  const opened = decodeLogBlock(block, plainHasher);
  expect(opened.ok ? 'ok' : opened.error.reason).toBe('checksum');
});
