import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AssertionError } from '../base/assert.ts';
import type { ArenaIndex, BlockAddress, BlockIndex, DiskIndex } from '../base/brand.ts';
import {
  ARENAS_MAX,
  addressOf,
  arenaBlocks,
  arenaDisk,
  arenaOf,
  arenaOffset,
  arenasMax,
  arenasOffset,
  blockIndexOf,
  emptyFileBytes,
  fileOffsetOf,
  type Geometry,
  geometryFlaw,
  LABEL_BYTES,
  SLOT_COUNT,
  slotDisk,
  slotOffset,
} from './geometry.ts';
import { GEOMETRY_512 } from './golden/samples.ts';

const geometries = fc
  .record({
    blockBytes: fc.integer({ min: 9, max: 16 }).map((log) => 2 ** log),
    sectorBytes: fc.constantFrom(512, 4096),
    slotBytes: fc.constantFrom(4096, 65_536),
    diskCount: fc.integer({ min: 1, max: 8 }),
    blocks: fc.integer({ min: 32, max: 2 ** 24 }),
  })
  .map(({ blocks, ...rest }) => ({
    ...rest,
    sectorBytes: Math.min(rest.sectorBytes, rest.blockBytes < 4096 ? 512 : 4096),
    arenaBytes: blocks * rest.blockBytes,
  }));

describe('where things are', () => {
  test('an address and its place are each other’s inverse (replay: the printed seed and path)', () => {
    fc.assert(
      fc.property(geometries, fc.nat(), fc.nat(), (geometry, some, other) => {
        fc.pre(geometryFlaw(geometry) === undefined);
        const arena = (some % ARENAS_MAX) as ArenaIndex;
        const block = (other % arenaBlocks(geometry)) as BlockIndex;
        const address: BlockAddress = addressOf(arena, block, geometry);
        expect(Number.isSafeInteger(address)).toBe(true);
        expect(arenaOf(address, geometry)).toBe(arena);
        expect(blockIndexOf(address, geometry)).toBe(block);
        const offset = fileOffsetOf(address, geometry);
        expect(offset).toBe(arenaOffset(arena, geometry) + block * geometry.blockBytes);
      }),
    );
  });

  test('I1: label, slots and arenas of a file do not overlap', () => {
    for (let diskCount = 1; diskCount <= 8; diskCount += 1) {
      const geometry = { ...GEOMETRY_512, diskCount };
      const ends = Array.from({ length: diskCount }, () => LABEL_BYTES);
      for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
        const disk = slotDisk(slot, geometry);
        expect(slotOffset(slot, geometry)).toBe(ends[disk]);
        ends[disk] = slotOffset(slot, geometry) + geometry.slotBytes;
      }
      for (const [disk, end] of ends.entries()) {
        expect(emptyFileBytes(disk as DiskIndex, geometry)).toBe(end);
        expect(end).toBeLessThanOrEqual(arenasOffset(geometry));
        ends[disk] = arenasOffset(geometry);
      }
      for (let arena = 0 as ArenaIndex; arena < 20; arena = (arena + 1) as ArenaIndex) {
        const disk = arenaDisk(arena, geometry);
        expect(arenaOffset(arena, geometry)).toBe(ends[disk]);
        ends[disk] = arenaOffset(arena, geometry) + geometry.arenaBytes;
      }
    }
  });

  test('there is no fifth slot', () => {
    expect(() => slotDisk(4, GEOMETRY_512)).toThrow(AssertionError);
    expect(() => slotDisk(-1, GEOMETRY_512)).toThrow(AssertionError);
  });

  test('a large slot has room for all arenas, a small one for some', () => {
    expect(arenasMax({ ...GEOMETRY_512, slotBytes: 65_536 })).toBe(ARENAS_MAX);
    expect(arenasMax(GEOMETRY_512)).toBe(15);
  });
});

describe('a geometry that cannot be is named by its flaw:', () => {
  const bad: [keyof Geometry, Partial<Geometry>][] = [
    ['blockBytes', { blockBytes: 256 }],
    ['blockBytes', { blockBytes: 131_072 }],
    ['blockBytes', { blockBytes: 3000 }],
    ['blockBytes', { blockBytes: Number.NaN }],
    ['sectorBytes', { sectorBytes: 1024 }],
    ['sectorBytes', { sectorBytes: 4096 }],
    ['slotBytes', { slotBytes: 8192 }],
    ['diskCount', { diskCount: 0 }],
    ['diskCount', { diskCount: 9 }],
    ['diskCount', { diskCount: 1.5 }],
    ['arenaBytes', { arenaBytes: 131_073 }],
    ['arenaBytes', { arenaBytes: 31 * 2048 }],
    ['arenaBytes', { arenaBytes: (2 ** 24 + 1) * 2048 }],
    ['arenaBytes', { arenaBytes: Number.NaN }],
  ];

  test.each(bad)('%s in %o', (flaw, change) => {
    expect(geometryFlaw({ ...GEOMETRY_512, ...change })).toBe(flaw);
  });

  test('and a sound one by none', () => {
    expect(geometryFlaw(GEOMETRY_512)).toBeUndefined();
  });
});
