/**
 * One thread cannot race with itself, but it can be in two places: every access to the control memory calls a hook,
 * and so does the copy, half-way. In the hook of one side the other side runs. Each test walks through all places
 * where the hook can strike, so single preemptions are enumerated, not sampled.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { SlotIndex } from '../base/brand.ts';
import type { Pointer } from '../format/pointer.ts';
import { cacheLayout, homeBucket } from '../shared/cache-layout.ts';
import type { Cache } from './cache.ts';
import {
  BLOCK_BYTES,
  fill,
  fixture,
  insert,
  isContentOf,
  load,
  pointerTo,
  some,
} from './cache-fixture.ts';
import { CacheReader } from './cache-reader.ts';

/** Called before and after each access, and in the middle of a copy, unless it is running already. */
let onAccess: (() => void) | undefined;

function strike(): void {
  const hook = onAccess;
  if (hook === undefined) return;
  onAccess = undefined;
  hook();
  onAccess = hook;
}

vi.mock('../shared/atomics.ts', async (importOriginal) => {
  const real = await importOriginal<Record<string, (...words: never[]) => unknown>>();
  const hooked = Object.entries(real).map(([name, access]) => [
    name,
    (...words: never[]) => {
      strike();
      const answer = access(...words);
      strike();
      return answer;
    },
  ]);
  return Object.fromEntries(hooked);
});

afterEach(() => {
  onAccess = undefined;
});

/** A block's worth of bytes that are copied in two halves, with the hook between. */
function halting(): Uint8Array {
  const into = new Uint8Array(BLOCK_BYTES);
  into.set = (source: ArrayLike<number>) => {
    const bytes = source as Uint8Array;
    const half = bytes.length / 2;
    Uint8Array.prototype.set.call(into, bytes.subarray(0, half), 0);
    strike();
    Uint8Array.prototype.set.call(into, bytes.subarray(half), half);
  };
  return into;
}

function start(slotCount: number): { cache: Cache; reader: CacheReader } {
  const { cache, memory } = fixture(slotCount);
  const { layout, control } = cache;
  return { cache, reader: new CacheReader({ layout, control, memory }) };
}

/** Runs `act`, with `intrude` once at its n-th chance, for n = 0, 1, … until there is no n-th. Answers how many. */
function preempt(round: () => { act: () => void; intrude: () => void }): number {
  for (let n = 0; ; n += 1) {
    const { act, intrude } = round();
    let chances = 0;
    let struck = false;
    onAccess = () => {
      if (chances === n) {
        struck = true;
        intrude();
      }
      chances += 1;
    };
    act();
    onAccess = undefined;
    if (!struck) return n;
  }
}

function mustBeRight(reader: CacheReader, pointer: Pointer, into: Uint8Array): boolean {
  const hit = reader.copy(pointer, into);
  if (hit) expect(isContentOf(into, pointer), 'I2: a reader got the wrong bytes').toBe(true);
  return hit;
}

describe('with nobody else about', () => {
  test('a reader finds what is clean or dirty, and copies it', () => {
    const { cache, reader } = start(3);
    load(cache, pointerTo(1));
    insert(cache, pointerTo(2));
    const into = new Uint8Array(BLOCK_BYTES);
    expect(mustBeRight(reader, pointerTo(1), into)).toBe(true);
    expect(mustBeRight(reader, pointerTo(2), into)).toBe(true);
  });

  test('I2: a reader misses what is loading, failed, forgotten, or of another pointer', () => {
    const { cache, reader } = start(2);
    const into = new Uint8Array(BLOCK_BYTES);
    const slot = some(cache.pluck());
    cache.beginLoad(slot, pointerTo(1));
    expect(reader.copy(pointerTo(1), into)).toBe(false);
    cache.failLoad(slot);
    expect(reader.copy(pointerTo(1), into)).toBe(false);
    load(cache, pointerTo(1));
    expect(reader.copy(pointerTo(1, 2), into)).toBe(false);
    expect(reader.copy(pointerTo(1, 1, 1), into)).toBe(false);
    expect(reader.copy({ ...pointerTo(1), hashLow: 0 }, into)).toBe(false);
    expect(reader.copy(pointerTo(2), into)).toBe(false);
    expect(reader.copy(pointerTo(1), into)).toBe(true);
    cache.forget(pointerTo(1).address);
    expect(reader.copy(pointerTo(1), into)).toBe(false);
  });

  test('a reader changes nothing that the owner can see', () => {
    const { cache, reader } = start(2);
    load(cache, pointerTo(1));
    const before = cache.control.slice();
    const stats = cache.stats();
    reader.copy(pointerTo(1), new Uint8Array(BLOCK_BYTES));
    expect(cache.control).toEqual(before);
    expect(cache.stats()).toEqual(stats);
  });

  test('a buffer shorter than a block is refused', () => {
    const { reader } = start(1);
    expect(() => reader.copy(pointerTo(1), new Uint8Array(BLOCK_BYTES - 1))).toThrow('room');
  });
});

/** What an owner may do to a cache of two slots in which blocks 1 and 2 are clean, 1 the next victim. */
const DEEDS: Record<string, (cache: Cache) => void> = {
  'evicts and loads another block': (cache) => {
    load(cache, pointerTo(9));
  },
  'evicts, and has only begun to load another block': (cache) => {
    const slot = some(cache.pluck());
    cache.beginLoad(slot, pointerTo(9));
    fill(cache.bytesOf(slot), pointerTo(9));
  },
  'evicts and writes another block': (cache) => {
    insert(cache, pointerTo(9));
  },
  'evicts and uses the slot as scratch': (cache) => {
    cache.bytesOf(some(cache.pluck())).fill(0xee);
  },
  'evicts, loads another block, evicts that, and loads the first again': (cache) => {
    load(cache, pointerTo(8));
    load(cache, pointerTo(9));
    load(cache, pointerTo(1));
  },
  'replaces the block by a newer one at its address': (cache) => {
    insert(cache, pointerTo(1, 2));
  },
  'writes a newer block and rolls it back': (cache) => {
    cache.discard(insert(cache, pointerTo(1, 2)));
  },
  'writes a newer block, which lands': (cache) => {
    cache.written(insert(cache, pointerTo(1, 2)));
  },
  'begins to load a newer block at the same address, and fails': (cache) => {
    const slot = some(cache.pluck());
    cache.beginLoad(slot, pointerTo(1, 2));
    cache.bytesOf(slot).fill(0xee);
    cache.failLoad(slot);
  },
};

const ASKED = [pointerTo(1), pointerTo(2), pointerTo(1, 2), pointerTo(8), pointerTo(9)];

function twoBlocks(): { cache: Cache; reader: CacheReader } {
  const started = start(2);
  load(started.cache, pointerTo(1));
  load(started.cache, pointerTo(2));
  return started;
}

describe('I2: one preemption, at every place', () => {
  test.each(Object.keys(DEEDS))('while a reader copies, the owner %s', (deed) => {
    for (const pointer of ASKED) {
      const places = preempt(() => {
        const { cache, reader } = twoBlocks();
        return {
          act: () => void mustBeRight(reader, pointer, halting()),
          intrude: () => DEEDS[deed]?.(cache),
        };
      });
      expect(places).toBeGreaterThan(1);
    }
  });

  test.each(Object.keys(DEEDS))('while the owner %s, a reader copies', (deed) => {
    const places = preempt(() => {
      const { cache, reader } = twoBlocks();
      return {
        act: () => DEEDS[deed]?.(cache),
        intrude: () => {
          for (const pointer of ASKED) mustBeRight(reader, pointer, new Uint8Array(BLOCK_BYTES));
        },
      };
    });
    expect(places).toBeGreaterThan(4);
  });

  test('a block that becomes clean or is held while it is copied is a hit all the same', () => {
    const places = preempt(() => {
      const { cache, reader } = start(2);
      const slot = insert(cache, pointerTo(1));
      return {
        act: () => expect(mustBeRight(reader, pointerTo(1), halting())).toBe(true),
        intrude: () => {
          cache.hold(slot);
          cache.written(slot);
          cache.markFreed(slot);
          cache.drop(slot);
        },
      };
    });
    expect(places).toBeGreaterThan(10);
  });

  test('an entry that moves in the index is not lost to a reader that comes while it moves', () => {
    // Blocks whose probes begin at one bucket: the first one's leaving shifts all the others.
    const crowd = crowdedBlocks(4);
    const places = preempt(() => {
      const { cache, reader } = start(8);
      const slots = crowd.map((block) => load(cache, pointerTo(block)));
      return {
        act: () => void cache.forget(cache.addressOf(slots[0] as SlotIndex)),
        intrude: () => {
          for (const block of crowd.slice(1)) {
            const hit = mustBeRight(reader, pointerTo(block), new Uint8Array(BLOCK_BYTES));
            expect(hit).toBe(true);
          }
        },
      };
    });
    expect(places).toBeGreaterThan(4);
  });
});

/** Blocks that share a home bucket with block 0, in a cache of eight slots. */
function crowdedBlocks(count: number): number[] {
  const layout = cacheLayout({ slotCount: 8, blockBytes: BLOCK_BYTES });
  const blocks: number[] = [];
  for (let block = 0; blocks.length < count; block += 1) {
    if (homeBucket(layout, block * BLOCK_BYTES, 0) === 0) blocks.push(block);
  }
  return blocks;
}
