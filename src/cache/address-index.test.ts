import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BlockAddress, SlotIndex } from '../base/brand.ts';
import {
  cacheLayout,
  highWord,
  homeBucket,
  lowWord,
  SLOT_ADDRESS_HIGH,
  SLOT_ADDRESS_LOW,
  SLOT_WORDS,
} from '../shared/cache-layout.ts';
import { scaled } from '../sim/scale.ts';
import { AddressIndex } from './address-index.ts';
import { NO_SLOT } from './slot-list.ts';

const layout = cacheLayout({ slotCount: 16, blockBytes: 512 });

function start(): { index: AddressIndex; insert: (slot: number, address: number) => void } {
  const words = new Int32Array(layout.wordCount);
  const index = new AddressIndex(layout, words);
  const insert = (slot: number, address: number) => {
    const header = layout.slotsStart + slot * SLOT_WORDS;
    words[header + SLOT_ADDRESS_LOW] = lowWord(address);
    words[header + SLOT_ADDRESS_HIGH] = highWord(address);
    index.insert(slot as SlotIndex);
  };
  return { index, insert };
}

/** The first `count` addresses whose probes begin at `bucket`. */
function addressesAt(bucket: number, count: number): number[] {
  const found: number[] = [];
  for (let address = 0; found.length < count; address += 512) {
    if (homeBucket(layout, lowWord(address), highWord(address)) === bucket) found.push(address);
  }
  return found;
}

describe('I2: the index finds every address that is in it and no other', () => {
  test('entries that collide, across the end of the table, survive any deletion', () => {
    const addresses = addressesAt(layout.bucketCount - 2, 4).concat(addressesAt(0, 2));
    for (const victim of addresses.keys()) {
      const { index, insert } = start();
      for (const [slot, address] of addresses.entries()) insert(slot, address);
      index.remove(victim as SlotIndex);
      for (const [slot, address] of addresses.entries()) {
        const expected = slot === victim ? NO_SLOT : slot;
        expect(index.find(address as BlockAddress)).toBe(expected);
      }
    }
  });

  test('an entry at its home stays there when the one before it leaves', () => {
    const { index, insert } = start();
    const [first] = addressesAt(5, 1);
    const [second] = addressesAt(6, 1);
    insert(0, first as number);
    insert(1, second as number);
    index.remove(0 as SlotIndex);
    expect(index.probeLength(1 as SlotIndex)).toBe(1);
  });

  test('addresses that differ only above 32 bits are different', () => {
    const { index, insert } = start();
    insert(0, 512);
    insert(1, 512 + 2 ** 32);
    insert(2, 512 + 2 ** 52);
    expect(index.find(512 as BlockAddress)).toBe(0);
    expect(index.find((512 + 2 ** 32) as BlockAddress)).toBe(1);
    expect(index.find((512 + 2 ** 52) as BlockAddress)).toBe(2);
    expect(index.find((512 + 2 ** 33) as BlockAddress)).toBe(NO_SLOT);
  });

  test('entering an address twice, and removing what is not there, are our bugs', () => {
    const { index, insert } = start();
    insert(0, 512);
    expect(() => insert(1, 512)).toThrow('I2');
    index.remove(0 as SlotIndex);
    expect(() => index.remove(0 as SlotIndex)).toThrow('I2');
  });

  test('any entering and leaving equals a map (replay: the seed and path printed)', () => {
    const crowded = addressesAt(31, 5).concat(addressesAt(0, 3), addressesAt(1, 3), [0, 2 ** 40]);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(15), fc.nat(crowded.length - 1)), { maxLength: 80, size: 'max' }),
        (steps) => {
          const { index, insert } = start();
          const bySlot = new Map<number, number>();
          for (const [slot, choice] of steps) {
            const address = crowded[choice] as number;
            if (bySlot.delete(slot)) {
              index.remove(slot as SlotIndex);
            } else if (![...bySlot.values()].includes(address)) {
              insert(slot, address);
              bySlot.set(slot, address);
            }
            const slotOf = new Map([...bySlot].map(([s, a]) => [a, s]));
            for (const a of crowded) {
              expect(index.find(a as BlockAddress)).toBe(slotOf.get(a) ?? NO_SLOT);
            }
            expect(index.count()).toBe(bySlot.size);
          }
        },
      ),
      { numRuns: scaled(200) },
    );
  });
});

test('runs of neighbours, in one arena or in several, take fewer than 2 looks on average', () => {
  const big = cacheLayout({ slotCount: 4096, blockBytes: 16_384 });
  for (const arenas of [1, 2, 8]) {
    const words = new Int32Array(big.wordCount);
    const index = new AddressIndex(big, words);
    let looks = 0;
    for (let slot = 0; slot < big.slotCount; slot += 1) {
      const address = (slot % arenas) * 64 * 2 ** 20 + Math.floor(slot / arenas) * 16_384;
      const header = big.slotsStart + slot * SLOT_WORDS;
      words[header + SLOT_ADDRESS_LOW] = lowWord(address);
      words[header + SLOT_ADDRESS_HIGH] = highWord(address);
      index.insert(slot as SlotIndex);
    }
    for (let slot = 0; slot < big.slotCount; slot += 1)
      looks += index.probeLength(slot as SlotIndex);
    expect(looks / big.slotCount).toBeLessThan(2);
  }
});
