/**
 * Files damaged at random under an open store: a check always reports, whatever it finds, and damage that it does not
 * notice is harmless: everything that was durable is still there when the store is opened again.
 *
 * To replay a failure: OPFS_BLOCKS_SEED=<seed> OPFS_BLOCKS_PATH=<path> npx vitest run src/store/check.fuzz.test.ts
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BlockAddress, Generation } from '../base/brand.ts';
import type { Pointer } from '../format/pointer.ts';
import { checkStore } from '../sim/check-store.ts';
import { MemoryStore } from '../sim/memory-store.ts';
import { quick, scaled } from '../sim/scale.ts';

const seed = process.env['OPFS_BLOCKS_SEED'];
const path = process.env['OPFS_BLOCKS_PATH'];
const replay = {
  ...(seed === undefined ? {} : { seed: Number(seed) }),
  ...(path === undefined ? {} : { path }),
};

interface Damage {
  readonly disk: number;
  /** A share of the file, in millionths. */
  readonly place: number;
  readonly length: number;
  readonly kind: 'flip' | 'noise' | 'zeroes' | 'copy' | 'cut';
  readonly value: number;
}

const damage: fc.Arbitrary<Damage> = fc.record({
  disk: fc.nat(1),
  place: fc.oneof(fc.nat(999_999), fc.nat(300_000)),
  length: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 2000 })),
  kind: fc.constantFrom('flip', 'flip', 'noise', 'zeroes', 'copy', 'cut'),
  value: fc.integer({ min: 1, max: 255 }),
});

const pointer: fc.Arbitrary<Pointer> = fc.record({
  address: fc
    .oneof(
      fc.nat(400).map((block) => block * 512),
      fc.maxSafeNat(),
    )
    .map((address) => address as BlockAddress),
  generation: fc.nat(20).map((generation) => generation as Generation),
  hashHigh: fc.constant(1),
  hashLow: fc.constant(2),
});

/** Two superblocks that nobody needs, logs of several batches, frees of every age. */
function filledStore(): { store: MemoryStore; live: Pointer[] } {
  const store = new MemoryStore();
  const live: Pointer[] = [];
  for (let round = 0; round < 6; round += 1) {
    store.transact((tx) => {
      live.push(...tx.write(Array.from({ length: 9 }, (_, n) => new Uint8Array(512).fill(n))));
      for (const old of live.splice(round, 3)) tx.free(old);
      tx.setRoot('main', live.at(-1));
    });
    store.commit();
  }
  return { store, live };
}

function inflict(store: MemoryStore, { disk, place, length, kind, value }: Damage): void {
  const file = store.directory.file(`disk-${disk}`);
  if (file === undefined) return;
  const offset = Math.floor((file.size * place) / 1_000_000);
  if (kind === 'cut') {
    file.truncate(offset);
    return;
  }
  const bytes = new Uint8Array(Math.min(length, file.size - offset));
  file.read(bytes, kind === 'copy' ? Math.max(0, offset - 512) : offset);
  for (let n = 0; n < bytes.length; n += 1) {
    if (kind === 'zeroes') bytes[n] = 0;
    else if (kind === 'noise') bytes[n] = (n * value + (n >> 3)) % 256;
    else if (kind === 'flip') bytes[n] = (bytes[n] as number) ^ value;
  }
  file.write(bytes, offset);
}

/** All of it is still there when the store is opened again. */
function expectSurvival(store: MemoryStore, live: readonly Pointer[]): void {
  const again = store.reopen();
  expect(again.engine.durableGeneration).toBe(store.engine.durableGeneration);
  for (const each of live) again.read(each);
}

test('I2: damage is noticed by a check, or harmless', () => {
  let [noticed, harmless] = [0, 0];
  const property = fc.property(fc.array(damage, { minLength: 1, maxLength: 3 }), (list) => {
    const { store, live } = filledStore();
    for (const each of list) inflict(store, each);
    if (checkStore(store, live).clean) {
      harmless += 1;
      expectSurvival(store, live);
    } else noticed += 1;
  });
  const numRuns = scaled(150);
  fc.assert(property, { numRuns, ...replay });
  if (seed === undefined && !quick) {
    expect(Math.min(noticed, harmless)).toBeGreaterThan(numRuns / 25);
  }
});

test('any files and any pointers give a report', () => {
  const property = fc.property(
    fc.array(damage, { maxLength: 12 }),
    fc.array(pointer, { maxLength: 20 }),
    (list, wild) => {
      const { store, live } = filledStore();
      for (const each of list) inflict(store, each);
      const report = checkStore(store, [...live, ...wild]);
      expect(report.clean).toBe(report.problemCount === 0);
      const grown = store.engine.arenas.arenas.reduce((sum, arena) => sum + arena.grownBlocks, 0);
      expect(report.census.reduce((sum, count) => sum + count, 0)).toBe(grown);
      if (wild.length > 0) expect(report.clean).toBe(false);
    },
  );
  fc.assert(property, { numRuns: scaled(120), ...replay });
});
