import { describe, expect, test } from 'vitest';
import { EpochClock, type EpochLayout, EpochSlot, lookAtEpochs } from './epochs.ts';

const CLIENTS = 3;
const layout: EpochLayout = {
  epoch: 0,
  clientCount: CLIENTS,
  clientEpoch: (client) => (client + 1) * 16,
};

function start(advances = 0) {
  const words = new Int32Array(16 * (CLIENTS + 1));
  words[layout.epoch] = advances;
  const clock = new EpochClock(words, layout);
  const slots = [0, 1, 2].map((client) => new EpochSlot(words, layout, client));
  return { words, clock, slots: slots as [EpochSlot, EpochSlot, EpochSlot] };
}

describe('the clock', () => {
  test('starts at 1 and goes on while nobody is inside', () => {
    const { clock } = start();
    expect(clock.current).toBe(1);
    expect(clock.tryAdvance()).toBe(true);
    expect(clock.tryAdvance()).toBe(true);
    expect(clock.current).toBe(3);
    expect(clock.oldestPinned()).toBeUndefined();
  });

  test('I4: what was freed has passed two epochs later, and a reader keeps it from passing', () => {
    const { clock, slots } = start();
    const epoch = slots[0].enter();
    const freed = clock.current;
    expect(clock.tryAdvance()).toBe(true);
    expect(clock.hasPassed(freed)).toBe(false);
    expect(clock.tryAdvance()).toBe(false);
    expect(clock.hasPassed(freed)).toBe(false);
    slots[0].leave(epoch);
    expect(clock.tryAdvance()).toBe(true);
    expect(clock.hasPassed(freed)).toBe(true);
  });

  test('says who is inside, and since when, to others too', () => {
    const { words, clock, slots } = start();
    slots[2].enter();
    clock.tryAdvance();
    slots[0].enter();
    expect([0, 1, 2].map((client) => clock.pinned(client))).toEqual([2, 0, 1]);
    expect(lookAtEpochs(words, layout)).toEqual({ global: 2, pinned: [2, 0, 1] });
    expect(clock.oldestPinned()).toBe(1);
    expect(() => clock.pinned(CLIENTS)).toThrow('I4');
  });

  test('goes on when a dead client has been cleared, and others are still inside', () => {
    const { words, clock, slots } = start();
    slots[0].enter();
    clock.tryAdvance();
    const epoch = slots[1].enter();
    expect(() => new EpochSlot(words, layout, 0)).toThrow('nobody else');
    clock.clear(0);
    expect(clock.tryAdvance()).toBe(true);
    expect(clock.tryAdvance()).toBe(false);
    slots[1].leave(epoch);
    expect(clock.tryAdvance()).toBe(true);
    expect(new EpochSlot(words, layout, 0).enter()).toBe(4);
  });

  test('counts on where the words of the circle begin again', () => {
    const round = 2 ** 31 - 1;
    const { words, clock, slots } = start(round - 2);
    expect(clock.current).toBe(round - 1);
    const early = slots[0].enter();
    clock.tryAdvance();
    const last = slots[1].enter();
    expect([early, last]).toEqual([round - 1, round]);
    slots[0].leave(early);
    expect(clock.tryAdvance()).toBe(true);
    expect(words[layout.epoch]).toBe(0);
    expect(clock.current).toBe(round + 1);
    expect(slots[2].enter()).toBe(1);
    expect(clock.pinned(2)).toBe(round + 1);
    expect(clock.pinned(1)).toBe(round);
    expect(clock.oldestPinned()).toBe(round);
    slots[1].leave(last);
    expect(clock.tryAdvance()).toBe(true);
    expect(clock.pinned(2)).toBe(round + 1);
    expect(clock.hasPassed(round)).toBe(true);
    expect(clock.hasPassed(round + 1)).toBe(false);
  });
});

describe('readers of one thread', () => {
  test('overlap: the word holds the oldest until all of its readers have left', () => {
    const { clock, slots } = start();
    const [slot] = slots;
    const first = slot.enter();
    const second = slot.enter();
    clock.tryAdvance();
    const third = slot.enter();
    expect([first, second, third]).toEqual([1, 1, 2]);
    slot.leave(first);
    expect(slot.pinnedOldest).toBe(1);
    slot.leave(second);
    expect(slot.pinnedOldest).toBe(2);
    expect(clock.pinned(0)).toBe(2);
    slot.leave(third);
    expect(slot.pinnedOldest).toBe(0);
    expect(clock.pinned(0)).toBe(0);
  });

  test('that overlap without end do not stop the clock', () => {
    const { clock, slots } = start();
    let last = slots[0].enter();
    for (let n = 0; n < 100; n += 1) {
      clock.tryAdvance();
      const next = slots[0].enter();
      slots[0].leave(last);
      last = next;
    }
    expect(clock.current).toBe(101);
  });

  test('leave in any order, and the younger epoch may empty first', () => {
    const { clock, slots } = start();
    const [slot] = slots;
    const first = slot.enter();
    clock.tryAdvance();
    slot.leave(slot.enter());
    const third = slot.enter();
    slot.leave(first);
    expect(clock.pinned(0)).toBe(third);
    slot.leave(third);
    expect(clock.oldestPinned()).toBeUndefined();
  });

  test('I4: at most two epochs are pinned, because the clock waits for the older one', () => {
    const { words, slots } = start();
    const [slot] = slots;
    slot.enter();
    words[layout.epoch] = 1;
    slot.enter();
    // No clock of ours does that while somebody is inside at epoch 1.
    words[layout.epoch] = 2;
    expect(() => slot.enter()).toThrow('I4: at most two epochs are pinned');
  });

  test('cannot leave what they have not entered', () => {
    const { slots } = start();
    const [slot] = slots;
    expect(() => slot.leave(0)).toThrow('I4');
    expect(() => slot.leave(1)).toThrow('I4');
    slot.leave(slot.enter());
    expect(() => slot.leave(1)).toThrow('I4');
  });
});
