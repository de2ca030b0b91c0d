import { expect, test } from 'vitest';
import { DeferredFrees } from './deferred-frees.ts';
import { PublicationHorizon } from './reader-horizon.ts';

test('I4: publications do not go back, and no reader is ahead of them', () => {
  const horizon = new PublicationHorizon();
  horizon.publish(3);
  expect(() => horizon.publish(2)).toThrow('I4');
  expect(() => horizon.setOldest(4)).toThrow('I4');
  horizon.setOldest(2);
  expect(horizon.settle()).toBe(2);
  expect(horizon.pins()).toEqual([{ client: 'page', pinned: 2 }]);
  horizon.setOldest(3);
  expect(horizon.pins()).toEqual([{ client: 'page', pinned: 0 }]);
});

test('the limbo tells what readers may see, by age, and what waits for commits', () => {
  const deferred = new DeferredFrees();
  const free = (stamp: number, count: number) =>
    deferred.defer(stamp, [{ arena: 0, start: stamp * 10, count, log: false }]);
  free(4, 1);
  free(5, 2);
  free(6, 3);
  deferred.freeze(1);
  free(7, 4);
  expect(deferred.limboBlocks(7, 3)).toEqual([4, 3, 3]);
  expect(deferred.limboBlocks(7, 5)).toEqual([4, 3, 0]);
  expect(deferred.limboBlocks(7, 7)).toEqual([0, 0, 0]);
  expect(deferred.commitWaitBlocks(2)).toBe(10);
  expect(deferred.commitWaitBlocks(3)).toBe(4);
});
