/** All interleavings of a ring's two sides, and of several rings, bells and threads at a fence. */
import { expect, test, vi } from 'vitest';
import { assert } from '../base/assert.ts';
import { enumerate } from '../sim/enumerate.ts';
import { scaled } from '../sim/scale.ts';
import { sample } from '../sim/schedules.ts';
import { atomicLoad, atomicStore, plainLoad, plainStore } from './atomics.ts';
import { Doorbell } from './doorbell.ts';
import { type RingLayout, RingReader, RingWriter } from './ring.ts';

vi.mock('./atomics.ts', async () => (await import('../sim/schedule-atomics.ts')).modelAtomics);

const words = new Int32Array(new SharedArrayBuffer(1024));

function push(writer: RingWriter, value: number): boolean {
  const at = writer.claim();
  if (at < 0) return false;
  plainStore(words, at, value);
  plainStore(words, at + 1, -value);
  writer.publish();
  return true;
}

function pop(reader: RingReader): number | undefined {
  const at = reader.peek();
  if (at < 0) return undefined;
  const value = plainLoad(words, at);
  assert(plainLoad(words, at + 1) === -value, 'a cell is read whole');
  reader.release();
  return value;
}

/** Judges hundreds of thousands of times: `expect` would take longer than the schedules. */
function assertSame(seen: unknown, expected: readonly number[]): void {
  const text = (seen as readonly number[]).join();
  assert(text === expected.join(), `${expected.join()} was expected, ${text} seen`);
}

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n + 1);

/** A ring that starts where its counts are about to wrap around. */
function ringAt(start: number, cellCount: number): RingLayout {
  const layout = { start, cellCount, cellWords: 2 };
  words[start] = -2;
  words[start + 16] = -2;
  return layout;
}

function throughRing(cellCount: number, values: number) {
  return () => {
    words.fill(0);
    const layout = ringAt(0, cellCount);
    return {
      threads: [
        () => {
          const writer = new RingWriter(words, layout);
          return () => upTo(values).forEach((value) => void untilPushed(writer, value));
        },
        () => {
          const reader = new RingReader(words, layout);
          return () => upTo(values).map(() => untilPopped(reader));
        },
      ],
      judge: ([, popped]: readonly unknown[]) => assertSame(popped, upTo(values)),
    };
  };
}

function untilPushed(writer: RingWriter, value: number): void {
  while (!push(writer, value));
}

function untilPopped(reader: RingReader): number {
  for (;;) {
    const value = pop(reader);
    if (value !== undefined) return value;
  }
}

test.each([
  [1, 5, 3_000],
  [2, 6, 5_000],
  [4, 6, 5_000],
])(
  'a ring of %d cells gives %d values in order, each whole, in all schedules',
  (cells, values, atLeast) => {
    enumerate(`ring of ${cells}`, atLeast, {}, throughRing(cells, values));
  },
);

test('and in random schedules with any number of pre-emptions', () => {
  const { schedules } = sample({ count: scaled(3000), seed: 1 }, throughRing(2, 9));
  expect(schedules).toBeGreaterThan(scaled(3000) / 2);
});

const WORK_BELL = 200;
const ROOM_BELL = 216;

function sleepUntil(bell: Doorbell, look: () => boolean): void {
  for (;;) {
    const seen = bell.value;
    if (look()) return;
    bell.wait(seen, 1000);
  }
}

test('sides that sleep while the ring is full or empty are always woken', () => {
  enumerate('ring with bells', 5_000, { wakes: 1 }, () => {
    words.fill(0);
    const layout = ringAt(0, 1);
    const work = new Doorbell(words, WORK_BELL);
    const room = new Doorbell(words, ROOM_BELL);
    return {
      threads: [
        () => {
          const writer = new RingWriter(words, layout);
          return () => {
            for (const value of [1, 2, 3]) {
              sleepUntil(room, () => push(writer, value));
              work.ring();
            }
          };
        },
        () => {
          const reader = new RingReader(words, layout);
          return () => {
            const popped: number[] = [];
            while (popped.length < 3) {
              sleepUntil(work, () => {
                const value = pop(reader);
                if (value !== undefined) popped.push(value);
                return value !== undefined;
              });
              room.ring();
            }
            return popped;
          };
        },
      ],
      judge: ([, popped]) => assertSame(popped, [1, 2, 3]),
    };
  });
});

const STORE_BELL = 200;
const FENCE = 77;
const DISKS = [0, 1] as const;
const RING_SIZES = { cellCount: 2, cellWords: 2 };
const requestsOf = (disk: number): RingLayout => ({ ...RING_SIZES, start: disk * 40 });
const completionsOf = (disk: number): RingLayout => ({ ...RING_SIZES, start: 80 + disk * 40 });
const bellOf = (disk: number) => new Doorbell(words, 216 + disk * 16);
const flushedAt = (disk: number) => 250 + disk;

/** Takes requests until it has flushed at a fence. What is durable by then is a word. */
function diskThread(disk: number) {
  const requests = requestsOf(disk);
  const completions = completionsOf(disk);
  return () => {
    const reader = new RingReader(words, requests);
    const writer = new RingWriter(words, completions);
    return () => {
      sleepUntil(bellOf(disk), () => pop(reader) === FENCE);
      atomicStore(words, flushedAt(disk), 1);
      push(writer, FENCE);
      new Doorbell(words, STORE_BELL).ring();
    };
  };
}

/** Asks all disks for a fence, and has all of their answers before the superblock may go out. */
function storeThread() {
  const requests = DISKS.map((disk) => new RingWriter(words, requestsOf(disk)));
  const completions = DISKS.map((disk) => new RingReader(words, completionsOf(disk)));
  return () => {
    for (const disk of DISKS) {
      push(requests[disk] as RingWriter, FENCE);
      bellOf(disk).ring();
    }
    let missing: number = DISKS.length;
    sleepUntil(new Doorbell(words, STORE_BELL), () => {
      for (const reader of completions) {
        if (pop(reader) === FENCE) missing -= 1;
      }
      return missing === 0;
    });
    return DISKS.map((disk) => atomicLoad(words, flushedAt(disk)));
  };
}

test('I6: when all fences are joined every disk has flushed, and nobody sleeps for ever', () => {
  enumerate('fence join', 15_000, { fewer: 1 }, () => {
    words.fill(0);
    return {
      threads: [diskThread(0), diskThread(1), storeThread],
      judge: (results) => assertSame(results[2], [1, 1]),
    };
  });
});
