import { expect, test } from 'vitest';
import { EpochHorizon } from './epoch-horizon.ts';
import { EpochClock, EpochSlot } from './epochs.ts';

const layout = { epoch: 0, clientCount: 2, clientEpoch: (client: number) => 16 * (client + 1) };

function horizonWithReaders() {
  const words = new Int32Array(64);
  const clock = new EpochClock(words, layout);
  return {
    horizon: new EpochHorizon(clock, ['page', 'store']),
    page: new EpochSlot(words, layout, 0),
    store: new EpochSlot(words, layout, 1),
  };
}

test('I4: what is freed has passed when nobody is inside, and at once', () => {
  const { horizon } = horizonWithReaders();
  const { stamp } = horizon;
  expect(horizon.settle()).toBeGreaterThanOrEqual(stamp);
});

test('I4: a reader holds back what is freed while it is inside, by name, and lets it go', () => {
  const { horizon, page, store } = horizonWithReaders();
  horizon.settle();
  const entered = page.enter();
  const { stamp } = horizon;
  for (let round = 0; round < 5; round += 1) {
    expect(horizon.settle()).toBeLessThan(stamp);
    // Readers that come and go do not stand in the way.
    store.leave(store.enter());
  }
  expect(horizon.pins()).toEqual([
    { client: 'page', pinned: entered },
    { client: 'store', pinned: 0 },
  ]);
  page.leave(entered);
  expect(horizon.settle()).toBeGreaterThanOrEqual(stamp);
});
