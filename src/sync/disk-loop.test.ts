import { describe, expect, test } from 'vitest';
import { byteCount, type DiskIndex } from '../base/brand.ts';
import { DiskLoop } from './disk-loop.ts';
import { RecordingDevice } from './recording-device.ts';
import { loadOf, pointerTo, RecordingSink, sumMatches, writeOf } from './recording-sink.ts';

const BLOCK = 16_384;
const KIB = 1024;
const faultOfSize = {
  kind: 'io',
  operation: 'size',
  offset: 0,
  expected: 0,
  actual: 0,
  detail: '',
};

interface Bench {
  readonly device: RecordingDevice;
  readonly memory: { readonly bytes: Uint8Array };
  readonly loop: DiskLoop;
  readonly sink: RecordingSink;
  /** Queues memory slot `slot`, filled with `slot`, for block `block` of the file; the cookie is the slot. */
  write(slot: number, block: number): void;
  load(slot: number, block: number, bytes?: Uint8Array): void;
  free(cookie: number, block: number, mayCancel: boolean): void;
  run(): string[];
}

function bench(options: { slots?: number; blocks?: number; queueEntries?: number } = {}): Bench {
  const { slots = 256, blocks = 1024, queueEntries = 1024 } = options;
  const device = new RecordingDevice(blocks * BLOCK);
  const memory = { bytes: new Uint8Array(slots * BLOCK) };
  const disk = 0 as DiskIndex;
  const verify = sumMatches;
  const loop = new DiskLoop({ disk, device, memory, verify, blockBytes: BLOCK, queueEntries });
  const sink = new RecordingSink();
  return {
    device,
    memory,
    loop,
    sink,
    write(slot, block) {
      const memoryOffset = slot * BLOCK;
      memory.bytes.fill(slot, memoryOffset, memoryOffset + BLOCK);
      const request = { memoryOffset, byteCount: BLOCK, cookie: slot };
      expect(loop.pushWrite(writeOf(block * BLOCK, request))).toBe(true);
    },
    load(slot, block, bytes = device.bytes.slice(block * BLOCK, (block + 1) * BLOCK)) {
      const request = { memoryOffset: slot * BLOCK, pointer: pointerTo(bytes), cookie: slot };
      expect(loop.pushLoad(loadOf(block * BLOCK, request))).toBe(true);
    },
    free(cookie, block, mayCancel) {
      loop.pushFree({ fileOffset: byteCount(block * BLOCK), cookie, mayCancel });
    },
    run() {
      while (loop.step());
      loop.completions.deliver(sink);
      return sink.lines();
    },
  };
}

describe('coalescing writes', () => {
  test('256 neighbours of 16 KiB, queued in any order, are 4 writes of 1 MiB', () => {
    const { device, loop, write, run } = bench();
    for (let n = 0; n < 256; n += 1) write(n, (n * 37) % 256);
    expect(run()).toHaveLength(256);
    const lengths = device.callsOf('write').map(({ length }) => length);
    expect(lengths).toEqual([1, 1, 1, 1].map((mib) => mib * KIB * KIB));
    expect(loop.counters()).toMatchObject({ writes: 4, blocksWritten: 256, bytesWritten: 2 ** 22 });
    for (let n = 0; n < 256; n += 1) {
      expect(device.bytes[((n * 37) % 256) * BLOCK]).toBe(n);
      expect(device.bytes[((n * 37) % 256) * BLOCK + BLOCK - 1]).toBe(n);
    }
  });

  test('neighbours in the file and in memory are written where they lie, without a copy', () => {
    const { device, memory, write, run } = bench();
    const seen: ArrayBufferLike[] = [];
    const write0 = device.write.bind(device);
    device.write = (from, offset) => {
      seen.push(from.buffer);
      return write0(from, offset);
    };
    for (let n = 10; n < 20; n += 1) write(n, n);
    run();
    expect(seen).toEqual([memory.bytes.buffer]);
  });

  test('scattered blocks are not merged, and those between them are left alone', () => {
    const { device, write, run } = bench();
    device.bytes.fill(0xee);
    for (let n = 0; n < 8; n += 1) write(n, n * 2);
    run();
    expect(device.callsOf('write')).toHaveLength(8);
    for (let n = 0; n < 16; n += 1) {
      expect(device.bytes[n * BLOCK]).toBe(n % 2 === 0 ? n / 2 : 0xee);
    }
  });

  test('requests of odd lengths join too, and end a run when they leave a gap', () => {
    const { device, loop, run } = bench();
    const push = (fileOffset: number, bytes: number, cookie: number) =>
      loop.pushWrite(
        writeOf(fileOffset, { memoryOffset: cookie * BLOCK, byteCount: bytes, cookie }),
      );
    push(0, 700, 1);
    push(700, 300, 2);
    push(1024, 512, 3);
    run();
    const calls = device.callsOf('write').map(({ offset, length }) => [offset, length]);
    expect(calls).toEqual([
      [0, 1000],
      [1024, 512],
    ]);
  });

  test('longer and shorter requests than a block keep a run to its limits', () => {
    const { device, memory, loop, run } = bench();
    const push = (fileOffset: number, bytes: number, cookie: number) =>
      loop.pushWrite(writeOf(fileOffset, { memoryOffset: fileOffset, byteCount: bytes, cookie }));
    for (let at = 0; at < memory.bytes.length; at += 512) memory.bytes[at] = (at / 512) % 251;
    for (let n = 0; n < 100; n += 1) push(n * 512, 512, n);
    for (let n = 0; n < 40; n += 1) push(2 ** 20 + n * 65_536, 65_536, 100 + n);
    expect(run()).toHaveLength(140);
    const lengths = device.callsOf('write').map(({ length }) => length);
    expect(lengths).toEqual([64 * 512, 36 * 512, 2 ** 20, 2 ** 20, 2 ** 19]);
    for (const [from, to] of [
      [0, 100 * 512],
      [2 ** 20, 2 ** 20 + 40 * 65_536],
    ] as const) {
      expect(Buffer.compare(device.bytes.subarray(from, to), memory.bytes.subarray(from, to))).toBe(
        0,
      );
    }
  });

  test('a run ends at a fence: the next generation waits for its flush', () => {
    const { device, loop, write, run } = bench();
    write(1, 1);
    loop.pushFence(100);
    write(2, 2);
    loop.pushFence(101);
    expect(run()).toEqual(['written 1 ok', 'fenced 100 ok', 'written 2 ok', 'fenced 101 ok']);
    const operations = device.calls.map(({ operation }) => operation);
    expect(operations).toEqual(['write', 'flush', 'write', 'flush']);
  });

  test('a request outside the memory is our own bug, not a shorter write', () => {
    const { loop } = bench({ slots: 1 });
    const request = writeOf(0, { memoryOffset: 1, byteCount: BLOCK, cookie: 1 });
    expect(() => loop.pushWrite(request)).toThrow('inside the memory');
  });
});

describe('I8: what leaves, when, and what is skipped', () => {
  test('the write lands, then the free completes, then the fence', () => {
    const { loop, write, free, run } = bench();
    loop.pushFence(90);
    write(7, 3);
    free(7, 3, false);
    write(8, 2);
    loop.pushFence(91);
    expect(run()).toEqual([
      'fenced 90 ok',
      'written 8 ok',
      'written 7 ok',
      'freed 7 ok',
      'fenced 91 ok',
    ]);
  });

  test('a write is skipped only if it may be, and is the one that the free names', () => {
    const { device, loop, write, free, run } = bench();
    for (let n = 1; n <= 4; n += 1) write(n, n);
    free(1, 1, true);
    free(2, 2, false);
    free(99, 3, true);
    expect(run()).toEqual([
      'written 1 skipped',
      'written 2 ok',
      'written 3 ok',
      'written 4 ok',
      'freed 1 ok',
      'freed 2 ok',
      'freed 99 ok',
    ]);
    expect(device.callsOf('write')).toMatchObject([{ offset: 2 * BLOCK, length: 3 * BLOCK }]);
    expect(device.bytes[BLOCK]).toBe(0);
    expect(loop.counters()).toMatchObject({ skipped: 1, blocksWritten: 3 });
  });

  test('a skipped write inside a run splits it', () => {
    const { device, write, free, run } = bench();
    device.bytes.fill(0xee);
    for (let n = 0; n < 5; n += 1) write(n, n);
    free(2, 2, true);
    run();
    expect(device.callsOf('write').map(({ offset }) => offset / BLOCK)).toEqual([0, 3]);
    expect(device.bytes[2 * BLOCK]).toBe(0xee);
  });

  test('a write that has landed is not undone by a free that may cancel', () => {
    const { loop, write, free, run } = bench();
    write(1, 1);
    loop.step();
    free(1, 1, true);
    expect(run()).toEqual(['written 1 ok', 'freed 1 ok']);
  });
});

describe('fences', () => {
  test('the first one always flushes: an earlier session may have left something', () => {
    const { device, loop, run } = bench();
    loop.pushFence(1);
    run();
    expect(device.callsOf('flush')).toHaveLength(1);
  });

  test('a fence with nothing written since the last flush spares the call', () => {
    const { device, loop, write, run } = bench();
    loop.pushFence(1);
    loop.pushFence(2);
    write(1, 1);
    loop.pushFence(3);
    loop.pushFence(4);
    expect(run()).toHaveLength(5);
    expect(device.callsOf('flush')).toHaveLength(2);
    expect(loop.counters()).toMatchObject({ flushes: 2, flushesSpared: 2 });
  });

  test('a new length is flushed like a write', () => {
    const { device, loop, run } = bench();
    loop.pushFence(1);
    run();
    expect(loop.resize(2048 * BLOCK)).toBeUndefined();
    loop.pushFence(2);
    run();
    expect(device.callsOf('flush')).toHaveLength(2);
  });
});

describe('I12: the first failed write or flush ends writing', () => {
  const failOnce = (device: RecordingDevice, operation: string, nth: number) => {
    let seen = 0;
    device.failing = (call) => call.operation === operation && ++seen === nth;
  };

  test('after a failed write nothing is written or flushed; all are told the first fault', () => {
    const { device, loop, sink, write, free, run } = bench();
    failOnce(device, 'write', 2);
    write(1, 1);
    write(2, 5);
    write(3, 9);
    free(4, 4, false);
    loop.pushFence(50);
    write(5, 11);
    loop.pushFence(51);
    expect(run()).toEqual([
      'written 1 ok',
      'written 2 io',
      'written 3 io',
      'freed 4 io',
      'fenced 50 io',
      'written 5 io',
      'fenced 51 io',
    ]);
    expect(device.callsOf('write')).toHaveLength(2);
    expect(device.callsOf('flush')).toHaveLength(0);
    const outcomes = new Set(sink.completions.slice(1).map(({ outcome }) => outcome));
    expect([...outcomes]).toEqual([loop.fault]);
    expect(loop.fault).toMatchObject({ operation: 'write', offset: 5 * BLOCK });
  });

  test('all blocks of a failed run fail: any part of it may have been written', () => {
    const { device, write, run } = bench();
    failOnce(device, 'write', 1);
    for (let n = 0; n < 3; n += 1) write(n, n);
    expect(run()).toEqual(['written 0 io', 'written 1 io', 'written 2 io']);
  });

  test('a failed flush is not retried, by the next fence either', () => {
    const { device, loop, write, run } = bench();
    failOnce(device, 'flush', 1);
    write(1, 1);
    loop.pushFence(50);
    loop.pushFence(51);
    write(2, 2);
    loop.pushFence(52);
    expect(run()).toEqual([
      'written 1 ok',
      'fenced 50 io',
      'fenced 51 io',
      'written 2 io',
      'fenced 52 io',
    ]);
    expect(device.callsOf('flush')).toHaveLength(1);
    expect(device.callsOf('write')).toHaveLength(1);
    expect(loop.resize(1)).toBe(loop.fault);
  });

  test('loads go on', () => {
    const { device, loop, sink, write, load, run } = bench();
    failOnce(device, 'flush', 1);
    write(1, 1);
    loop.pushFence(50);
    run();
    load(2, 1);
    expect(run().at(-1)).toBe('loaded 2 ok');
    expect(sink.completions.at(-1)?.cookie).toBe(2);
  });

  test('neither a failed load nor a failed resize poisons the disk', () => {
    const { device, loop, write, load, run } = bench();
    device.failing = ({ operation }) => operation === 'read' || operation === 'resize';
    load(1, 1);
    expect(run()).toEqual(['loaded 1 short']);
    expect(loop.resize(2 ** 30)).toBeDefined();
    expect(loop.fault).toBeUndefined();
    write(2, 2);
    loop.pushFence(3);
    expect(run().slice(1)).toEqual(['written 2 ok', 'fenced 3 ok']);
  });
});

describe('loads', () => {
  const filled = (options?: { slots?: number; blocks?: number }) => {
    const made = bench(options);
    for (let n = 0; n < made.device.bytes.length / BLOCK; n += 1) {
      made.device.bytes.fill(n + 1, n * BLOCK, (n + 1) * BLOCK);
    }
    return made;
  };

  test('come first, whatever is queued', () => {
    const { loop, write, load, run } = filled();
    write(1, 1);
    loop.pushFence(50);
    load(2, 9);
    expect(run()).toEqual(['loaded 2 ok', 'written 1 ok', 'fenced 50 ok']);
  });

  test('neighbours asked for together are reads of at most 256 KiB, each to its own place', () => {
    const { device, memory, loop, load, run } = filled();
    for (let n = 0; n < 40; n += 1) load((n * 7) % 40, 100 + n);
    expect(run().every((line) => line.endsWith('ok'))).toBe(true);
    const lengths = device.callsOf('read').map(({ length }) => length / KIB);
    expect(lengths).toEqual([256, 256, 128]);
    expect(loop.counters()).toMatchObject({ reads: 3, blocksRead: 40 });
    for (let n = 0; n < 40; n += 1) {
      const at = ((n * 7) % 40) * BLOCK;
      expect(memory.bytes[at]).toBe(101 + n);
      expect(memory.bytes[at + BLOCK - 1]).toBe(101 + n);
    }
  });

  test('neighbours in memory too are read straight into their slots', () => {
    const { device, memory, load, run } = filled();
    const seen: ArrayBufferLike[] = [];
    const read = device.read.bind(device);
    device.read = (into, offset) => {
      seen.push(into.buffer);
      return read(into, offset);
    };
    for (let n = 0; n < 5; n += 1) load(n, 100 + n);
    run();
    expect(seen).toEqual([memory.bytes.buffer]);
    expect([0, 1, 2, 3, 4].map((n) => memory.bytes[n * BLOCK])).toEqual([101, 102, 103, 104, 105]);
  });

  test('scattered ones are not merged', () => {
    const { device, load, run } = filled();
    for (let n = 0; n < 4; n += 1) load(n, n * 2);
    run();
    expect(device.callsOf('read').map(({ offset }) => offset / BLOCK)).toEqual([0, 2, 4, 6]);
  });

  test('I2: one corrupt block is told apart from its neighbours', () => {
    const { device, load, run } = filled();
    for (const [slot, block] of [
      [3, 10],
      [1, 11],
      [2, 12],
    ] as const) {
      load(slot, block);
    }
    device.bytes[11 * BLOCK + 5000] = 77;
    expect(run()).toEqual(['loaded 3 ok', 'loaded 1 corrupt', 'loaded 2 ok']);
    expect(device.callsOf('read')).toHaveLength(1);
  });

  test('a block behind the end of the file fails alone, not its neighbours', () => {
    const { device, load, run } = filled({ blocks: 12 });
    load(1, 10);
    load(2, 11);
    load(3, 12, new Uint8Array(BLOCK));
    expect(run()).toEqual(['loaded 1 ok', 'loaded 2 ok', 'loaded 3 short']);
    expect(device.callsOf('read')).toHaveLength(4);
  });

  test('one address may be asked for under two pointers: an old one and the right one', () => {
    const { load, run } = filled();
    load(1, 5, new Uint8Array(BLOCK));
    load(2, 5);
    load(3, 6);
    expect(run()).toEqual(['loaded 1 corrupt', 'loaded 3 ok', 'loaded 2 ok']);
  });

  test('the sweep goes up and starts again: newcomers at one end starve nobody', () => {
    const { loop, sink, load } = filled();
    load(1, 500);
    loop.step();
    load(2, 900);
    load(3, 300);
    for (let n = 0; n < 4; n += 1) {
      load(10 + n, 2 * n);
      loop.step();
    }
    while (loop.step());
    loop.completions.deliver(sink);
    expect(sink.completions.map(({ cookie }) => cookie)).toEqual([1, 2, 10, 11, 12, 13, 3]);
  });
});

test('a file that does not tell its length is counted with the last one known', () => {
  const { device, loop } = bench();
  expect(loop.size()).toBe(1024 * BLOCK);
  const fault = { ...faultOfSize, file: device.file };
  device.size = () => fault as never;
  expect(loop.size()).toBe(fault);
  expect(loop.counters().fileBytes).toBe(1024 * BLOCK);
});

test('a loop whose completions are not taken stops, and goes on when they are', () => {
  const device = new RecordingDevice(64 * BLOCK);
  const memory = { bytes: new Uint8Array(16 * BLOCK) };
  const loop = new DiskLoop({
    disk: 0 as DiskIndex,
    device,
    memory,
    verify: sumMatches,
    blockBytes: BLOCK,
    completionsMax: 4,
  });
  for (let n = 0; n < 10; n += 1) {
    loop.pushWrite(writeOf(n * BLOCK, { memoryOffset: n * BLOCK, byteCount: BLOCK, cookie: n }));
  }
  const sink = new RecordingSink();
  const delivered: number[] = [];
  for (let round = 0; round < 4; round += 1) {
    while (loop.step());
    delivered.push(loop.completions.deliver(sink));
  }
  expect(delivered).toEqual([4, 4, 2, 0]);
  expect(sink.completions.map(({ cookie }) => cookie)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});
