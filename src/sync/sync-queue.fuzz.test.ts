import fc from 'fast-check';
import { test } from 'vitest';
import { assert } from '../base/assert.ts';
import { scaled } from '../sim/scale.ts';
import { writeOf } from './recording-sink.ts';
import { SyncQueue } from './sync-queue.ts';

interface Entry {
  readonly rank: number;
  readonly fileOffset: number;
  readonly cookie: number;
  cancelled: boolean;
}

/** The same queue as an array that is sorted at every pop. */
class SortedModel {
  readonly entries: Entry[] = [];
  private readonly writtenSinceFence = new Set<number>();
  private generation = 0;

  push(operation: number, fileOffset: number, cookie: number): void {
    const rank = this.generation * 3 + operation;
    this.entries.push({ rank, fileOffset, cookie, cancelled: false });
    if (operation === 0) this.writtenSinceFence.add(fileOffset);
    if (operation !== 2) return;
    this.writtenSinceFence.clear();
    this.generation += 1;
  }

  /** Cookies rise, so they stand for the order of arrival. */
  pop(): Entry | undefined {
    this.entries.sort(
      (a, b) => a.rank - b.rank || a.fileOffset - b.fileOffset || a.cookie - b.cookie,
    );
    return this.entries.shift();
  }

  /** No address is written twice without a fence in between (I8), so the test must not either. */
  mayWrite(fileOffset: number): boolean {
    return !this.writtenSinceFence.has(fileOffset);
  }
}

const FULL = 'a queue takes exactly its capacity';

const command = fc.tuple(
  fc.constantFrom('write', 'write', 'write', 'free', 'fence', 'cancel', 'pop', 'pop'),
  fc.nat({ max: 40 }),
);

test('the heap and a sorted array agree (replay: give fc.assert the seed and path below)', () => {
  fc.assert(
    fc.property(
      fc.array(command, { maxLength: 120, size: 'max' }),
      fc.integer({ min: 1, max: 40 }),
      agree,
    ),
    { numRuns: scaled(1500) },
  );
});

function agree(commands: [string, number][], capacity: number): void {
  const queue = new SyncQueue(capacity);
  const model = new SortedModel();
  commands.forEach(([verb, number], cookie) => {
    const fileOffset = number * 2 ** 34;
    const full = model.entries.length === capacity;
    if (verb === 'write' && model.mayWrite(fileOffset)) {
      const request = writeOf(fileOffset, { memoryOffset: 0, byteCount: 512, cookie });
      assert(queue.pushWrite(request) === !full, FULL);
      if (!full) model.push(0, fileOffset, cookie);
    } else if (verb === 'free') {
      assert(queue.pushFree(fileOffset, cookie) === !full, FULL);
      if (!full) model.push(1, fileOffset, cookie);
    } else if (verb === 'fence') {
      assert(queue.pushFence(cookie) === !full, FULL);
      if (!full) model.push(2, 0, cookie);
    } else if (verb === 'cancel') {
      cancelInBoth(queue, model, number);
    } else if (verb === 'pop') {
      popFromBoth(queue, model);
    }
    assert(queue.length === model.entries.length, 'the length is exact');
  });
  while (model.entries.length > 0) popFromBoth(queue, model);
  assert(!queue.pop(), 'an empty queue has nothing');
}

function cancelInBoth(queue: SyncQueue, model: SortedModel, number: number): void {
  const target = model.entries[number % Math.max(1, model.entries.length)];
  if (target === undefined) return;
  const live = target.rank % 3 === 0 && !target.cancelled;
  const found = queue.cancelWrite(target.fileOffset, target.cookie);
  assert(found === live, 'a live write is cancelled, once');
  if (live) target.cancelled = true;
}

function popFromBoth(queue: SyncQueue, model: SortedModel): void {
  const expected = model.pop();
  assert(queue.pop() === (expected !== undefined), 'pop tells whether there was something');
  if (expected === undefined) return;
  const { operation, fileOffset, cookie, cancelled } = queue.entry;
  assert(operation === expected.rank % 3, 'I8: write < free < fence');
  assert(fileOffset === expected.fileOffset, 'by offset');
  assert(cookie === expected.cookie, 'what is equal leaves in the order of its arrival');
  assert(cancelled === expected.cancelled, 'only the cancelled are cancelled');
}
