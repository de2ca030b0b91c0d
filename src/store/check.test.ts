import { describe, expect, test } from 'vitest';
import { STATE } from '../arena/block-state.ts';
import type { BlockAddress } from '../base/brand.ts';
import type { Device, DeviceFault } from '../device/device.ts';
import { fileOffsetOf, LABEL_BYTES, slotOffset } from '../format/geometry.ts';
import { encodeLabel, type LabelFields } from '../format/label.ts';
import type { Pointer } from '../format/pointer.ts';
import { decodeSuperblock, encodeSuperblock, type Superblock } from '../format/superblock.ts';
import { checkStore } from '../sim/check-store.ts';
import {
  hasher,
  MemoryStore,
  type MemoryStoreOptions,
  TINY_GEOMETRY,
} from '../sim/memory-store.ts';
import { Checker } from './check.ts';
import { PROBLEMS_LISTED_MAX } from './check-problems.ts';
import { BLOCK_STATE, type CheckReport } from './report.ts';
import { blockStates } from './stats.ts';

const ARENA_BYTES = TINY_GEOMETRY.arenaBytes;

interface Filled {
  readonly store: MemoryStore;
  /** Live, in no particular order; the first one is the root `main`. */
  readonly pointers: Pointer[];
}

/** 24 blocks in use, some freed, all of it more than three commits old unless `recent`. */
function filledStore(options: MemoryStoreOptions = {}): Filled {
  const store = new MemoryStore(options);
  const pointers = store.transact((tx) => {
    const blocks = Array.from({ length: 30 }, (_, n) => new Uint8Array(512).fill(n + 1));
    const written = tx.write(blocks);
    tx.setRoot('main', written[0]);
    return written;
  });
  store.commit();
  store.transact((tx) => {
    for (const pointer of pointers.splice(4, 6)) tx.free(pointer);
  });
  for (let commits = 0; commits < 5; commits += 1) store.commit();
  return { store, pointers };
}

function at(pointers: readonly Pointer[], index: number): Pointer {
  const pointer = pointers[index];
  if (pointer === undefined) throw new RangeError(`no pointer ${index}`);
  return pointer;
}

function flip(store: MemoryStore, disk: number, offset: number): void {
  const file = store.directory.file(`disk-${disk}`);
  const byte = new Uint8Array(1);
  file?.read(byte, offset);
  file?.write(Uint8Array.of((byte[0] as number) ^ 0x55), offset);
}

function diskOf(address: number): number {
  return Math.floor(address / ARENA_BYTES) % TINY_GEOMETRY.diskCount;
}

function flipBlock(store: MemoryStore, address: number, byte = 100): void {
  const offset = fileOffsetOf(address as BlockAddress, TINY_GEOMETRY);
  flip(store, diskOf(address), offset + byte);
}

/** Which slot has the superblock of this generation. */
function slotOf(store: MemoryStore, generation: number): { disk: number; offset: number } {
  for (let slot = 0; slot < 4; slot += 1) {
    const disk = slot % TINY_GEOMETRY.diskCount;
    const offset = slotOffset(slot, TINY_GEOMETRY);
    const bytes = new Uint8Array(80);
    store.directory.file(`disk-${disk}`)?.read(bytes, offset);
    if (new DataView(bytes.buffer).getUint32(40, true) === generation) return { disk, offset };
  }
  throw new RangeError(`no slot has generation ${generation}`);
}

/** Writes the superblock of `generation` anew, changed, into the slot of another one or its own. */
function forgeSuperblock(
  store: MemoryStore,
  generation: number,
  into: { readonly disk: number; readonly offset: number },
  change: (superblock: Superblock) => Partial<Superblock>,
): void {
  const from = slotOf(store, generation);
  const bytes = new Uint8Array(TINY_GEOMETRY.slotBytes);
  store.directory.file(`disk-${from.disk}`)?.read(bytes, from.offset);
  const decoded = decodeSuperblock(bytes, TINY_GEOMETRY, hasher);
  if (!decoded.ok) throw new Error('the superblock was sound');
  const changed = { ...decoded.value, ...change(decoded.value) };
  const forged = new Uint8Array(TINY_GEOMETRY.slotBytes);
  encodeSuperblock(changed, TINY_GEOMETRY, hasher, forged);
  store.directory.file(`disk-${into.disk}`)?.write(forged, into.offset);
}

function kinds(report: CheckReport): string[] {
  return report.problems.map(({ kind }) => kind);
}

describe('check of a sound store', () => {
  test('is clean, and counts every block once', () => {
    const { store, pointers } = filledStore();
    const report = checkStore(store, pointers);
    expect(report.problems).toEqual([]);
    expect(report).toMatchObject({ clean: true, problemCount: 0, blocksUsed: pointers.length });
    expect(report.generation).toBe(store.engine.durableGeneration);
    expect(report.blocksRead).toBeGreaterThanOrEqual(pointers.length);
    const { bytes } = blockStates(store.engine);
    expect(report.census.reduce((sum, count) => sum + count, 0)).toBe(bytes.length);
    expect(report.census[BLOCK_STATE.data]).toBe(pointers.length);
    expect(checkStore(store).clean).toBe(true);
  });

  test('is clean of an empty store, and of one with freed, rolled-back and held blocks', () => {
    expect(checkStore(new MemoryStore(), []).problems).toEqual([]);
    const { store, pointers } = filledStore();
    store.transact((tx) => tx.free(at(pointers, 7)));
    const doomed = store.engine.begin();
    doomed.write([new Uint8Array(9)]);
    store.engine.abort(doomed);
    store.commit();
    pointers.splice(7, 1);
    expect(checkStore(store, pointers).problems).toEqual([]);
    const again = store.reopen({ readOnly: true });
    expect(checkStore(again, pointers).problems).toEqual([]);
  });

  test('goes in slices, which add up to the same and end at the total', () => {
    const { store, pointers } = filledStore();
    const checker = new Checker(store.opened, { reachable: pointers });
    let [slices, before] = [1, 0];
    for (; !checker.step(1); slices += 1) {
      expect(checker.done).toBeGreaterThanOrEqual(before);
      before = checker.done;
    }
    expect(checker.done).toBe(checker.total);
    expect(slices).toBeGreaterThan(2);
    expect(checker.report()).toEqual(checkStore(store, pointers));
    const many = new Checker(store.opened, {
      reachable: Array<Pointer>(5000).fill(at(pointers, 0)),
    });
    expect(many.step(1)).toBe(false);
    expect(many.done).toBeLessThan(2000);
  });

  test('roots are reachable by themselves, and being named twice is nothing', () => {
    const { store, pointers } = filledStore();
    store.transact((tx) => tx.setRoot('alias', at(pointers, 0)));
    store.commit();
    expect(checkStore(store, pointers).problems).toEqual([]);
    expect(checkStore(store, pointers.slice(1)).problems).toEqual([]);
  });
});

describe('check notices on the disk', () => {
  test('a damaged label, in the file that has it', () => {
    const { store } = filledStore();
    for (const offset of [0, 20, 90, LABEL_BYTES - 1]) {
      flip(store, 1, offset);
      const report = checkStore(store);
      expect(report.problems).toMatchObject([{ kind: 'label', disk: 1 }]);
      flip(store, 1, offset);
    }
    expect(checkStore(store).clean).toBe(true);
  });

  test('swapped files', () => {
    const { store } = filledStore();
    const [zero, one] = [store.directory.file('disk-0'), store.directory.file('disk-1')];
    const label = new Uint8Array(LABEL_BYTES);
    zero?.read(label, 0);
    one?.write(label, 0);
    expect(checkStore(store).problems).toMatchObject([{ kind: 'label', disk: 1 }]);
  });

  test('a label that is sound, but not this store’s', () => {
    const { store } = filledStore();
    const mine = { ...store.opened.label, diskIndex: 1 };
    const other = new Uint8Array(16).fill(0x52);
    const foreign: [Partial<LabelFields>, RegExp][] = [
      [{ storeId: other }, /another store’s/],
      [{ hashDomain: other }, /another hash domain/],
      [{ geometry: { ...TINY_GEOMETRY, arenaBytes: 2 * ARENA_BYTES } }, /another geometry/],
    ];
    for (const [change, message] of foreign) {
      store.directory.file('disk-1')?.write(encodeLabel({ ...mine, ...change }, hasher), 0);
      const report = checkStore(store);
      expect(report.problems).toMatchObject([{ kind: 'label', disk: 1 }]);
      expect(report.problems[0]?.message).toMatch(message);
    }
  });

  test('superblocks that are sound, but another store’s, or from the future', () => {
    const { store } = filledStore();
    const newest = store.engine.durableGeneration;
    const spare = slotOf(store, newest - 3);
    forgeSuperblock(store, newest, spare, () => ({ storeId: new Uint8Array(16).fill(0x52) }));
    const foreign = checkStore(store);
    expect(foreign.problems).toMatchObject([{ kind: 'superblock' }]);
    expect(foreign.problems[0]?.message).toMatch(/another store’s/);
    forgeSuperblock(store, newest, spare, () => ({
      generation: (newest + 7) as Superblock['generation'],
    }));
    const future = checkStore(store);
    expect(kinds(future)).toEqual(['superblock']);
    expect(future.problems[0]?.message).toMatch(/from the future/);
    forgeSuperblock(store, newest, spare, () => ({ storeId: new Uint8Array(16).fill(0x52) }));
    expect(store.reopen().engine.durableGeneration).toBe(newest);
  });

  test('a superblock whose arena is not the one in memory', () => {
    const { store } = filledStore();
    const newest = store.engine.durableGeneration;
    forgeSuperblock(store, newest, slotOf(store, newest), ({ arenas }) => ({
      arenas: arenas.map((arena, index) =>
        index === 0 ? { ...arena, usedBlocks: arena.usedBlocks + 1 } : arena,
      ),
    }));
    const report = checkStore(store);
    expect(kinds(report)).toContain('superblock');
    expect(report.problems[0]?.message).toMatch(/arena 0 has another usedBlocks/);
  });

  test('I1: a superblock that is gone, the newest or one to fall back to', () => {
    const { store } = filledStore();
    const newest = store.engine.durableGeneration;
    for (const generation of [newest, newest - 1, newest - 2]) {
      const { disk, offset } = slotOf(store, generation);
      flip(store, disk, offset + 60);
      const report = checkStore(store);
      expect(kinds(report)).toContain('superblock');
      expect(report.problems[0]?.message).toContain(`generation ${generation}`);
      flip(store, disk, offset + 60);
    }
    const { disk, offset } = slotOf(store, newest - 3);
    flip(store, disk, offset + 60);
    expect(checkStore(store).clean).toBe(true);
  });

  test('a superblock that is not what the engine believes', () => {
    const { store, pointers } = filledStore();
    store.engine.roots.set('main', at(pointers, 1));
    expect(kinds(checkStore(store))).toEqual(['superblock']);
    store.engine.roots.set('main', at(pointers, 0));
    store.engine.roots.set('other', at(pointers, 0));
    expect(kinds(checkStore(store))).toEqual(['superblock']);
  });

  test('damage in a log', () => {
    const { store } = filledStore();
    const arena = store.engine.arenas.at(0);
    flipBlock(store, (arena.log.chain[0] as number) * 512);
    const report = checkStore(store);
    expect(report.problems).toMatchObject([{ kind: 'log', arena: 0 }]);
  });

  test('damage in a block: of a root, a live one, a recent one; and says so on the map', () => {
    const { store, pointers } = filledStore();
    const [root, live] = [at(pointers, 0), at(pointers, 9)];
    flipBlock(store, root.address);
    flipBlock(store, live.address);
    expect(kinds(checkStore(store))).toEqual(['root']);
    const report = checkStore(store, pointers);
    expect(report.problems).toMatchObject([
      { kind: 'root', address: root.address },
      { kind: 'hash', address: root.address },
      { kind: 'hash', address: live.address },
    ]);
    expect(report.census[BLOCK_STATE.damaged]).toBe(2);
    expect(report.blocksUsed).toBe(pointers.length);
    expect([...store.engine.damaged].sort()).toEqual([root.address, live.address].sort());
    flipBlock(store, live.address);
    checkStore(store, pointers);
    expect([...store.engine.damaged]).toEqual([root.address]);
  });

  test('damage in a recent block that nobody points to', () => {
    const { store } = filledStore();
    const [recent] = store.transact((tx) => tx.write([new Uint8Array(5)]));
    if (recent === undefined) throw new Error('no pointer');
    store.commit();
    flipBlock(store, recent.address);
    expect(checkStore(store).problems).toMatchObject([{ kind: 'hash', address: recent.address }]);
    for (let commits = 0; commits < 3; commits += 1) store.commit();
    expect(checkStore(store).clean).toBe(true);
  });

  test('a file that was cut off', () => {
    const { store, pointers } = filledStore();
    const file = store.directory.file('disk-0');
    file?.truncate(file.size - 512);
    const report = checkStore(store, pointers);
    expect(report.problems[0]).toMatchObject({ kind: 'io', disk: 0 });
  });
});

describe('check, given what is live, notices', () => {
  test('leaks, coalesced', () => {
    const { store, pointers } = filledStore();
    const leaked = pointers.splice(10, 3);
    const report = checkStore(store, pointers);
    expect(report.problems).toMatchObject([{ kind: 'leak', address: at(leaked, 0).address }]);
    expect(report.problems[0]?.message).toContain('3 blocks');
    expect(checkStore(store).clean).toBe(true);
  });

  test('dangling pointers, whatever numbers they are made of', () => {
    const { store, pointers } = filledStore();
    const [some] = pointers;
    const logBlock = (store.engine.arenas.at(0).log.chain[0] as number) * 512;
    const freed = store.transact((tx) => {
      const [pointer] = tx.write([new Uint8Array(1)]);
      return pointer as Pointer;
    });
    store.commit();
    store.transact((tx) => tx.free(freed));
    store.commit();
    const addresses = [
      freed.address,
      logBlock,
      at(pointers, 0).address + 1,
      100 * 512,
      7 * ARENA_BYTES,
      1023 * ARENA_BYTES,
      Number.MAX_SAFE_INTEGER,
    ];
    const wrong = addresses.map((address) => ({ ...some, address }) as Pointer);
    const report = checkStore(store, [...pointers, ...wrong]);
    expect(report.problems.map(({ kind, address }) => [kind, address])).toEqual(
      addresses.map((address) => ['dangling', address]),
    );
  });

  test('a block that two live pointers name, the right one and a stale one', () => {
    const { store, pointers } = filledStore();
    const twice = at(pointers, 3);
    expect(checkStore(store, [...pointers, twice]).problems).toMatchObject([
      { kind: 'double', address: twice.address },
    ]);
    const stale = { ...twice, hashLow: twice.hashLow ^ 1 };
    for (const list of [
      [...pointers, stale],
      [stale, ...pointers],
    ]) {
      const report = checkStore(store, list);
      expect(kinds(report).sort()).toEqual(['double', 'hash']);
      expect(report.census[BLOCK_STATE.damaged]).toBe(0);
    }
  });

  test('a block that three live pointers name, of which the last is right', () => {
    const { store, pointers } = filledStore();
    const right = at(pointers, 3);
    const stale = [1, 2].map((bit) => ({ ...right, hashLow: right.hashLow ^ bit }));
    const report = checkStore(store, [...stale, ...pointers]);
    expect(kinds(report).sort()).toEqual(['double', 'double', 'hash', 'hash']);
    expect(report.census[BLOCK_STATE.damaged]).toBe(0);
  });

  test('a stale pointer to a sound block, which is not damage', () => {
    const { store, pointers } = filledStore();
    const [fresh] = store.transact((tx) => tx.write([new Uint8Array(5)]));
    if (fresh === undefined) throw new Error('no pointer');
    store.commit();
    const stale = { ...fresh, hashHigh: fresh.hashHigh ^ 1 };
    const report = checkStore(store, [...pointers, stale]);
    expect(report.problems).toMatchObject([{ kind: 'hash', address: fresh.address }]);
    expect(store.engine.damaged.size).toBe(0);
  });

  test('counts all problems, lists a thousand', () => {
    const { store, pointers } = filledStore();
    const wrong = { ...at(pointers, 0), address: 1 as BlockAddress };
    const report = checkStore(store, [...pointers, ...Array<Pointer>(1500).fill(wrong)]);
    expect(report).toMatchObject({ clean: false, problemCount: 1500 });
    expect(report.problems).toHaveLength(PROBLEMS_LISTED_MAX);
  });
});

describe('check compares memory with the log', () => {
  test('I3: a block that has slipped out of the free ranges', () => {
    const { store } = filledStore();
    store.engine.arenas.at(0).free.allocateLow(1);
    expect(kinds(checkStore(store))).toEqual(['ranges']);
  });

  test('I3: free ranges that have other blocks than are free, as many though', () => {
    const { store, pointers } = filledStore();
    const arena = store.engine.arenas.at(0);
    const used = at(pointers, 5).address / 512;
    const free = arena.free.allocateLow(1);
    arena.free.freeRange(used, 1);
    const report = checkStore(store);
    expect(report.problems).toMatchObject([{ kind: 'ranges', arena: 0 }]);
    expect(arena.states[free]).toBe(STATE.free);
  });

  test('I4: a block in use that memory believes free, and the other way round', () => {
    const { store, pointers } = filledStore();
    const arena = store.engine.arenas.at(0);
    const block = at(pointers, 5).address / 512;
    arena.states[block] = STATE.free;
    arena.free.freeRange(block, 1);
    const report = checkStore(store);
    expect(report.problems).toMatchObject([{ kind: 'ranges', address: block * 512, arena: 0 }]);
    arena.free.grabRange(block, 1);
    arena.states[block] = STATE.data;
    expect(checkStore(store).clean).toBe(true);
    const free = arena.free.allocateLow(2);
    arena.states.fill(STATE.data, free, free + arena.free.lastCount);
    expect(kinds(checkStore(store))).toEqual(['ranges']);
  });

  test('I1: a block that comes back before two further commits', () => {
    const { store, pointers } = filledStore();
    const block = at(pointers, 5).address / 512;
    store.transact((tx) => tx.free(at(pointers, 5)));
    store.commit();
    store.commit();
    store.engine.arenas.at(0).release(block, 1);
    const report = checkStore(store);
    expect(report.problems).toMatchObject([{ kind: 'ranges', address: block * 512 }]);
    expect(report.problems[0]?.message).toContain('I1');
  });

  test('I3: a block that the log has freed and memory still uses', () => {
    const { store, pointers } = filledStore();
    const block = at(pointers, 5).address / 512;
    store.transact((tx) => tx.free(at(pointers, 5)));
    store.commit();
    store.engine.arenas.at(0).states[block] = STATE.data;
    const { problems } = checkStore(store);
    const messages = problems.map(({ message }) => message);
    expect(messages).toContainEqual(expect.stringMatching(/freed in the log and not in memory/));
    expect(messages).toContainEqual(expect.stringMatching(/I3: 0 and 0 blocks wait, not 1 and 0/));
  });

  test('I3: a block of the log’s own that the log calls data; data and metadata are the same', () => {
    const { store, pointers } = filledStore();
    const { states } = store.engine.arenas.at(0);
    const block = at(pointers, 5).address / 512;
    states[block] = STATE.metadata;
    expect(checkStore(store).problems).toEqual([]);
    states[block] = STATE.log;
    const report = checkStore(store);
    expect(report.problems).toMatchObject([{ kind: 'ranges', address: block * 512 }]);
    expect(report.problems[0]?.message).toMatch(/not what they are in the log/);
  });

  test('I5: a log that goes on elsewhere in memory', () => {
    const { store } = filledStore();
    store.engine.arenas.at(0).log.chain.push(3);
    expect(kinds(checkStore(store))).toContain('log');
  });
});

describe('check when the disk fails', () => {
  const broken = (device: Device, offset: number): DeviceFault => ({
    kind: 'io',
    operation: 'read',
    file: device.file,
    offset,
    expected: 1,
    actual: 0,
    detail: 'as planned',
  });

  /** Reads that touch `bad` fail while `on`. */
  function failing(bad: { on: boolean; file: string; from: number; to: number }) {
    return (device: Device): Device => ({
      file: device.file,
      size: () => device.size(),
      write: (from, offset) => device.write(from, offset),
      flush: () => device.flush(),
      resize: (byteCount) => device.resize(byteCount),
      close: () => device.close(),
      read: (into, offset) =>
        bad.on && device.file === bad.file && offset < bad.to && offset + into.length > bad.from
          ? broken(device, offset)
          : device.read(into, offset),
    });
  }

  test('one block that cannot be read does not hide its neighbours', () => {
    const bad = { on: false, file: '', from: 0, to: 0 };
    const { store, pointers } = filledStore({ wrap: failing(bad) });
    const unreadable = at(pointers, 6);
    const damaged = at(pointers, 7);
    const from = fileOffsetOf(unreadable.address, TINY_GEOMETRY);
    Object.assign(bad, {
      on: true,
      file: `disk-${diskOf(unreadable.address)}`,
      from,
      to: from + 512,
    });
    flipBlock(store, damaged.address);
    const report = checkStore(store, pointers);
    expect(report.problems).toMatchObject([
      { kind: 'io', address: unreadable.address },
      { kind: 'hash', address: damaged.address },
    ]);
    expect(store.engine.damaged.has(unreadable.address)).toBe(false);
  });

  test('a log that cannot be read is told apart from one that is damaged', () => {
    const bad = { on: false, file: 'disk-0', from: 0, to: 0 };
    const { store } = filledStore({ wrap: failing(bad) });
    const head = ((store.engine.arenas.at(0).log.chain[0] as number) * 512) as BlockAddress;
    const from = fileOffsetOf(head, TINY_GEOMETRY);
    Object.assign(bad, { on: true, from, to: from + 512 });
    const report = checkStore(store);
    expect(report.problems).toMatchObject([{ kind: 'io', arena: 0, disk: 0 }]);
  });

  test('a file that does not tell its length is a report too', () => {
    let mute = false;
    const wrap = (device: Device): Device => ({
      ...failing({ on: false, file: '', from: 0, to: 0 })(device),
      size: () => (mute ? { ...broken(device, 0), operation: 'size' } : device.size()),
    });
    const { store } = filledStore({ wrap });
    mute = true;
    expect(checkStore(store).problems).toMatchObject([
      { kind: 'io', disk: 0 },
      { kind: 'io', disk: 1 },
    ]);
  });

  test('a file of which nothing can be read is a report, not an exception', () => {
    const bad = { on: false, file: 'disk-0', from: 0, to: Number.MAX_SAFE_INTEGER };
    const { store, pointers } = filledStore({ wrap: failing(bad) });
    bad.on = true;
    const report = checkStore(store, pointers);
    expect(report.clean).toBe(false);
    expect(new Set(kinds(report)).has('io')).toBe(true);
  });

  test('after a failed flush memory is ahead of the disk, and only the disk is judged', () => {
    let failFlushes = false;
    const wrap = (device: Device): Device => ({
      ...failing({ on: false, file: '', from: 0, to: 0 })(device),
      flush: () => (failFlushes ? { ...broken(device, 0), operation: 'flush' } : device.flush()),
    });
    const { store, pointers } = filledStore({ wrap });
    failFlushes = true;
    store.transact((tx) => tx.write([new Uint8Array(4)]));
    expect(() => store.commit()).toThrow();
    expect(store.engine.health).toBe('poisoned');
    const report = checkStore(store, pointers);
    expect(kinds(report).filter((kind) => kind !== 'leak')).toEqual([]);
    for (let slot = 0; slot < 4; slot += 1) {
      flip(store, slot % TINY_GEOMETRY.diskCount, slotOffset(slot, TINY_GEOMETRY) + 60);
    }
    const messages = checkStore(store, pointers).problems.map(({ message }) => message);
    expect(messages).toContain('There is no superblock in any slot.');
  });
});
