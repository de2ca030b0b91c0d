import { describe, expect, test } from 'vitest';
import { AssertionError } from '../base/assert.ts';
import { arenasMax, type Geometry, ROOTS_MAX } from './geometry.ts';
import { GEOMETRY_512, SUPERBLOCK_SAMPLE, samplePointer } from './golden/samples.ts';
import { createHasher, hashPlain } from './hasher.ts';
import { readU32, viewOf, writeHash, writeU16, writeU32, writeU53 } from './layout.ts';
import { POINTER, type Pointer } from './pointer.ts';
import {
  type ArenaEntry,
  decodeGivenUp,
  decodeSuperblock,
  encodeGivenUp,
  encodeSuperblock,
  SUPERBLOCK_ARENA,
  SUPERBLOCK_HEADER,
  type Superblock,
  UNOPENED_ARENA,
} from './superblock.ts';

const hasher = await createHasher();
const at = SUPERBLOCK_HEADER.at;
const ROOTS_AT = SUPERBLOCK_HEADER.size;

function encoded(change: Partial<Superblock> = {}, geometry: Geometry = GEOMETRY_512): Uint8Array {
  const slot = new Uint8Array(geometry.slotBytes).fill(0xee);
  const bytes = encodeSuperblock({ ...SUPERBLOCK_SAMPLE, ...change }, geometry, hasher, slot);
  return slot.subarray(0, bytes);
}

function decode(bytes: Uint8Array, geometry: Geometry = GEOMETRY_512): Superblock | string {
  const result = decodeSuperblock(bytes, geometry, hasher);
  return result.ok ? result.value : result.error.reason;
}

/** Changes a sound superblock and seals it again. */
function altered(change: (view: DataView, bytes: Uint8Array) => void): Superblock | string {
  const bytes = encoded();
  change(viewOf(bytes), bytes);
  hashPlain(hasher, bytes, at.checksum);
  writeHash(viewOf(bytes), at.checksum, hasher.high, hasher.low);
  return decode(bytes);
}

function withArena(change: Partial<ArenaEntry>): Partial<Superblock> {
  const [first, ...others] = SUPERBLOCK_SAMPLE.arenas;
  return { arenas: [{ ...(first as ArenaEntry), ...change }, ...others] };
}

describe('a superblock', () => {
  test('comes back, with its roots in the order of their bytes', () => {
    expect(decode(encoded())).toEqual(SUPERBLOCK_SAMPLE);
    const roots = new Map([...SUPERBLOCK_SAMPLE.roots].reverse());
    expect(encoded({ roots })).toEqual(encoded());
    const value = decode(encoded({ roots, joint: false }));
    expect(typeof value === 'object' && [...value.roots.keys()]).toEqual(['main', 'straße']);
  });

  test('is written in whole sectors, and what lies behind them does not matter', () => {
    expect(encoded()).toHaveLength(512);
    const slot = new Uint8Array(GEOMETRY_512.slotBytes).fill(0xee);
    slot.set(encoded());
    expect(decode(slot)).toEqual(SUPERBLOCK_SAMPLE);
    expect(
      encoded()
        .subarray(readU32(viewOf(slot), at.usedBytes))
        .every((b) => b === 0),
    ).toBe(true);
  });

  test('fits its slot with all roots and arenas, every name at its longest', () => {
    for (const slotBytes of [4096, 65_536]) {
      const geometry = { ...GEOMETRY_512, slotBytes };
      const roots = new Map<string, Pointer>();
      for (let root = 0; root < ROOTS_MAX; root += 1) {
        roots.set(`${root}`.padStart(32, '0'), samplePointer(0, 1));
      }
      const [entry] = SUPERBLOCK_SAMPLE.arenas;
      const arenas = Array.from({ length: arenasMax(geometry) }, () => entry as ArenaEntry);
      const value = decode(encoded({ roots, arenas }, geometry), geometry);
      expect(typeof value === 'object' && value.arenas.length).toBe(arenas.length);
      expect(typeof value === 'object' && value.roots.size).toBe(ROOTS_MAX);
    }
  });

  test('may be the first, without predecessors, without roots and without arenas', () => {
    const none = { previous: 0, beforePrevious: 0, thirdPrevious: 0, roots: new Map(), arenas: [] };
    expect(decode(encoded({ ...none, generation: 1 }))).toMatchObject({ generation: 1 });
    expect(decode(encoded({ ...none, generation: 5, previous: 1 }))).toMatchObject({ previous: 1 });
  });

  test('torn at any sector is noticed', () => {
    const geometry = { ...GEOMETRY_512, slotBytes: 65_536 };
    const arenas = Array.from({ length: 100 }, () => SUPERBLOCK_SAMPLE.arenas[0] as ArenaEntry);
    const before = encoded({ arenas, generation: 2 ** 41 }, geometry);
    const after = encoded({ arenas, generation: 2 ** 41 + 1, roots: new Map() }, geometry);
    const sectors = after.length / 512;
    expect(sectors).toBeGreaterThan(3);
    for (let mask = 1; mask < 2 ** sectors - 1; mask += 1) {
      const torn = after.slice();
      for (let sector = 0; sector < sectors; sector += 1) {
        const [from, to] = [sector * 512, sector * 512 + 512];
        if ((mask & (1 << sector)) === 0) torn.set(before.subarray(from, to), from);
      }
      expect(decode(torn, geometry)).toBe('checksum');
    }
  });
});

describe('a superblock that is wrong, though its checksum is right, is refused:', () => {
  test('flags of a later version', () => {
    expect(altered((view) => writeU32(view, at.flags, 2))).toBe('feature');
    expect(altered((view) => writeU32(view, at.flags, 2 ** 31 + 1))).toBe('feature');
  });

  test('generations that do not descend', () => {
    const { generation, previous, beforePrevious } = SUPERBLOCK_SAMPLE;
    expect(altered((view) => writeU53(view, at.generation, 0))).toBe('order');
    expect(altered((view) => writeU53(view, at.previous, generation))).toBe('order');
    expect(altered((view) => writeU53(view, at.previous, 0))).toBe('order');
    expect(altered((view) => writeU53(view, at.beforePrevious, previous))).toBe('order');
    expect(altered((view) => writeU53(view, at.thirdPrevious, beforePrevious))).toBe('order');
    expect(altered((view) => writeHash(view, at.thirdPrevious, 2 ** 31, 0))).toBe('bounds');
    expect(altered((view) => writeHash(view, at.generation, 2 ** 21, 0))).toBe('bounds');
    expect(altered((view) => writeHash(view, at.beforePrevious, 2 ** 31, 0))).toBe('bounds');
  });

  test('counts that do not fit', () => {
    expect(altered((view) => writeU16(view, at.rootCount, 65))).toBe('count');
    expect(altered((view) => writeU16(view, at.rootCount, 1))).toBe('length');
    expect(altered((view) => writeU16(view, at.rootCount, 60))).toBe('length');
    expect(altered((view) => writeU16(view, at.arenaCount, 4))).toBe('length');
    expect(altered((view) => writeU16(view, at.arenaCount, 65_535))).toBe('length');
    expect(altered((view) => writeU32(view, at.usedBytes, 212))).toBe('length');
    expect(altered((view) => writeU32(view, at.usedBytes, 8))).toBe('length');
    expect(altered((view) => writeU32(view, at.usedBytes, 2 ** 32 - 1))).toBe('length');
  });

  test('more arenas than every root would leave room for', () => {
    const arenas = Array.from({ length: arenasMax(GEOMETRY_512) + 1 }, () => UNOPENED_ARENA);
    const few = { roots: new Map(), arenas: arenas.slice(1) };
    expect(decode(encoded(few))).toMatchObject({ arenas: few.arenas });
    expect(() => encoded({ ...few, arenas })).toThrow(AssertionError);
    const bytes = encoded(few);
    const view = viewOf(bytes);
    writeU16(view, at.arenaCount, arenas.length);
    writeU32(view, at.usedBytes, readU32(view, at.usedBytes) + SUPERBLOCK_ARENA.size);
    hashPlain(hasher, bytes, at.checksum);
    writeHash(view, at.checksum, hasher.high, hasher.low);
    expect(decode(bytes)).toBe('count');
  });

  test('a root where the superblock has ended', () => {
    const bytes = encoded({ roots: new Map(), arenas: [] });
    writeU16(viewOf(bytes), at.rootCount, 1);
    hashPlain(hasher, bytes, at.checksum);
    writeHash(viewOf(bytes), at.checksum, hasher.high, hasher.low);
    expect(decode(bytes)).toBe('length');
  });

  test('a root whose pointer cannot be one', () => {
    const generation = ROOTS_AT + 1 + 'main'.length + POINTER.at.generation;
    expect(altered((view) => writeHash(view, generation, 2 ** 21, 0))).toBe('bounds');
  });

  test('bytes that must be zero', () => {
    expect(altered((_, bytes) => bytes.fill(1, bytes.length - 1))).toBe('padding');
  });

  test('names that are none, or not in order', () => {
    expect(altered((_, bytes) => bytes.fill(0, ROOTS_AT, ROOTS_AT + 1))).toBe('name');
    expect(altered((_, bytes) => bytes.fill(0, ROOTS_AT + 1, ROOTS_AT + 2))).toBe('name');
    expect(altered((_, bytes) => bytes.fill(0xff, ROOTS_AT + 1, ROOTS_AT + 2))).toBe('name');
    expect(altered((_, bytes) => bytes.fill(0x7a, ROOTS_AT + 1, ROOTS_AT + 2))).toBe('order');
    const roots = new Map(['a', 'b'].map((name) => [name, samplePointer(0, 1)]));
    const bytes = encoded({ roots });
    const second = ROOTS_AT + 1 + 1 + POINTER.size + 1;
    expect(bytes[second]).toBe(0x62);
    bytes[second] = 0x61;
    hashPlain(hasher, bytes, at.checksum);
    writeHash(viewOf(bytes), at.checksum, hasher.high, hasher.low);
    expect(decode(bytes)).toBe('order');
  });

  test('arenas that cannot be', () => {
    const arenasAt = (view: DataView): number =>
      readU32(view, at.usedBytes) - 3 * SUPERBLOCK_ARENA.size;
    const arena = (name: keyof typeof SUPERBLOCK_ARENA.at, value: number, index = 0) =>
      altered((view) => {
        const entry = arenasAt(view) + index * SUPERBLOCK_ARENA.size;
        writeU32(view, entry + SUPERBLOCK_ARENA.at[name], value);
      });
    expect(arena('grownBlocks', 65)).toBe('bounds');
    expect(arena('usedBlocks', 65)).toBe('bounds');
    expect(arena('logHead', 64)).toBe('bounds');
    expect(arena('logSectors', 64 * 4 + 1)).toBe('bounds');
    expect(arena('logSectors', 0)).toBe('bounds');
    expect(arena('logHash', 1, 2)).toBe('bounds');
    expect(arena('grownBlocks', 0)).toBe('bounds');
    expect(arena('logSectors', 64 * 4)).toMatchObject({ generation: SUPERBLOCK_SAMPLE.generation });
  });

  test('I2: roots that point to where no block can be, or to the future', () => {
    const first = ROOTS_AT + 1 + 'main'.length;
    const { generation } = SUPERBLOCK_SAMPLE;
    expect(altered((view) => writeU53(view, first, 4097))).toBe('bounds');
    expect(altered((view) => writeU53(view, first, 64 * 2048))).toMatchObject({ generation });
    expect(altered((view) => writeU53(view, first, 131_072 + 32 * 2048))).toBe('bounds');
    expect(altered((view) => writeU53(view, first, 2 * 131_072))).toBe('bounds');
    expect(altered((view) => writeU53(view, first, 3 * 131_072))).toBe('bounds');
    expect(altered((view) => writeU53(view, first, 2 ** 53 - 2048))).toBe('bounds');
    expect(altered((view) => writeU53(view, first + 16, generation + 1))).toBe('bounds');
    expect(altered((view) => writeU53(view, first + 16, 0))).toBe('bounds');
  });
});

describe('a superblock that is given up', () => {
  const given = (bytes: Uint8Array): Uint8Array => {
    const sector = new Uint8Array(512);
    encodeGivenUp(bytes, sector);
    return sector;
  };

  test('is written over by a sector that keeps its number and no sector of a superblock can be', () => {
    const sector = given(encoded());
    expect(decode(sector)).toBe('checksum');
    expect(decodeGivenUp(sector)).toBe(SUPERBLOCK_SAMPLE.generation);
    expect(sector.subarray(SUPERBLOCK_HEADER.size).every((byte) => byte === 0xff)).toBe(true);
    expect(given(sector)).toEqual(sector);
    expect(decodeGivenUp(encoded())).toBeUndefined();
  });

  test('has no number where nothing says that it was one', () => {
    const sector = given(new Uint8Array(4096).fill(3));
    expect(sector.every((byte) => byte === 0xff)).toBe(true);
    expect(decodeGivenUp(sector)).toBeUndefined();
    expect(decodeGivenUp(new Uint8Array(4096))).toBeUndefined();
  });

  test('has none where the damage was to its number, and no length of it is an exception', () => {
    const bytes = encoded();
    writeHash(viewOf(bytes), at.generation, 2 ** 21, 0);
    expect(decodeGivenUp(given(bytes))).toBeUndefined();
    const sector = given(encoded());
    for (let length = 0; length < SUPERBLOCK_HEADER.size; length += 1) {
      expect(decodeGivenUp(sector.subarray(0, length))).toBeUndefined();
    }
  });
});

describe('what would be refused is not written:', () => {
  const bad: [string, Partial<Superblock>][] = [
    ['generation 0', { generation: 0, previous: 0, beforePrevious: 0, thirdPrevious: 0 }],
    ['a fractional generation', { generation: 2 ** 41 + 0.0625 }],
    ['a predecessor that is not older', { previous: SUPERBLOCK_SAMPLE.generation }],
    ['a short store id', { storeId: new Uint8Array(15) }],
    [
      'more roots than there may be',
      { roots: new Map(Array.from({ length: 65 }, (_, n) => [`${n}`, samplePointer(0, 1)])) },
    ],
    ['a root without a name', { roots: new Map([['', samplePointer(0, 1)]]) }],
    ['a root of half a surrogate', { roots: new Map([['\ud800', samplePointer(0, 1)]]) }],
    ['a root outside every arena', { roots: new Map([['a', samplePointer(131_072 * 9, 1)]]) }],
    ['more blocks used than there are', withArena({ usedBlocks: 65 })],
    [
      'an arena that was never opened, but holds a log',
      { arenas: [{ ...UNOPENED_ARENA, logSectors: 1 }] },
    ],
  ];

  test.each(bad)('%s', (_, change) => {
    expect(() => encoded(change)).toThrow(AssertionError);
  });
});
