import { describe, expect, test } from 'vitest';
import type { MemoryDirectory, MemoryFile } from '../device/memory-handle.ts';
import { arenasOffset, LABEL_BYTES, slotOffset } from '../format/geometry.ts';
import type { Pointer } from '../format/pointer.ts';
import { encodeGivenUp, encodeSuperblock, SUPERBLOCK_HEADER } from '../format/superblock.ts';
import { checkStore } from '../sim/check-store.ts';
import { MemoryStore, TINY_GEOMETRY } from '../sim/memory-store.ts';
import { WatchedDirectory } from '../sim/watched-directory.ts';
import { readSlots, recover, VERIFY_BYTES_MAX } from './recover.ts';

const block = (fill: number) => new Uint8Array(512).fill(fill);
const SLOTS = [0, 1, 2, 3] as const;

/** A block of that byte under the root 'main', in place of what was there, made durable. */
function commit(store: MemoryStore, fill: number): Pointer {
  const pointer = store.transact((tx) => {
    const old = tx.root('main');
    const [written] = tx.write([block(fill)]);
    if (written === undefined) throw new Error('no pointer');
    tx.setRoot('main', written);
    if (old !== undefined) tx.free(old);
    return written;
  });
  store.commit();
  return pointer;
}

/** A store with generations 2 … `last`, block n in generation n; and its files as they were after each. */
function grown(last: number) {
  const store = new MemoryStore();
  const files = new Map<number, MemoryDirectory>();
  for (let generation = 2; generation <= last; generation += 1) {
    commit(store, generation);
    expect(store.engine.durableGeneration).toBe(generation);
    files.set(generation, store.directory.clone());
  }
  return {
    store,
    filesOf: (generation: number) => (files.get(generation) as MemoryDirectory).clone(),
  };
}

function slotFile(files: MemoryDirectory, slot: number): MemoryFile {
  return files.file(`disk-${slot % 2}`) as MemoryFile;
}

function slotBytes(files: MemoryDirectory, slot: number): Uint8Array {
  const bytes = new Uint8Array(4096);
  slotFile(files, slot).read(bytes, slotOffset(slot, TINY_GEOMETRY));
  return bytes;
}

function putSlot(files: MemoryDirectory, slot: number, bytes: Uint8Array): void {
  slotFile(files, slot).write(bytes, slotOffset(slot, TINY_GEOMETRY));
}

/** By slot: the generation of the superblock in it. */
function generations(store: MemoryStore): (number | undefined)[] {
  const { label, hasher, blockHasher, engine } = store.opened;
  const slots = readSlots({ label, hasher, blockHasher, ports: engine.ports });
  return slots.map(({ superblock }) => superblock?.generation);
}

/** The files of generation 5, with the superblocks of 6 and 7: their flushes lied about everything else. */
function lied(): MemoryDirectory {
  const { filesOf } = grown(7);
  const files = filesOf(5);
  for (const slot of SLOTS) {
    const changed = slotBytes(filesOf(7), slot);
    if (Buffer.compare(changed, slotBytes(files, slot)) !== 0) putSlot(files, slot, changed);
  }
  return files;
}

describe('a roll-back', () => {
  test('W = 3: to the last state whose root set verifies, told generation by generation', () => {
    const store = new MemoryStore({ directory: lied() });
    const { superblock, rejected, highestGeneration } = store.opened.recovered;
    expect(superblock.generation).toBe(5);
    expect(rejected.map(({ generation }) => generation)).toEqual([7, 6]);
    for (const { reason } of rejected) expect(reason).toContain('log');
    expect(highestGeneration).toBe(7);
    expect(store.read(store.engine.roots.get('main') as Pointer)).toEqual(block(5));
    expect(checkStore(store, []).problems).toEqual([]);
  });

  test('is the same when opened again, and again: no commit is needed for that', () => {
    const files = lied();
    const first = new MemoryStore({ directory: files.clone() }).opened.recovered;
    const store = new MemoryStore({ directory: files });
    const second = store.reopen().opened.recovered;
    expect(second.superblock).toEqual(first.superblock);
    expect(second.highestGeneration).toBe(first.highestGeneration);
    expect(second.rejected).toEqual(
      first.rejected.map(({ generation }) => ({
        generation,
        reason: 'it was given up by an earlier opening',
      })),
    );
  });

  test('never gives a generation number twice', () => {
    const store = new MemoryStore({ directory: lied() });
    expect(commit(store, 50).generation).toBe(8);
    expect(store.engine.durableGeneration).toBe(8);
  });

  test('I1: what it gave up is not counted among the recoverable superblocks later', () => {
    let store = new MemoryStore({ directory: lied() });
    const commits = [5, 4];
    for (let fill = 100; fill < 108; fill += 1) {
      commit(store, fill);
      commits.unshift(store.engine.durableGeneration);
      // The new one, and the three that were recoverable while it was under way.
      expect(generations(store)).toEqual(expect.arrayContaining(commits.slice(0, 4)));
      store = store.reopen();
      expect(store.engine.durableGeneration).toBe(commits[0]);
    }
  });

  test('does not come back to a state that an earlier one gave up', () => {
    const store = new MemoryStore({ directory: lied() });
    commit(store, 100);
    const files = store.directory.clone();
    const slot = generations(store).indexOf(8);
    putSlot(files, slot, new Uint8Array(4096).fill(1));
    // 8 cannot be read; 7 was given up before 8 was acknowledged. Only what 7 was built on may be opened.
    const again = new MemoryStore({ directory: files });
    expect(again.engine.durableGeneration).toBe(5);
    expect(again.opened.recovered.rejected.length).toBeGreaterThan(0);
  });

  test('does not come back to it when a torn write completes it', () => {
    const { filesOf } = grown(7);
    const files = filesOf(7);
    const slot = generations(new MemoryStore({ directory: filesOf(7) })).indexOf(7);
    const whole = slotBytes(files, slot);
    const torn = whole.slice();
    torn.fill(0xee, 0, 512);
    putSlot(files, slot, torn);
    const store = new MemoryStore({ directory: files });
    expect(store.engine.durableGeneration).toBe(6);
    // What a crash in the next commit may leave of it, where the two have a sector in common.
    const after = store.directory.clone();
    const found = slotBytes(after, slot);
    const wholeButOne = found.slice();
    wholeButOne.set(whole.subarray(512), 512);
    putSlot(after, slot, wholeButOne);
    expect(new MemoryStore({ directory: after }).engine.durableGeneration).toBe(6);
    expect(found.subarray(0, 512)).not.toEqual(torn.subarray(0, 512));
  });

  test('writes over what it gives up, with a number that is known if it was, before anything else', () => {
    const directory = new WatchedDirectory();
    const lies = lied();
    for (const name of ['disk-0', 'disk-1']) directory.put(name, lies.file(name) as MemoryFile);
    const store = new MemoryStore({ directory });
    expect(directory.seen.map(({ kind }) => kind)).toEqual(['write', 'write', 'flush', 'flush']);
    expect(generations(store).filter((generation) => generation === undefined).length).toBe(2);
    const readOnly = new WatchedDirectory();
    const again = lied();
    for (const name of ['disk-0', 'disk-1']) readOnly.put(name, again.file(name) as MemoryFile);
    const looking = new MemoryStore({ directory: readOnly, readOnly: true });
    expect(looking.opened.recovered.superblock.generation).toBe(5);
    expect(readOnly.seen.map(({ kind }) => kind)).toEqual(['flush', 'flush']);
  });

  test('never goes back further than the commits that are kept recoverable', () => {
    const { filesOf } = grown(9);
    const files = filesOf(9);
    // disk-0 is from the day the store was made; generation 1, in its first slot, is sound and empty.
    const young = filesOf(2).file('disk-0') as MemoryFile;
    files.put('disk-0', young);
    expect(() => new MemoryStore({ directory: files })).toThrow(
      expect.objectContaining({ code: 'CORRUPT' }),
    );
  });
});

describe('a superblock that cannot be read', () => {
  test('in the newest slot is told as a lost generation, whose number is not given again', () => {
    const { store, filesOf } = grown(7);
    const files = filesOf(7);
    const slot = generations(store).indexOf(7);
    slotFile(files, slot).write(Uint8Array.of(0xee), slotOffset(slot, TINY_GEOMETRY) + 40);
    const again = new MemoryStore({ directory: files });
    const { superblock, rejected } = again.opened.recovered;
    expect(superblock.generation).toBe(6);
    expect(rejected).toEqual([
      { generation: 7, reason: expect.stringContaining(`slot ${slot} cannot be read`) },
    ]);
    expect(commit(again, 1).generation).toBe(8);
    expect(generations(again)).not.toContain(undefined);
    expect(again.reopen().opened.recovered.rejected).toEqual([]);
  });

  /**
   * Its number read as none at all, and the next opening neither told of the slot nor kept the number from being given
   * again.
   */
  test('is told each time that the store is opened, though the damage was to its number', () => {
    const { store, filesOf } = grown(7);
    const files = filesOf(7);
    const slot = generations(store).indexOf(7);
    const place = slotOffset(slot, TINY_GEOMETRY) + SUPERBLOCK_HEADER.at.generation;
    slotFile(files, slot).write(new Uint8Array(8).fill(0xff), place);
    let again = new MemoryStore({ directory: files });
    for (let opening = 0; opening < 3; opening += 1) {
      const { rejected, highestGeneration } = again.opened.recovered;
      expect(rejected.map(({ generation }) => generation)).toEqual([7]);
      expect(highestGeneration).toBe(7);
      again = again.reopen();
    }
    expect(commit(again, 1).generation).toBe(8);
    expect(again.reopen().opened.recovered.rejected).toEqual([]);
  });

  test.each([6, 5])('in the slot of generation %i, that the newest names, is no loss', (old) => {
    const { store, filesOf } = grown(7);
    const files = filesOf(7);
    const slot = generations(store).indexOf(old);
    putSlot(files, slot, new Uint8Array(4096).fill(3));
    const again = new MemoryStore({ directory: files });
    expect(again.engine.durableGeneration).toBe(7);
    expect(again.opened.recovered.rejected).toEqual([]);
  });

  test('in a young store with blank slots is a loss, blank slots are none', () => {
    const { store, filesOf } = grown(2);
    expect(generations(store)).toEqual([1, 2, undefined, undefined]);
    expect(new MemoryStore({ directory: filesOf(2) }).opened.recovered.rejected).toEqual([]);
    const files = filesOf(2);
    putSlot(files, 1, new Uint8Array(4096).fill(3));
    const again = new MemoryStore({ directory: files });
    expect(again.engine.durableGeneration).toBe(1);
    expect(again.opened.recovered.rejected).toHaveLength(1);
  });

  test('in all four slots is CORRUPT, with the reason for each', () => {
    const { filesOf } = grown(7);
    const files = filesOf(7);
    for (const slot of SLOTS) putSlot(files, slot, new Uint8Array(4096));
    expect(() => new MemoryStore({ directory: files })).toThrow(/slot 0.*slot 1.*slot 2.*slot 3/);
  });
});

describe('a rotten block', () => {
  const damage = (files: MemoryDirectory, pointer: Pointer) =>
    files
      .file('disk-0')
      ?.write(Uint8Array.of(0xaa), arenasOffset(TINY_GEOMETRY) + pointer.address + 9);

  /** Generation 2 has an old root; 3 … 7 change another. */
  function withOldRoot() {
    const store = new MemoryStore();
    const old = store.transact((tx) => {
      const [written] = tx.write([block(77)]);
      tx.setRoot('old', written);
      return written as Pointer;
    });
    store.commit();
    const newest = [3, 4, 5, 6, 7].map((fill) => commit(store, fill)).at(-1) as Pointer;
    return { files: store.directory.clone(), old, newest };
  }

  test('that every generation has does not take them with it: it is named, the rest reads', () => {
    const { files, old, newest } = withOldRoot();
    damage(files, old);
    const store = new MemoryStore({ directory: files });
    const { superblock, rejected, damaged } = store.opened.recovered;
    expect(superblock.generation).toBe(7);
    expect(rejected).toEqual([]);
    expect(damaged).toEqual([old.address]);
    expect(() => store.read(old)).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
    expect(store.read(newest)).toEqual(block(7));
    commit(store, 8);
    expect(store.reopen().opened.recovered.damaged).toEqual([old.address]);
  });

  test('of the newest generation rolls back to the one before it', () => {
    const { files, newest } = withOldRoot();
    damage(files, newest);
    const store = new MemoryStore({ directory: files });
    expect(store.engine.durableGeneration).toBe(6);
    expect(store.opened.recovered.rejected).toEqual([
      { generation: 7, reason: expect.stringContaining(`${newest.address}`) },
    ]);
    expect(store.read(store.engine.roots.get('main') as Pointer)).toEqual(block(6));
  });

  test('that is born, not a root, and recent is noticed by its logged hash', () => {
    const store = new MemoryStore();
    const [pointer] = store.transact((tx) => tx.write([block(1)]));
    store.commit();
    const files = store.directory.clone();
    damage(files, pointer as Pointer);
    const again = new MemoryStore({ directory: files });
    expect(again.engine.durableGeneration).toBe(1);
    expect(again.opened.recovered.rejected).toHaveLength(1);
  });
});

describe('a number that no store can count to', () => {
  test.each(['superblock whose checksum is right', 'superblock that was given up'])(
    'in a %s is damage: an older generation is opened, and goes on from its own number',
    (kind) => {
      const files = grown(5).filesOf(5);
      const { opened } = new MemoryStore({ directory: files.clone() });
      const { label, hasher, blockHasher, engine } = opened;
      const source = { label, hasher, blockHasher, ports: engine.ports };
      const newest = readSlots(source).find(({ superblock }) => superblock?.generation === 5);
      if (newest?.superblock === undefined) expect.fail('generation 5 is in a slot');
      const bytes = new Uint8Array(TINY_GEOMETRY.slotBytes);
      const forged = { ...newest.superblock, generation: Number.MAX_SAFE_INTEGER };
      encodeSuperblock(forged, TINY_GEOMETRY, hasher, bytes);
      const sector = bytes.subarray(0, TINY_GEOMETRY.sectorBytes);
      if (kind.endsWith('given up')) encodeGivenUp(sector.slice(), sector);
      putSlot(files, newest.slot, bytes);
      const again = new MemoryStore({ directory: files });
      expect(again.engine.durableGeneration).toBe(4);
      expect(again.opened.recovered.rejected.map(({ generation }) => generation)).toEqual([5]);
      commit(again, 9);
      expect(again.reopen().engine.durableGeneration).toBe(6);
    },
  );
});

describe('a joint generation', () => {
  const FENCED = { jointBytesMax: -1 };
  const damage = (files: MemoryDirectory, { address }: Pointer) => {
    const arena = Math.floor(address / TINY_GEOMETRY.arenaBytes);
    const start = arenasOffset(TINY_GEOMETRY) + Math.floor(arena / 2) * TINY_GEOMETRY.arenaBytes;
    const offset = start + (address % TINY_GEOMETRY.arenaBytes) + 9;
    files.file(`disk-${arena % 2}`)?.write(Uint8Array.of(0xaa), offset);
  };
  const born = (store: MemoryStore, count: number) => {
    const pointers = store.transact((tx) =>
      tx.write(Array.from({ length: count }, (_, n) => block(n))),
    );
    store.commit();
    return pointers;
  };
  const recovering = (files: MemoryDirectory) => {
    const { label, hasher, blockHasher, engine } = new MemoryStore({ directory: files }).opened;
    return (verifyBytesMax: number) =>
      recover({ label, hasher, blockHasher, ports: engine.ports, verifyBytesMax });
  };

  test.each([
    ['joint', {}],
    ['fenced', FENCED],
  ])(
    'I1: %s, its own blocks are read up to the limit if fenced, all of them if joint',
    (kind, options) => {
      const store = new MemoryStore(options);
      born(store, 5);
      const recovered = recovering(store.directory.clone())(2 * 512);
      expect(recovered.superblock.joint).toBe(kind === 'joint');
      expect(recovered.verifiedBytes).toBe((kind === 'joint' ? 5 : 2) * 512);
      expect(recovered.unverifiedBytes).toBe((kind === 'joint' ? 0 : 3) * 512);
    },
  );

  test('I1: without one of its own blocks is given up, wherever the limit and whatever points to the block', () => {
    const store = new MemoryStore();
    born(store, 2);
    for (const pointer of born(store, 5)) {
      const files = store.directory.clone();
      // Opened before the damage is done: what opening gives up it writes over.
      const recoverAgain = recovering(files);
      damage(files, pointer);
      for (const verifyBytesMax of [0, 2 * 512, VERIFY_BYTES_MAX]) {
        const { superblock, rejected } = recoverAgain(verifyBytesMax);
        expect(superblock.generation).toBe(2);
        expect(rejected).toEqual([
          { generation: 3, reason: expect.stringContaining(`${pointer.address}`) },
        ]);
      }
    }
  });

  test('I1: that was acknowledged is whole under a torn newer one, and believed only if it is', () => {
    const store = new MemoryStore();
    born(store, 2);
    const [first, second] = born(store, 2);
    const [newest] = born(store, 2);
    const files = store.directory.clone();
    damage(files, newest as Pointer);
    expect(new MemoryStore({ directory: files.clone() }).engine.durableGeneration).toBe(3);
    // Its own flush has lied, too.
    damage(files, second as Pointer);
    const again = new MemoryStore({ directory: files });
    expect(again.engine.durableGeneration).toBe(2);
    const { rejected } = again.opened.recovered;
    expect(rejected.map(({ generation }) => generation)).toEqual([4, 3]);
    expect(() => again.read(first as Pointer)).toThrow();
  });

  test('is not opened with a damaged block of its own, but with an older one, which is named', () => {
    for (const [options, opened] of [
      [{}, 6],
      [FENCED, 7],
    ] as const) {
      const store = new MemoryStore(options);
      const old = store.transact((tx) => {
        const [written] = tx.write([block(77)]);
        tx.setRoot('old', written);
        return written as Pointer;
      });
      store.commit();
      const newest = [3, 4, 5, 6, 7].map((fill) => commit(store, fill)).at(-1) as Pointer;
      const files = store.directory.clone();
      damage(files, old);
      damage(files, newest);
      const { superblock, damaged, rejected } = new MemoryStore({ directory: files }).opened
        .recovered;
      expect(superblock.generation).toBe(opened);
      expect(damaged).toContain(old.address);
      expect(rejected).toHaveLength(7 - opened);
    }
  });
});

describe('opening', () => {
  test('I6: flushes every file before it says what is durable, and writes nothing', () => {
    const directory = new WatchedDirectory();
    const store = new MemoryStore({ directory });
    commit(store, 2);
    const from = directory.seen.length;
    store.reopen();
    expect(directory.seen.slice(from)).toEqual([
      { kind: 'flush', file: 'disk-0' },
      { kind: 'flush', file: 'disk-1' },
    ]);
  });

  test.each(['disk-0', 'disk-1'])('I12: is refused when %s cannot be flushed', (file) => {
    const directory = new WatchedDirectory();
    const store = new MemoryStore({ directory });
    commit(store, 2);
    directory.plan = (call) =>
      call.operation === 'flush' && call.file === file ? { throw: 'UnknownError' } : 'ok';
    expect(() => store.reopen()).toThrow(
      expect.objectContaining({ code: 'IO', coordinates: expect.objectContaining({ file }) }),
    );
  });
});

describe('lengths', () => {
  test('a file that is too short for a generation rolls it back; longer is fine', () => {
    const store = new MemoryStore();
    commit(store, 2);
    const short = store.directory.clone();
    const size = short.file('disk-0')?.size ?? 0;
    short.file('disk-0')?.truncate(size - 1);
    const again = new MemoryStore({ directory: short });
    expect(again.engine.durableGeneration).toBe(1);
    expect(again.opened.recovered.rejected).toEqual([
      { generation: 2, reason: `disk-0 is ${size - 1} bytes long and should be ${size}` },
    ]);
    const long = store.directory.clone();
    long.file('disk-0')?.truncate(size + 12_345);
    expect(new MemoryStore({ directory: long }).engine.durableGeneration).toBe(2);
  });

  test('a file cut inside its label is refused', () => {
    const { filesOf } = grown(5);
    const files = filesOf(5);
    files.file('disk-1')?.truncate(LABEL_BYTES - 1);
    expect(() => new MemoryStore({ directory: files })).toThrow(
      expect.objectContaining({ code: 'CORRUPT', coordinates: { file: 'disk-1' } }),
    );
  });
});
