import { expect, test } from 'vitest';
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
