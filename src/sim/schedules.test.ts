import { describe, expect, test } from 'vitest';
import { fillBytes, modelAtomics, sleepUntil } from './schedule-atomics.ts';
import { awaitEnd, explore, type Story, sample, type ThreadStart } from './schedules.ts';

const { atomicAdd, atomicLoad, atomicNotify, atomicStore, atomicWait, atomicWaitAsync, copyBytes } =
  modelAtomics;

const WORD = 0;
const FREE = Number.POSITIVE_INFINITY;

function story(
  threads: (words: Int32Array) => (() => unknown)[],
  judge: (words: Int32Array, results: readonly unknown[]) => void = () => undefined,
): Story {
  const words = new Int32Array(new SharedArrayBuffer(64));
  const starts: ThreadStart[] = threads(words).map((body) => () => body);
  return { threads: starts, judge: (results) => judge(words, results) };
}

/** Threads that add 1 to a word of their own so often. */
function counters(...steps: number[]): () => Story {
  return () =>
    story((words) =>
      steps.map((count, thread) => () => {
        for (let n = 0; n < count; n += 1) atomicAdd(words, thread, 1);
      }),
    );
}

describe('the explorer plays', () => {
  test.each([
    [[1, 1], 2],
    [[3, 3], 20],
    [[4, 5], 126],
    [[2, 2, 2], 90],
  ])('all orders of %j accesses: %d', (steps, count) => {
    expect(explore({ preemptions: FREE }, counters(...steps)).schedules).toBe(count);
  });

  test.each([
    [0, 2],
    [1, 6],
    [2, 14],
    [3, 18],
    [9, 20],
  ])(
    'of two threads of 3 accesses those with at most %d pre-emptions: %d',
    (preemptions, count) => {
      expect(explore({ preemptions }, counters(3, 3)).schedules).toBe(count);
    },
  );

  test.each([1, 2, 3])('of three threads those with at most %d pre-emptions', (preemptions) => {
    const count = orders([2, 3, 4], preemptions);
    expect(explore({ preemptions }, counters(2, 3, 4)).schedules).toBe(count);
  });

  test('a different schedule each time', () => {
    const seen = new Set<string>();
    const { schedules } = explore({ preemptions: 3 }, () => {
      const order: string[] = [];
      return story(
        (words) =>
          [0, 1].map((thread) => () => {
            const places = [0, 0, 0, 0].map(() => atomicAdd(words, WORD, 1));
            order[thread] = places.join();
          }),
        () => seen.add(order.join(' ')),
      );
    });
    expect(seen.size).toBe(schedules);
  });
});

/** Counts orders with at most so many switches away from a thread that has more to do. */
function orders(left: readonly number[], preemptions: number, current = -1): number {
  if (left.every((count) => count === 0)) return 1;
  let sum = 0;
  left.forEach((count, thread) => {
    if (count === 0) return;
    const cost = current >= 0 && thread !== current && (left[current] as number) > 0 ? 1 : 0;
    if (cost > preemptions) return;
    const rest = left.map((each, n) => (n === thread ? each - 1 : each));
    sum += orders(rest, preemptions - cost, thread);
  });
  return sum;
}

describe('the explorer finds', () => {
  const lostUpdate = () =>
    story(
      (words) =>
        [0, 1].map(() => () => {
          atomicStore(words, WORD, atomicLoad(words, WORD) + 1);
        }),
      (words) => expect(words[WORD]).toBe(2),
    );

  test('an update that is lost, and says in which order', () => {
    expect(() => explore({ preemptions: 1 }, lostUpdate)).toThrow(
      /in the schedule 0\.1.*:\n0: load 0 → 0\n1: load 0 → 0\n1: store 0 → 0\n0: store 0 → 1$/,
    );
    expect(() => sample({ count: 100, seed: 1 }, lostUpdate)).toThrow('in the schedule');
  });

  test('which needs a pre-emption', () => {
    expect(explore({ preemptions: 0 }, lostUpdate).schedules).toBe(2);
  });

  test('a sleeper that nobody wakes', () => {
    const start = (check: (words: Int32Array) => boolean) => () =>
      story((words) => [
        () => {
          if (check(words)) atomicWait(words, WORD, 0, 1000);
        },
        () => {
          atomicStore(words, WORD + 1, 1);
          atomicNotify(words, WORD);
        },
      ]);
    const careless = start((words) => atomicLoad(words, WORD + 1) === 0);
    expect(() => explore({ preemptions: 1 }, careless)).toThrow('nobody wakes thread 0');
    expect(() => explore({ preemptions: 1, wakes: 1 }, careless)).toThrow('nobody wakes thread 0');
  });

  test('a copy that is torn', () => {
    const start = () => {
      const shared = new Uint8Array(new SharedArrayBuffer(2));
      const reader = () => {
        const into = new Uint8Array(2);
        copyBytes(shared, into);
        return into.join();
      };
      return {
        threads: [() => () => fillBytes(shared, 1), () => reader],
        judge: ([, seen]: readonly unknown[]) => expect(['0,0', '1,1']).toContain(seen),
      };
    };
    expect(() => explore({ preemptions: 1 }, start)).toThrow('1,0');
  });

  test('a thread that is not the same when it is run again', () => {
    let calls = 0;
    const start = () =>
      story((words) => [
        () => {
          calls += 1;
          atomicLoad(words, calls % 8);
          atomicLoad(words, WORD);
        },
        () => atomicLoad(words, WORD),
      ]);
    expect(() => explore({ preemptions: 1 }, start)).toThrow('something else');
  });

  test('threads that come to no end', () => {
    const start = () =>
      story((words) => [
        () => {
          for (;;) atomicAdd(words, WORD, 1);
        },
      ]);
    expect(() => explore({ preemptions: 0 }, start)).toThrow('come to no end');
  });
});

describe('threads may', () => {
  test('wait for a word by looking again and again: somebody else goes on then', () => {
    const { schedules } = explore({ preemptions: 2 }, () =>
      story((words) => [
        () => {
          while (atomicLoad(words, WORD) === 0);
          return atomicLoad(words, WORD + 1);
        },
        () => {
          atomicStore(words, WORD + 1, 7);
          atomicStore(words, WORD, 1);
        },
      ]),
    );
    expect(schedules).toBeGreaterThan(3);
  });

  test('read a word twice in a row without being taken for spinning', () => {
    const start = () => story((words) => [() => [1, 2, 3].map(() => atomicLoad(words, WORD))]);
    expect(explore({ preemptions: 1 }, start).schedules).toBe(1);
  });

  test('wake for no reason, so often as is allowed', () => {
    const wakings = new Set<unknown>();
    const start = () =>
      story(
        (words) => [
          () => {
            let sleeps = 0;
            for (; atomicLoad(words, WORD) === 0; sleeps += 1) {
              sleepUntil(atomicWaitAsync(words, WORD, 0));
            }
            return sleeps;
          },
          () => {
            atomicStore(words, WORD + 1, 1);
            atomicStore(words, WORD, 1);
            atomicNotify(words, WORD);
          },
        ],
        (_, [sleeps]) => wakings.add(sleeps),
      );
    explore({ preemptions: 1 }, start);
    expect([...wakings].sort()).toEqual([0, 1]);
    explore({ preemptions: 1, wakes: 2 }, start);
    expect([...wakings].sort()).toEqual([0, 1, 2, 3]);
  });

  test('die at each of their accesses, and others hear of it', () => {
    const ends = new Map<unknown, number>();
    const start = () => ({
      ...story(
        (words) => [
          () => [1, 2, 3].map(() => atomicAdd(words, WORD, 1)),
          () => {
            awaitEnd(0);
            return atomicLoad(words, WORD);
          },
        ],
        (_, [, seen]) => ends.set(seen, (ends.get(seen) ?? 0) + 1),
      ),
      mortal: 0,
    });
    expect(explore({ preemptions: 3, deaths: 1 }, start).schedules).toBe(3);
    expect([...ends]).toEqual([
      [3, 1],
      [2, 1],
      [1, 1],
    ]);
  });

  test('be played in random orders, of which the different ones are counted', () => {
    const { schedules } = sample({ count: 500, seed: 3 }, counters(3, 3));
    expect(schedules).toBe(20);
  });
});

test('outside of an exploration the model just does what it says', () => {
  const words = Int32Array.of(1, 2);
  expect(modelAtomics.atomicOr(words, 0, 4)).toBe(1);
  expect(modelAtomics.atomicExchange(words, 1, 9)).toBe(2);
  expect(modelAtomics.atomicCompareExchange(words, 0, 1, 7)).toBe(5);
  expect(modelAtomics.atomicCompareExchange(words, 0, 5, 7)).toBe(5);
  modelAtomics.plainStore(words, 1, modelAtomics.plainLoad(words, 1) + 1);
  expect([...words]).toEqual([7, 10]);
  const into = new Uint8Array(4);
  copyBytes(Uint8Array.of(1, 2, 3), into);
  expect([...into]).toEqual([1, 2, 3, 0]);
});
