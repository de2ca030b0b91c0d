import { describe, expect, test } from 'vitest';
import { writeOf } from './recording-sink.ts';
import { OPERATION, SyncQueue } from './sync-queue.ts';

const NAMES = ['write', 'free', 'fence'] as const;

function push(queue: SyncQueue, fileOffset: number, cookie: number, byteCount = 512): boolean {
  return queue.pushWrite(writeOf(fileOffset, { memoryOffset: 0, byteCount, cookie }));
}

function drained(queue: SyncQueue): string[] {
  const lines: string[] = [];
  while (queue.pop()) {
    const { operation, fileOffset, cookie, cancelled } = queue.entry;
    lines.push(`${NAMES[operation]} ${fileOffset} #${cookie}${cancelled ? ' cancelled' : ''}`);
  }
  return lines;
}

describe('the sync queue', () => {
  test('within a queue generation: writes by offset, then frees, then the fence', () => {
    const queue = new SyncQueue(16);
    queue.pushFree(512, 1);
    push(queue, 4096, 2);
    push(queue, 1024, 3);
    queue.pushFence(4);
    push(queue, 0, 5);
    queue.pushFree(0, 6);
    expect(drained(queue)).toEqual([
      'write 1024 #3',
      'write 4096 #2',
      'free 512 #1',
      'fence 0 #4',
      'write 0 #5',
      'free 0 #6',
    ]);
  });

  test('what is equal leaves in the order of its arrival', () => {
    const queue = new SyncQueue(16);
    for (let cookie = 0; cookie < 9; cookie += 1) queue.pushFree(512, cookie);
    expect(drained(queue)).toEqual(Array.from({ length: 9 }, (_, n) => `free 512 #${n}`));
  });

  test('offsets beyond 32 bits keep their order', () => {
    const queue = new SyncQueue(4);
    push(queue, 2 ** 40, 1);
    push(queue, 2 ** 32, 2);
    push(queue, 512, 3);
    expect(drained(queue)).toEqual([`write 512 #3`, `write ${2 ** 32} #2`, `write ${2 ** 40} #1`]);
  });

  test('a full queue pushes back, takes nothing and closes no generation', () => {
    const queue = new SyncQueue(2);
    expect(push(queue, 512, 1)).toBe(true);
    expect(push(queue, 1024, 2)).toBe(true);
    expect(push(queue, 1536, 3)).toBe(false);
    expect(queue.pushFree(1024, 4)).toBe(false);
    expect(queue.pushFence(5)).toBe(false);
    expect(queue.length).toBe(2);
    queue.pop();
    // Were the refused fence to have closed the generation, this write would sort behind the one at 1,024.
    expect(push(queue, 0, 6)).toBe(true);
    expect(drained(queue)).toEqual(['write 0 #6', 'write 1024 #2']);
  });

  test('counts what is queued: entries, fences, bytes of live writes', () => {
    const queue = new SyncQueue(8);
    push(queue, 0, 1, 4096);
    push(queue, 4096, 2, 512);
    queue.pushFence(3);
    expect([queue.length, queue.fences, queue.writeBytes]).toEqual([3, 1, 4608]);
    queue.cancelWrite(0, 1);
    expect([queue.length, queue.fences, queue.writeBytes]).toEqual([3, 1, 512]);
    while (queue.pop());
    expect([queue.length, queue.fences, queue.writeBytes]).toEqual([0, 0, 0]);
  });
});

describe('cancelling (I8)', () => {
  test('marks the write of that offset and cookie, once, and no other', () => {
    const queue = new SyncQueue(8);
    push(queue, 0, 1);
    push(queue, 512, 2);
    expect(queue.cancelWrite(0, 2)).toBe(false);
    expect(queue.cancelWrite(1024, 2)).toBe(false);
    expect(queue.cancelWrite(512, 2)).toBe(true);
    expect(queue.cancelWrite(512, 2)).toBe(false);
    expect(drained(queue)).toEqual(['write 0 #1', 'write 512 #2 cancelled']);
    expect(queue.cancelWrite(0, 1)).toBe(false);
  });

  test('finds a write of an earlier queue generation', () => {
    const queue = new SyncQueue(8);
    push(queue, 0, 1);
    queue.pushFence(2);
    expect(queue.cancelWrite(0, 1)).toBe(true);
    expect(drained(queue)).toEqual(['write 0 #1 cancelled', 'fence 0 #2']);
  });
});

describe('I8: overlapping writes of one queue generation are our own bug', () => {
  test('the same offset is refused when it is queued', () => {
    const queue = new SyncQueue(8);
    push(queue, 512, 1);
    expect(() => push(queue, 512, 2)).toThrow('I8');
  });

  test('a part of a block is noticed when the two leave', () => {
    const queue = new SyncQueue(8);
    push(queue, 0, 1, 4096);
    push(queue, 8192, 2, 4096);
    push(queue, 3584, 3, 512);
    queue.pop();
    expect(() => queue.pop()).toThrow('I8');
  });

  test('so is one that follows a write just landed, with no fence in between', () => {
    const queue = new SyncQueue(8);
    push(queue, 512, 1);
    queue.pop();
    push(queue, 512, 2);
    expect(() => queue.pop()).toThrow('I8');
  });

  test('across a fence, after a cancelled write, and side by side they are fine', () => {
    const queue = new SyncQueue(8);
    push(queue, 0, 1, 4096);
    queue.cancelWrite(0, 1);
    push(queue, 0, 2, 4096);
    push(queue, 4096, 3, 4096);
    queue.pushFence(4);
    push(queue, 0, 5, 4096);
    expect(drained(queue)).toHaveLength(5);
  });

  test('a write that comes after higher ones have left is fine', () => {
    const queue = new SyncQueue(8);
    push(queue, 8192, 1);
    queue.pop();
    push(queue, 0, 2);
    expect(drained(queue)).toEqual(['write 0 #2']);
  });

  test('overlapsWrite sees live writes only, to the byte', () => {
    const queue = new SyncQueue(8);
    push(queue, 512, 1, 512);
    queue.pushFree(4096, 2);
    expect(queue.overlapsWrite(0, 512)).toBe(false);
    expect(queue.overlapsWrite(0, 513)).toBe(true);
    expect(queue.overlapsWrite(1023, 1)).toBe(true);
    expect(queue.overlapsWrite(1024, 9999)).toBe(false);
    queue.cancelWrite(512, 1);
    expect(queue.overlapsWrite(0, 9999)).toBe(false);
  });

  test('the order of operations is what their numbers say', () => {
    expect(OPERATION.write < OPERATION.free && OPERATION.free < OPERATION.fence).toBe(true);
  });
});
