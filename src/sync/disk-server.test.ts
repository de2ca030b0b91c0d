import { describe, expect, test } from 'vitest';
import { byteCount, type DiskIndex, type SlotIndex } from '../base/brand.ts';
import { Cache } from '../cache/cache.ts';
import { CacheReader } from '../cache/cache-reader.ts';
import type { DeviceFault } from '../device/device.ts';
import type { Pointer } from '../format/pointer.ts';
import { atomicStore, plainStore } from '../shared/atomics.ts';
import { SLOT_STATE, SLOT_STATUS, SLOT_WORDS, statusOf } from '../shared/cache-layout.ts';
import { COMPLETION_CELLS, REQUEST_CELLS, SESSION } from '../shared/control-layout.ts';
import { DiskPageReader } from '../shared/disk-page.ts';
import { describeSession } from '../shared/session-memory.ts';
import { MissClient } from '../sim/miss-client.ts';
import { SteppedPort, SteppedThreads } from '../sim/stepped-threads.ts';
import { RecordingDevice } from './recording-device.ts';
import { loadOf, pointerTo, RecordingSink, sumMatches, writeOf } from './recording-sink.ts';

const BLOCK = 4096;
const SLOTS = 64;
const CELLS = 8;
const DISK = 1 as DiskIndex;

/** Pointers by block number: an address each, and the hash of what the file has there now. */
function pointerOf(device: RecordingDevice, block: number): Pointer {
  const bytes = device.bytes.slice(block * BLOCK, (block + 1) * BLOCK);
  return { ...pointerTo(bytes), address: (block * BLOCK) as Pointer['address'] };
}

function bench() {
  const device = new RecordingDevice(256 * BLOCK);
  for (let block = 0; block < 256; block += 1) {
    device.bytes.fill(block + 1, block * BLOCK, (block + 1) * BLOCK);
  }
  const threads = new SteppedThreads({ cacheBytes: SLOTS * BLOCK, blockBytesMin: BLOCK });
  const { words, control, bytes } = threads.memory;
  const geometry = { blockBytes: BLOCK, slotCount: SLOTS, diskCount: 2, mailboxCells: CELLS };
  describeSession(threads.memory, geometry);
  const cacheWords = words.subarray(control.cache);
  const memory = { bytes };
  const cache = new Cache({ blockBytes: BLOCK, slotCount: SLOTS, memory, control: cacheWords });
  const server = threads.start({ disk: DISK, device, verifier: () => sumMatches });
  const link = threads.link(DISK, device);
  const port = new SteppedPort(link, threads);
  expect(port.configure({ blockBytes: BLOCK, hashDomain: new Uint8Array(16) })).toBeUndefined();
  device.calls.length = 0;
  const sink = new RecordingSink();
  const reader = new CacheReader({ layout: cache.layout, control: cacheWords, memory });
  const write = (slot: number, block: number) => {
    bytes.fill(0xa0 + slot, slot * BLOCK, (slot + 1) * BLOCK);
    const memoryOffset = slot * BLOCK;
    port.write(writeOf(block * BLOCK, { memoryOffset, byteCount: BLOCK, cookie: slot }));
  };
  return { device, threads, words, bytes, cache, server, link, port, sink, reader, write };
}

type Bench = ReturnType<typeof bench>;

class Client extends MissClient {
  constructor(of: Bench, client: number) {
    const geometry = { blockBytes: BLOCK, diskCount: 2, cellCount: CELLS };
    super({ memory: of.threads.memory, client, disk: DISK, ...geometry });
  }

  override post(pointer: Pointer, fileOffset: number = pointer.address): number {
    return super.post(pointer, fileOffset);
  }
}

describe('what clients miss', () => {
  test('I2: is read, verified and answered in its own cell and landing place', () => {
    const of = bench();
    const [first, second] = [new Client(of, 0), new Client(of, 7)];
    const cells = [first.post(pointerOf(of.device, 5)), first.post(pointerOf(of.device, 9))];
    const other = second.post(pointerOf(of.device, 5));
    expect(first.outcome(cells[0] as number)).toBe('pending');
    of.threads.runAll();
    expect(cells.map((cell) => first.outcome(cell))).toEqual(['ok', 'ok']);
    expect(cells.map((cell) => first.landed(cell)[17])).toEqual([6, 10]);
    expect([second.outcome(other), second.landed(other)[BLOCK - 1]]).toEqual(['ok', 6]);
  });

  test('neighbours asked for together are one read, and one ring of the client’s bell', () => {
    const of = bench();
    const client = new Client(of, 2);
    const bell = client.bell.value;
    for (let block = 0; block < CELLS; block += 1) client.post(pointerOf(of.device, 20 + block));
    of.threads.runAll();
    expect(of.device.callsOf('read')).toHaveLength(1);
    expect(client.bell.value).toBe(bell + 1);
    expect(of.sink.lines()).toEqual([]);
    expect(of.port.poll(of.sink)).toBe(0);
  });

  test('I2: what is not the pointer’s block is corrupt, and not cached', () => {
    const of = bench();
    const slot = of.cache.lend() as SlotIndex;
    of.port.lend(slot);
    const client = new Client(of, 0);
    const pointer = { ...pointerOf(of.device, 5), hashLow: 1 };
    const cell = client.post(pointer);
    of.threads.runAll();
    expect(client.outcome(cell)).toBe('corrupt');
    expect(of.port.poll(of.sink)).toBe(0);
    expect(of.cache.status(slot)).toBe(SLOT_STATUS.owned);
  });

  test('what cannot be read is a fault; an offset that is none is not even tried', () => {
    const of = bench();
    const client = new Client(of, 0);
    const behind = client.post(pointerOf(of.device, 5), 1000 * BLOCK);
    const nonsense = client.post(pointerOf(of.device, 5));
    // The upper half of the file offset, as only a torn cell could have it.
    plainStore(of.words, client.mailbox.payloadOf(nonsense) + 3, -1);
    of.threads.runAll();
    expect([client.outcome(behind), client.outcome(nonsense)]).toEqual(['fault', 'corrupt']);
    expect(of.device.callsOf('read').map(({ offset }) => offset)).toEqual([1000 * BLOCK]);
  });

  test('fills a lent slot, which the store adopts; the next one finds it there', () => {
    const of = bench();
    const slot = of.cache.lend() as SlotIndex;
    of.port.lend(slot);
    const client = new Client(of, 0);
    const pointer = pointerOf(of.device, 5);
    client.post(pointer);
    client.post(pointerOf(of.device, 90));
    of.threads.runAll();
    const into = new Uint8Array(BLOCK);
    expect(of.reader.copy(pointer, into)).toBe(false);
    expect(of.port.outstanding).toBe(0);
    expect(of.port.poll(of.sink)).toBe(1);
    expect(of.sink.lines()).toEqual([`filled ${slot} ok`]);
    expect(of.cache.pointerOf(slot)).toEqual(pointer);
    of.cache.adopt(slot);
    expect(of.cache.checkInvariants()).toBeUndefined();
    expect([of.reader.copy(pointer, into), into[9]]).toEqual([true, 6]);
    of.device.calls.length = 0;
    const again = client.post(pointer);
    of.threads.runAll();
    expect([client.outcome(again), client.landed(again)[9]]).toEqual(['ok', 6]);
    expect(of.device.calls).toEqual([]);
  });

  test('I2: a lent slot can be read only after the bytes and the key are in it', () => {
    const of = bench();
    const slot = of.cache.lend() as SlotIndex;
    of.port.lend(slot);
    const { bytes, words } = of;
    const { control } = of.threads.memory;
    const at = control.cache + of.cache.layout.slotsStart + slot * SLOT_WORDS + SLOT_STATE;
    const copied: number[] = [];
    bytes.copyWithin = (target, start, end) => {
      copied.push(statusOf(words[at] as number));
      return Uint8Array.prototype.copyWithin.call(bytes, target, start, end) as never;
    };
    new Client(of, 0).post(pointerOf(of.device, 5));
    of.threads.runAll();
    expect(copied).toEqual([SLOT_STATUS.owned]);
    expect(of.cache.status(slot)).toBe(SLOT_STATUS.clean);
  });

  test('a block that is dirty and not on the disk yet comes from the cache', () => {
    const of = bench();
    const slot = of.cache.pluck() as SlotIndex;
    of.cache.bytesOf(slot).fill(0x77);
    const pointer = { ...pointerTo(of.cache.bytesOf(slot)), address: (7 * BLOCK) as never };
    of.cache.insertDirty(slot, pointer);
    of.port.write(writeOf(7 * BLOCK, { memoryOffset: slot * BLOCK, byteCount: BLOCK, cookie: 1 }));
    const client = new Client(of, 0);
    const cell = client.post(pointer);
    of.threads.runAll();
    expect([client.outcome(cell), client.landed(cell)[5]]).toEqual(['ok', 0x77]);
    expect(of.device.calls).toEqual([]);
  });

  test('is served before writes and a flush that were queued earlier', () => {
    const of = bench();
    for (let n = 0; n < 10; n += 1) of.write(n, 100 + 2 * n);
    of.port.fence(99);
    const client = new Client(of, 0);
    const cell = client.post(pointerOf(of.device, 5));
    of.server.step();
    expect(client.outcome(cell)).toBe('ok');
    expect(of.device.calls.map(({ operation }) => operation)).toEqual(['read']);
    of.threads.runAll();
    expect(of.device.callsOf('flush')).toHaveLength(1);
  });

  test('never waits for the store: a full completion ring holds nobody up', () => {
    const of = bench();
    for (let n = 0; n < COMPLETION_CELLS + 300; n += 1) {
      of.port.fence(n);
      if (n % 500 === 0) of.threads.settle();
    }
    of.threads.settle();
    const client = new Client(of, 0);
    const cell = client.post(pointerOf(of.device, 5));
    of.threads.runAll();
    expect(client.outcome(cell)).toBe('ok');
    while (of.port.outstanding > 0) of.port.wait(of.sink);
    const cookies = of.sink.completions.map(({ cookie }) => cookie);
    expect(cookies).toEqual(Array.from({ length: COMPLETION_CELLS + 300 }, (_, n) => n));
  });

  test('the cells of a dead client are answered to nobody, and its successor takes them back', () => {
    const of = bench();
    const dead = new Client(of, 3);
    for (let block = 0; block < CELLS; block += 1) dead.post(pointerOf(of.device, block));
    const heir = new Client(of, 3);
    expect(heir.mailbox.claim()).toBe(-1);
    of.threads.runAll();
    heir.mailbox.adopt();
    const cells = Array.from({ length: CELLS }, () => heir.post(pointerOf(of.device, 200)));
    expect(new Set(cells).size).toBe(CELLS);
    of.threads.runAll();
    for (const cell of cells) {
      expect([heir.outcome(cell), heir.landed(cell)[0]]).toEqual(['ok', 201]);
    }
  });

  test('I8: the store hears of a filled slot before it hears that its block was overwritten', () => {
    const of = bench();
    const slot = of.cache.lend() as SlotIndex;
    of.port.lend(slot);
    new Client(of, 0).post(pointerOf(of.device, 5));
    of.write(20, 5);
    of.port.fence(9);
    of.threads.runAll();
    of.port.poll(of.sink);
    expect(of.sink.lines()).toEqual([`filled ${slot} ok`, 'written 20 ok', 'fenced 9 ok']);
  });

  test('is refused once the file is closed', () => {
    const of = bench();
    const client = new Client(of, 0);
    of.threads.runAll();
    const cell = client.post(pointerOf(of.device, 5));
    of.port.close();
    expect(client.outcome(cell)).toBe('corrupt');
    expect(of.server.closed).toBe(true);
  });
});

describe('the store’s thread is woken', () => {
  /** How often its bell rings while the disk does all that it has to do. */
  function rings(of: Bench): number {
    const before = of.link.bell.value;
    of.threads.settle();
    return of.link.bell.value - before;
  }

  /** As many writes as the disk does not keep back. */
  function writeMuch(of: Bench): void {
    for (let n = 0; n < 2 ** 20 / BLOCK; n += 1) of.write(n % SLOTS, n);
  }

  test('once for a transaction’s writes and their fence', () => {
    const of = bench();
    writeMuch(of);
    of.port.fence(1);
    expect(rings(of)).toBe(1);
    expect(of.device.callsOf('flush')).toHaveLength(1);
  });

  test('not for writes that have landed, which it finds when it looks', () => {
    const of = bench();
    writeMuch(of);
    expect(rings(of)).toBe(0);
    expect(of.device.callsOf('write').length).toBeGreaterThan(0);
    expect(of.port.poll(of.sink)).toBe(2 ** 20 / BLOCK);
  });

  test('for a write that has landed, while it waits for anything at all', () => {
    const of = bench();
    of.write(1, 50);
    expect(of.port.wait(of.sink)).toBe(1);
    expect(of.sink.lines()).toEqual(['written 1 ok']);
    of.link.beginWaiting();
    writeMuch(of);
    expect(rings(of)).toBeGreaterThan(0);
    of.link.endWaiting();
    writeMuch(of);
    expect(rings(of)).toBe(0);
  });

  test('I12: for a write that has failed', () => {
    const of = bench();
    of.device.failing = ({ operation }) => operation === 'write';
    writeMuch(of);
    expect(rings(of)).toBeGreaterThan(0);
  });

  test('for a block that was given up, and for one that was loaded', () => {
    const of = bench();
    const pointer = pointerOf(of.device, 5);
    of.port.load(loadOf(5 * BLOCK, { memoryOffset: 0, pointer, cookie: 7 }));
    expect(rings(of)).toBe(1);
    of.port.free({ fileOffset: byteCount(60 * BLOCK), cookie: 2, mayCancel: false });
    of.port.fence(3);
    expect(rings(of)).toBeGreaterThan(0);
  });

  test('for room in a full ring of requests, and in no other', () => {
    const of = bench();
    for (let n = 0; n < REQUEST_CELLS - 1; n += 1) of.port.lend(0 as SlotIndex);
    expect(rings(of)).toBe(0);
    for (let n = 0; n < REQUEST_CELLS; n += 1) of.port.lend(0 as SlotIndex);
    expect(rings(of)).toBe(1);
  });

  test('for a full ring of completions, which it alone can empty', () => {
    const of = bench();
    for (let n = 0; n < COMPLETION_CELLS / (2 ** 20 / BLOCK); n += 1) {
      writeMuch(of);
      expect(rings(of)).toBe(0);
    }
    writeMuch(of);
    expect(rings(of)).toBeGreaterThan(0);
    while (of.port.poll(of.sink) > 0);
    expect(of.port.outstanding).toBe(0);
  });

  test('for what it loads, several together, and for the last', () => {
    const of = bench();
    for (let slot = 0; slot < 40; slot += 1) {
      const pointer = pointerOf(of.device, 5 + 2 * slot);
      const memoryOffset = slot * BLOCK;
      of.port.load(loadOf((5 + 2 * slot) * BLOCK, { memoryOffset, pointer, cookie: slot }));
    }
    const before = of.link.bell.value;
    of.server.step();
    expect(of.device.callsOf('read').length).toBeLessThan(16);
    expect(of.link.bell.value).toBe(before);
    expect(rings(of)).toBe(3);
    expect(of.port.poll(of.sink)).toBe(40);
  });

  test('for the slots that clients fill when all that they have missed is read, or when none is left', () => {
    const of = bench();
    /** More than the disk reads before it looks again, and two clients' mailboxes hold. */
    const missTen = (firstClient: number) => {
      for (const client of [firstClient, firstClient + 1]) {
        const misses = new Client(of, client);
        for (let n = client; n < client + 9; n += 2) misses.post(pointerOf(of.device, 5 + 4 * n));
      }
    };
    for (let n = 0; n < 11; n += 1) of.port.lend(of.cache.lend() as SlotIndex);
    missTen(0);
    expect(rings(of)).toBe(1);
    expect(of.port.poll(of.sink)).toBe(10);
    missTen(2);
    const before = of.link.bell.value;
    of.server.step();
    expect(of.link.bell.value).toBe(before + 1);
    of.server.step();
    expect(of.link.bell.value).toBe(before + 1);
    expect(of.device.callsOf('read')).toHaveLength(20);
  });
});

describe('stopping', () => {
  const fault: DeviceFault = {
    ...({ kind: 'io', operation: 'flush', file: 'disk-0', detail: 'the other disk' } as const),
    ...{ offset: 1, expected: 2, actual: 3 },
  };

  test('I12: a disk that is stopped writes and flushes no more, not even what it was given before', () => {
    const of = bench();
    of.write(1, 50);
    of.port.fence(2);
    of.port.stop(fault);
    of.write(3, 51);
    of.port.fence(4);
    while (of.port.outstanding > 0) of.port.wait(of.sink);
    expect(of.device.callsOf('write')).toEqual([]);
    expect(of.device.callsOf('flush')).toEqual([]);
    for (const { outcome } of of.sink.completions) expect(outcome).toBe(fault);
    expect(of.sink.completions).toHaveLength(4);
    expect(of.port.resize(999)).toBe(fault);
  });

  test('I12: a disk that is stopped twice keeps the first fault', () => {
    const of = bench();
    of.port.stop(fault);
    of.port.stop({ ...fault, detail: 'a third disk' });
    of.port.fence(1);
    of.port.wait(of.sink);
    expect(of.sink.completions[0]?.outcome).toBe(fault);
  });

  test('I12: a disk that has failed by itself keeps its own fault, the same for all', () => {
    const of = bench();
    of.device.failing = ({ operation }) => operation === 'write';
    of.write(1, 50);
    of.port.fence(2);
    of.port.poll(of.sink);
    of.port.stop(fault);
    of.write(3, 51);
    of.port.wait(of.sink);
    const [first, ...others] = of.sink.completions;
    expect(first?.outcome).toMatchObject({ kind: 'io', operation: 'write', file: 'disk-0' });
    for (const { outcome } of others) expect(outcome).toBe(first?.outcome);
  });

  test('loads go on', () => {
    const of = bench();
    of.port.stop(fault);
    const pointer = pointerOf(of.device, 5);
    of.port.load(loadOf(5 * BLOCK, { memoryOffset: 0, pointer, cookie: 7 }));
    of.port.wait(of.sink);
    expect(of.sink.lines()).toEqual(['loaded 7 ok']);
  });

  test('I14: when the session ends everything on its way is gone, and what comes later too', () => {
    const of = bench();
    of.write(1, 50);
    of.port.free({ fileOffset: byteCount(60 * BLOCK), cookie: 2, mayCancel: false });
    of.port.fence(3);
    const { words, control } = of.threads.memory;
    atomicStore(words, control.session + SESSION.ended, 1);
    expect(of.port.wait(of.sink)).toBe(3);
    of.write(4, 51);
    expect(of.port.outstanding).toBe(1);
    expect(of.port.poll(of.sink)).toBe(1);
    expect(of.sink.lines().sort()).toEqual([
      'fenced 3 gone',
      'freed 2 gone',
      'written 1 gone',
      'written 4 gone',
    ]);
    expect(of.port.outstanding).toBe(0);
    expect(of.port.readRaw(0, new Uint8Array(10))).toMatchObject({ kind: 'gone' });
  });

  test('I14: after the end every kind of submission is gone, and what is lent is no use to anybody', () => {
    const of = bench();
    const { words, control } = of.threads.memory;
    atomicStore(words, control.session + SESSION.ended, 1);
    of.write(1, 50);
    of.port.free({ fileOffset: byteCount(60 * BLOCK), cookie: 2, mayCancel: false });
    of.port.fence(3);
    const pointer = pointerOf(of.device, 5);
    of.port.load(loadOf(5 * BLOCK, { memoryOffset: 0, pointer, cookie: 4 }));
    of.port.lend(of.cache.lend() as SlotIndex);
    while (of.port.outstanding > 0) of.port.wait(of.sink);
    expect(of.sink.lines().sort()).toEqual([
      'fenced 3 gone',
      'freed 2 gone',
      'loaded 4 gone',
      'written 1 gone',
    ]);
    expect(of.device.calls).toEqual([]);
  });

  test('I14: nobody waits for writes that are kept back when the session has ended', () => {
    const of = bench();
    of.write(1, 50);
    const { words, control } = of.threads.memory;
    atomicStore(words, control.session + SESSION.ended, 1);
    expect(of.port.wait(of.sink)).toBe(1);
    expect(of.sink.lines()).toEqual(['written 1 gone']);
  });

  test('I14: when the session ends the file is given back, once', () => {
    const of = bench();
    let closes = 0;
    of.device.close = () => {
      closes += 1;
      return undefined;
    };
    of.server.end();
    of.server.end();
    expect(closes).toBe(1);
    expect(of.server.closed).toBe(true);
  });

  test('I14: what was answered before the end is still told', () => {
    const of = bench();
    of.port.fence(3);
    of.threads.runAll();
    of.port.fence(4);
    const { words, control } = of.threads.memory;
    atomicStore(words, control.session + SESSION.ended, 1);
    while (of.port.outstanding > 0) of.port.wait(of.sink);
    expect(of.sink.lines()).toEqual(['fenced 3 ok', 'fenced 4 gone']);
  });
});

describe('requests', () => {
  test('that find the ring full wait for room in it, and none is lost', () => {
    const of = bench();
    const count = 2 * REQUEST_CELLS + 10;
    // What has completed by then is taken on the way.
    for (let n = 0; n < 5; n += 1) of.port.fence(n);
    of.threads.settle();
    for (let n = 5; n < count; n += 1) of.port.fence(n);
    while (of.port.outstanding > 0) of.port.wait(of.sink);
    const cookies = of.sink.completions.map(({ cookie }) => cookie);
    expect(cookies).toEqual(Array.from({ length: count }, (_, n) => n));
  });

  test('of one kind under one cookie are answered as often as they were asked', () => {
    const of = bench();
    for (const cookie of [7, 7, 8, 7]) of.port.fence(cookie);
    while (of.port.outstanding > 0) of.port.wait(of.sink);
    expect(of.sink.lines()).toEqual(['fenced 7 ok', 'fenced 7 ok', 'fenced 8 ok', 'fenced 7 ok']);
  });

  test('come after the store is known: a file that does not tell its length is said then', () => {
    const device = new RecordingDevice(16 * BLOCK);
    const fault = { kind: 'io', operation: 'size', file: 'disk-0', detail: 'refused' } as const;
    device.size = () => ({ ...fault, offset: 0, expected: 0, actual: 0 }) as never;
    const threads = new SteppedThreads({ cacheBytes: SLOTS * BLOCK, blockBytesMin: BLOCK });
    const geometry = { blockBytes: BLOCK, slotCount: SLOTS, diskCount: 2, mailboxCells: CELLS };
    describeSession(threads.memory, geometry);
    threads.start({ disk: DISK, device, verifier: () => sumMatches });
    const port = new SteppedPort(threads.link(DISK, device), threads);
    const hashDomain = new Uint8Array(16);
    expect(port.configure({ blockBytes: BLOCK, hashDomain })).toMatchObject(fault);
  });
});

describe('the disk page', () => {
  test('I14: says which call the disk is in, and that it gets on', () => {
    const of = bench();
    const { words, control } = of.threads.memory;
    const page = new DiskPageReader(words, control.diskPage(DISK));
    const seen: (string | undefined)[] = [];
    of.device.failing = () => {
      seen.push(page.operation);
      return false;
    };
    const before = page.progress;
    of.write(1, 50);
    of.port.fence(2);
    of.port.poll(of.sink);
    of.port.readRaw(0, new Uint8Array(10));
    of.port.resize(300 * BLOCK);
    expect(seen).toEqual(['write', 'flush', 'read', 'resize']);
    expect(page.operation).toBeUndefined();
    expect(page.progress).toBeGreaterThan(before);
  });

  test('has the counters, for whoever wants them', () => {
    const of = bench();
    of.write(1, 50);
    of.port.fence(2);
    of.port.poll(of.sink);
    of.port.resize(300 * BLOCK);
    expect(of.port.counters()).toMatchObject({
      ...{ disk: DISK, file: 'disk-0', fileBytes: 300 * BLOCK, queued: 0 },
      ...{ writes: 1, blocksWritten: 1, bytesWritten: BLOCK, flushes: 1 },
    });
    expect(of.port.counters().flushMsMax).toBeGreaterThan(0);
  });

  test('a disk that has died while it wrote them leaves the last ones', () => {
    const of = bench();
    of.write(1, 50);
    of.port.fence(2);
    of.port.poll(of.sink);
    const before = of.port.counters();
    const { words, control } = of.threads.memory;
    plainStore(words, control.diskPage(DISK) + 16, 1);
    expect(of.port.counters()).toEqual(before);
  });

  test('a disk that has died over the first ones has counted nothing', () => {
    const threads = new SteppedThreads({ cacheBytes: SLOTS * BLOCK, blockBytesMin: BLOCK });
    const device = new RecordingDevice(BLOCK);
    const port = new SteppedPort(threads.link(DISK, device), threads);
    const { words, control } = threads.memory;
    plainStore(words, control.diskPage(DISK) + 16, 1);
    expect(port.counters()).toMatchObject({ disk: DISK, file: 'disk-0', writes: 0, flushMsMax: 0 });
  });
});
