import { expect, test } from 'vitest';
import { BLOCK_STATE, type BlockStates } from '../src/index.ts';
import { TestOrigin } from '../src/testing.ts';
import { BlockField } from './block-field.ts';
import { freeRangeClasses } from './free-ranges.ts';

const { free, data } = BLOCK_STATE;

function statesOf(...arenas: readonly number[][]): BlockStates {
  const bytes = Uint8Array.from(arenas.flat());
  let first = 0;
  const list = arenas.map((blocks, arena) => {
    const entry = { arena, disk: 0, first, count: blocks.length };
    first += blocks.length;
    return entry;
  });
  return { bytes, arenas: list, arenaBytes: 16 * 512, blockBytes: 512 };
}

test('ranges are told by their length, and end at the arena’s edge', () => {
  const states = statesOf([free, data, free, free, free, data], [free, free, free, free]);
  const classes = freeRangeClasses(states);
  expect(classes.map(({ from }) => from)).toEqual([1, 2, 4, 8, 16]);
  expect(classes.map(({ ranges }) => ranges)).toEqual([1, 1, 1, 0, 0]);
  expect(classes.map(({ blocks }) => blocks)).toEqual([1, 3, 4, 0, 0]);
  expect(freeRangeClasses(states, 0).map(({ ranges }) => ranges)).toEqual([1, 1, 0, 0, 0]);
});

test('they are the engine’s own free ranges', async () => {
  const options = { blockSize: 512, disks: 2, maxBytes: 2 ** 21, arenaBytes: 2 ** 18 };
  await using store = await new TestOrigin().openStore('a', options);
  const field = new BlockField(store);
  const make = (count: number) => Array.from({ length: count }, () => new Uint8Array(512));
  for (let n = 0; n < 10; n += 1) await field.append(200, make);
  for (let n = 0; n < 10; n += 1) await field.delete(70);
  // The newest of both: what is asked for answers with the snapshot before it.
  store.blockStates();
  const stats = await store.stats();
  await new Promise((resolve) => setTimeout(resolve, 20));
  const classes = freeRangeClasses(store.blockStates());
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  expect(sum(classes.map(({ ranges }) => ranges))).toBe(
    sum(stats.arenas.map(({ freeRanges }) => freeRanges)),
  );
  expect(sum(classes.map(({ blocks }) => blocks)) * 512).toBe(stats.freeBytes);
});
