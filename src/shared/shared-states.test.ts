import { expect, test } from 'vitest';
import { allocateSharedStates, SharedStates } from './shared-states.ts';

test('another thread sees what the owner writes, and nothing beyond what has grown', () => {
  const memory = allocateSharedStates({ arenaCount: 3, arenaBlocks: 100 });
  const owner = new SharedStates(memory);
  const other = new SharedStates(memory);
  const room = owner.room(1);
  expect(room?.length).toBe(100);
  room?.fill(5);
  expect(other.stateOf(1, 4)).toBe(0);
  owner.setGrown(1, 5);
  expect(other.stateOf(1, 4)).toBe(5);
  expect(other.stateOf(1, 5)).toBe(0);
  expect(other.stateOf(2, 0)).toBe(0);
  expect(other.stateOf(3, 0)).toBe(0);
  expect(owner.room(3)).toBeUndefined();
  owner.setGrown(3, 1);
  expect(other.grownBlocks(2)).toBe(0);
});

test('damaged blocks are told by their addresses, the first 64 of them', () => {
  const memory = allocateSharedStates({ arenaCount: 3, arenaBlocks: 100 });
  const owner = new SharedStates(memory);
  const other = new SharedStates(memory);
  expect(other.damaged()).toEqual([]);
  owner.setDamaged([2 ** 52, 512]);
  expect(other.damaged()).toEqual([2 ** 52, 512]);
  owner.setDamaged(Array.from({ length: 100 }, (_, n) => n * 512));
  expect(other.damaged()).toEqual(Array.from({ length: 64 }, (_, n) => n * 512));
  owner.setDamaged([]);
  expect(other.damaged()).toEqual([]);
  expect(other.stateOf(0, 0)).toBe(0);
});
