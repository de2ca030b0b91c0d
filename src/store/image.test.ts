import { describe, expect, test } from 'vitest';
import type { BlockAddress, Generation } from '../base/brand.ts';
import { StoreError } from '../base/errors.ts';
import type { Device } from '../device/device.ts';
import { openDevice } from '../device/handle-device.ts';
import { type FaultPlan, FaultyHandle, MemoryDirectory } from '../device/memory-handle.ts';
import { arenaBlocks, fileOffsetOf, type Geometry } from '../format/geometry.ts';
import { BlockHasher } from '../format/hasher.ts';
import { FRAME_BYTES_MAX, IMAGE_FRAME, type ImageHeader } from '../format/image.ts';
import { ImageWriter } from '../format/image-writer.ts';
import type { Pointer } from '../format/pointer.ts';
import { checkStore } from '../sim/check-store.ts';
import { hasher, MemoryStore, TINY_GEOMETRY } from '../sim/memory-store.ts';
import type { StoreDirectory } from './directory.ts';
import { ImageExport, importImage } from './image.ts';

/** A `StoreDirectory` over memory files. `plan` decides what its files do. */
class TestDirectory implements StoreDirectory {
  readonly files: MemoryDirectory;
  private readonly plan: FaultPlan;

  constructor(files = new MemoryDirectory(), plan: FaultPlan = () => 'ok') {
    this.files = files;
    this.plan = plan;
  }

  async list(): Promise<string[]> {
    return this.files.list();
  }

  async open(file: string, options: { readonly create: boolean }): Promise<Device> {
    return openDevice(file, new FaultyHandle(this.files.open(file, options), this.plan));
  }

  async removeFile(file: string): Promise<void> {
    this.files.remove(file);
  }

  async probe(): Promise<'alive' | 'gone'> {
    return 'alive';
  }
}

interface Live {
  readonly pointer: Pointer;
  readonly bytes: Uint8Array;
}

function fillOf(length: number, seed: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, n) => (seed * 31 + n * 7) % 251);
}

/** A store with holes, several arenas, metadata and two roots, all of it committed. */
function busyStore(geometry: Geometry, blockCount = 60): { store: MemoryStore; live: Live[] } {
  const store = new MemoryStore({ geometry, maxBytes: 6 * geometry.arenaBytes });
  const live: Live[] = [];
  for (let n = 0; n < blockCount; n += 10) {
    store.transact((tx) => {
      const blocks = Array.from({ length: 10 }, (_, i) => fillOf(geometry.blockBytes, n + i));
      const kind = n % 20 === 0 ? 'data' : 'metadata';
      for (const [i, pointer] of tx.write(blocks, kind, n / 10).entries()) {
        live.push({ pointer, bytes: blocks[i] as Uint8Array });
      }
      for (const { pointer } of live.splice(n / 4, 3)) tx.free(pointer);
      tx.setRoot('main', live[0]?.pointer);
      tx.setRoot('last', live.at(-1)?.pointer);
    });
    if (n % 20 === 0) store.commit();
  }
  store.commit();
  return { store, live };
}

function exportAll(store: MemoryStore): Uint8Array[] {
  const frames: Uint8Array[] = [];
  const image = new ImageExport(store.opened);
  for (let frame = image.next(); frame !== undefined; frame = image.next()) frames.push(frame);
  expect(image.next()).toBeUndefined();
  return frames;
}

function source(chunks: readonly Uint8Array[]): () => Promise<Uint8Array | undefined> {
  const rest = [...chunks];
  return async () => rest.shift();
}

function join(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

async function importInto(
  chunks: readonly Uint8Array[],
  directory = new TestDirectory(),
): Promise<MemoryDirectory> {
  await importImage(source(chunks), directory, hasher);
  return directory.files;
}

/** The error of an import that must fail, and that must leave nothing. */
async function refusalOf(
  chunks: readonly Uint8Array[],
  directory = new TestDirectory(),
): Promise<StoreError> {
  try {
    await importImage(source(chunks), directory, hasher);
  } catch (error) {
    expect(directory.files.list()).toEqual([]);
    if (error instanceof StoreError) return error;
    throw error;
  }
  throw new Error('the image was accepted');
}

function expectSame(store: MemoryStore, live: readonly Live[]): void {
  // Not `toEqual`, which takes a thousand times as long.
  for (const { pointer, bytes } of live) expect(Buffer.compare(store.read(pointer), bytes)).toBe(0);
  const report = checkStore(
    store,
    live.map(({ pointer }) => pointer),
  );
  expect(report.problems).toEqual([]);
}

const GEOMETRIES: Geometry[] = [
  TINY_GEOMETRY,
  { ...TINY_GEOMETRY, diskCount: 1, arenaBytes: 40 * 512 },
  { blockBytes: 4096, sectorBytes: 512, slotBytes: 4096, diskCount: 3, arenaBytes: 64 * 4096 },
  { blockBytes: 16384, sectorBytes: 4096, slotBytes: 65536, diskCount: 2, arenaBytes: 64 * 16384 },
];

describe('an image makes a copy', () => {
  test.each(GEOMETRIES)('of the same roots and blocks: %o', async (geometry) => {
    const { store, live } = busyStore(geometry);
    const copy = new MemoryStore({ geometry, directory: await importInto(exportAll(store)) });
    expect(new Map(copy.engine.roots)).toEqual(new Map(store.engine.roots));
    expect(copy.opened.recovered).toMatchObject({ rejected: [], damaged: [] });
    for (const { chain, recent } of copy.opened.recovered.logs) {
      // The log's own blocks, its successor and the sync: what was free before is in no commit's records.
      expect(recent.map(({ units }) => units.unitCount)).toEqual([chain.length + 3]);
    }
    expect(copy.opened.label.hashDomain).toEqual(store.opened.label.hashDomain);
    expect(copy.opened.label.storeId).not.toEqual(store.opened.label.storeId);
    expect(copy.engine.durableGeneration).toBeGreaterThan(store.engine.durableGeneration);
    expectSame(copy, live);
    expectSame(store, live);
  });

  test('of an empty store too, in which nothing is grown', async () => {
    const store = new MemoryStore();
    const copy = new MemoryStore({ directory: await importInto(exportAll(store)) });
    expect(copy.engine.growth.grownBytes).toBe(0);
    const pointer = copy.transact((tx) => tx.write([fillOf(512, 1)])[0] as Pointer);
    copy.commit();
    expect(copy.reopen().read(pointer)).toEqual(fillOf(512, 1));
  });

  test('that does not take the space which the original had only grown to', async () => {
    const { store } = busyStore(TINY_GEOMETRY);
    while (store.engine.growth.step(64) === 'grown');
    store.commit();
    const copy = new MemoryStore({ directory: await importInto(exportAll(store)) });
    expect(copy.engine.growth.grownBytes).toBeLessThan(store.engine.growth.grownBytes);
    expect(checkStore(copy).problems).toEqual([]);
  });

  test('I9: that allocates, frees, compacts, fills up, empties and reopens', async () => {
    const { store, live } = busyStore(TINY_GEOMETRY);
    const directory = await importInto(exportAll(store));
    let copy = new MemoryStore({ directory, maxBytes: 4 * TINY_GEOMETRY.arenaBytes });
    for (let round = 0; round < 3; round += 1) {
      const added: Live[] = [];
      while (copy.engine.tryEnsureSpace(1) === undefined) {
        const bytes = fillOf(512, added.length);
        copy.transact((tx) => added.push({ pointer: tx.write([bytes])[0] as Pointer, bytes }));
        if (added.length % 50 === 0) copy.commit();
      }
      copy.engine.askCompaction();
      copy.commit();
      expect(added.length).toBeGreaterThan(50);
      copy = copy.reopen();
      expectSame(copy, [...live, ...added]);
      copy.transact((tx) => {
        for (const { pointer } of added) tx.free(pointer);
      });
      for (let commits = 0; commits < 4; commits += 1) copy.commit();
      expectSame(copy, live);
    }
  });

  test('of a copy, and of a store that a full arena has left without a free block more', async () => {
    const geometry = { ...TINY_GEOMETRY, arenaBytes: 40 * 512 };
    const store = new MemoryStore({ geometry, maxBytes: 4 * geometry.arenaBytes });
    const live: Live[] = [];
    while (store.engine.tryEnsureSpace(1) === undefined) {
      const bytes = fillOf(512, live.length);
      store.transact((tx) => live.push({ pointer: tx.write([bytes])[0] as Pointer, bytes }));
    }
    store.commit();
    const copy = new MemoryStore({ geometry, directory: await importInto(exportAll(store)) });
    const again = new MemoryStore({ geometry, directory: await importInto(exportAll(copy)) });
    expectSame(copy, live);
    expectSame(again, live);
  });

  test('in which arenas that hold nothing stand before the one that holds all', async () => {
    const { hashDomain } = new MemoryStore().opened.label;
    const bytes = fillOf(512, 3);
    const address = (5 * TINY_GEOMETRY.arenaBytes + 9 * 512) as BlockAddress;
    const pointer = sealed(address, 4, bytes, hashDomain);
    const frames = sealImage(
      { hashDomain, grownBlocks: [0, 0, 0, 0, 0, 20], roots: new Map([['main', pointer]]) },
      [{ arena: 5, firstBlock: 9, bytes }],
    );
    const copy = new MemoryStore({ directory: await importInto(frames), maxBytes: 2 ** 30 });
    expectSame(copy, [{ pointer, bytes }]);
    const grown = copy.engine.arenas.arenas.map(({ grownBlocks }) => grownBlocks);
    expect(grown.slice(0, 5)).toEqual([0, 128, 0, 128, 0]);
    const more = copy.transact((tx) => tx.write(Array(300).fill(bytes)));
    copy.commit();
    const live = more.map((each) => ({ pointer: each, bytes }));
    expectSame(copy.reopen(), [{ pointer, bytes }, ...live]);
  });

  test('whose pointers are the original’s, and no other store’s', async () => {
    const { store, live } = busyStore(TINY_GEOMETRY);
    const copy = new MemoryStore({ directory: await importInto(exportAll(store)) });
    const { pointer } = live[3] as Live;
    const foreign = sealed(pointer.address, pointer.generation, copy.read(pointer), fillOf(16, 9));
    expect(() => copy.read(foreign)).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
    const later = store.transact((tx) => tx.write([fillOf(512, 77)])[0] as Pointer);
    store.commit();
    expect(() => copy.read(later)).toThrow(StoreError);
  });

  test('whatever the chunks', async () => {
    const { store, live } = busyStore(TINY_GEOMETRY, 20);
    const bytes = join(exportAll(store));
    for (const size of [1, 7, 4096, bytes.length]) {
      const chunks: Uint8Array[] = [new Uint8Array(0)];
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
      expectSame(new MemoryStore({ directory: await importInto(chunks) }), live);
    }
  });
});

describe('an export', () => {
  test('is of one moment, while transactions go on and a reader is pinned', async () => {
    const { store, live } = busyStore(TINY_GEOMETRY);
    const { engine } = store;
    const pinned = engine.publication;
    const release = engine.setOldestPublication.bind(engine);
    engine.setOldestPublication = (publication) => release(Math.min(publication, pinned));
    const image = new ImageExport(store.opened);
    const frames: Uint8Array[] = [];
    for (let frame = image.next(); frame !== undefined; frame = image.next()) {
      frames.push(frame);
      if (frames.length > 1) continue;
      store.transact((tx) => {
        tx.setRoot('main', tx.write([fillOf(512, 99)])[0] as Pointer);
        tx.setRoot('last', undefined);
        for (const { pointer } of live) tx.free(pointer);
      });
      for (let commits = 0; commits < 4; commits += 1) store.commit();
      expect(engine.heldByReadersBlocks).toBe(live.length);
      expect(checkStore(store, []).problems).toEqual([]);
      store.transact((tx) => tx.write(Array(60).fill(fillOf(512, 98))));
      store.commit();
    }
    expectSame(new MemoryStore({ directory: await importInto(frames) }), live);
  });

  test('comes in frames of at most about 1 MiB', () => {
    const geometry: Geometry = {
      blockBytes: 65_536,
      sectorBytes: 4096,
      slotBytes: 65_536,
      diskCount: 1,
      arenaBytes: 128 * 65_536,
    };
    const store = new MemoryStore({ geometry, maxBytes: geometry.arenaBytes });
    store.transact((tx) => tx.write(Array(40).fill(fillOf(65_536, 1))));
    store.commit();
    const frames = exportAll(store);
    expect(frames.length).toBe(5);
    for (const frame of frames) expect(frame.length).toBeLessThanOrEqual(FRAME_BYTES_MAX);
  });

  test('I2: rejects with the address of a damaged block, root or cached', () => {
    for (const which of [0, 5]) {
      const { store, live } = busyStore(TINY_GEOMETRY);
      const { address } = (live[which] as Live).pointer;
      store.read((live[which] as Live).pointer);
      damage(store, address);
      expect(() => exportAll(store)).toThrow(
        expect.objectContaining({
          code: 'CORRUPT',
          coordinates: expect.objectContaining({ address }),
        }),
      );
      expect(store.engine.damaged.has(address)).toBe(true);
    }
  });

  test('rejects with IO what cannot be read, and is over then', () => {
    const { store } = busyStore(TINY_GEOMETRY);
    store.directory.file('disk-0')?.truncate(20_000);
    const image = new ImageExport(store.opened);
    expect(() => {
      while (image.next() !== undefined);
    }).toThrow(expect.objectContaining({ code: 'IO' }));
    expect(image.next()).toBeUndefined();
  });
});

function damage(store: MemoryStore, address: BlockAddress): void {
  const disk = Math.floor(address / TINY_GEOMETRY.arenaBytes) % TINY_GEOMETRY.diskCount;
  const offset = fileOffsetOf(address, TINY_GEOMETRY);
  store.directory.file(`disk-${disk}`)?.write(Uint8Array.of(254), offset + 5);
}

/** The pointer of a block that a store of this hash domain would have written. */
function sealed(
  address: BlockAddress,
  generation: number,
  bytes: Uint8Array,
  hashDomain: Uint8Array,
): Pointer {
  const blockHasher = new BlockHasher(hasher, hashDomain);
  blockHasher.hashBlock(address, generation, bytes);
  return {
    address,
    generation: generation as Generation,
    hashHigh: blockHasher.high,
    hashLow: blockHasher.low,
  };
}

/** An image with right checksums, of a store that may never have been. */
function sealImage(
  header: Partial<ImageHeader>,
  runs: readonly { arena: number; firstBlock: number; bytes: Uint8Array }[],
): Uint8Array[] {
  const geometry = header.geometry ?? TINY_GEOMETRY;
  const counts = runs.map(({ bytes }) => bytes.length / geometry.blockBytes);
  const writer = new ImageWriter(hasher, {
    hashDomain: new Uint8Array(16),
    geometry,
    generation: 9,
    roots: new Map(),
    grownBlocks: [128, 128],
    blockCount: counts.reduce((sum, count) => sum + count, 0),
    ...header,
  });
  const frames = [writer.header()];
  for (const [n, { arena, firstBlock, bytes }] of runs.entries()) {
    writer.openBlocks({ arena, firstBlock, count: counts[n] as number }).set(bytes);
    frames.push(writer.sealBlocks());
  }
  return [...frames, writer.end()];
}

describe('an import refuses and leaves nothing', () => {
  const { store } = busyStore(TINY_GEOMETRY, 20);
  const frames = exportAll(store);
  const image = join(frames);

  test('a flipped byte, wherever it is', async () => {
    for (let offset = 0; offset < image.length; offset += offset < 400 ? 1 : 37) {
      const flipped = image.slice();
      flipped[offset] = (flipped[offset] as number) ^ (1 << (offset % 8));
      const { code, message } = await refusalOf([flipped]);
      expect(code).toMatch(/^(CORRUPT|VERSION)$/);
      expect(message).toContain('Nothing was imported');
    }
  });

  test('a cut, at every frame and inside', async () => {
    for (let count = 0; count < frames.length; count += 1) {
      const whole = frames.slice(0, count);
      expect((await refusalOf(whole)).code).toBe('CORRUPT');
      const part = (frames[count] as Uint8Array).subarray(0, -1);
      expect((await refusalOf([...whole, part])).code).toBe('CORRUPT');
    }
  });

  test('frames missing, doubled, swapped, of another image, or behind the end', async () => {
    const [header, ...rest] = frames as [Uint8Array, ...Uint8Array[]];
    const others = exportAll(busyStore(TINY_GEOMETRY, 30).store);
    const wrong = [
      [header, ...rest.slice(1)],
      [header, rest[0] as Uint8Array, ...rest],
      [header, ...rest.slice(1), rest[0] as Uint8Array],
      [header, ...others.slice(1)],
      [...frames, Uint8Array.of(0)],
      [...frames, ...frames],
      [fillOf(5000, 1)],
    ];
    for (const chunks of wrong) expect((await refusalOf(chunks)).code).toBe('CORRUPT');
  });

  test('a later version, by its own name', async () => {
    const later = image.slice();
    later[IMAGE_FRAME.size + 8] = 2;
    expect((await refusalOf([later])).code).toBe('VERSION');
  });

  test('a root whose block is missing, or another', async () => {
    const bytes = fillOf(512, 1);
    const root = sealed((3 * 512) as BlockAddress, 4, bytes, new Uint8Array(16));
    const roots = new Map([['main', root]]);
    const missing = sealImage({ roots }, [{ arena: 0, firstBlock: 4, bytes }]);
    expect((await refusalOf(missing)).message).toContain('root');
    const other = sealImage({ roots }, [{ arena: 0, firstBlock: 3, bytes: fillOf(512, 2) }]);
    expect((await refusalOf(other)).message).toContain('root');
    const right = sealImage({ roots }, [{ arena: 0, firstBlock: 3, bytes }]);
    expect((await importInto(right)).list()).toEqual(['disk-0', 'disk-1']);
  });

  test('I9: an arena without room for its log', async () => {
    const full = arenaBlocks(TINY_GEOMETRY);
    const frames = sealImage({}, [{ arena: 0, firstBlock: 0, bytes: new Uint8Array(full * 512) }]);
    expect((await refusalOf(frames)).message).toContain('no room for its log');
  });

  test('a generation after which no commit would be possible', async () => {
    const frames = sealImage({ generation: Number.MAX_SAFE_INTEGER }, []);
    expect((await refusalOf(frames)).code).toBe('CORRUPT');
  });

  test('a block absurdly far away, before anything is written there', async () => {
    const geometry = { ...TINY_GEOMETRY, slotBytes: 65_536, diskCount: 1, arenaBytes: 2 ** 33 };
    const bytes = new Uint8Array(512);
    const frames = sealImage({ geometry, grownBlocks: Array(1024).fill(2 ** 24) }, [
      { arena: 1023, firstBlock: 2 ** 24 - 1, bytes },
    ]);
    const calls: string[] = [];
    const plan: FaultPlan = (operation, _nth, offset) => {
      calls.push(operation);
      return operation === 'truncate' && offset > 2 ** 30 ? { throw: 'QuotaExceededError' } : 'ok';
    };
    const error = await refusalOf(frames, new TestDirectory(new MemoryDirectory(), plan));
    expect(error.code).toBe('QUOTA');
    expect(calls).not.toContain('write');
  });

  test('with EXISTS, a directory that is not empty, and touches nothing in it', async () => {
    const files = new MemoryDirectory();
    files.open('disk-0').close();
    const importing = importImage(source(frames), new TestDirectory(files), hasher);
    await expect(importing).rejects.toMatchObject({ code: 'EXISTS' });
    expect(files.list()).toEqual(['disk-0']);
  });

  test('when any single call of any file fails', async () => {
    const total = { write: 0, truncate: 0, flush: 0 };
    const count: FaultPlan = (operation) => {
      if (operation in total) total[operation as keyof typeof total] += 1;
      return 'ok';
    };
    await importInto(frames, new TestDirectory(new MemoryDirectory(), count));
    for (const operation of ['write', 'truncate', 'flush'] as const) {
      expect(total[operation]).toBeGreaterThan(2);
      for (let failing = 0; failing < total[operation]; failing += 1) {
        let call = 0;
        const plan: FaultPlan = (now) => {
          if (now !== operation) return 'ok';
          call += 1;
          const quota = operation === 'truncate' ? 'QuotaExceededError' : 'UnknownError';
          return call - 1 === failing ? { throw: quota } : 'ok';
        };
        const error = await refusalOf(frames, new TestDirectory(new MemoryDirectory(), plan));
        expect(error.code).toBe(operation === 'truncate' ? 'QUOTA' : 'IO');
      }
    }
  });

  test('when the stream fails, with the stream’s own error', async () => {
    const directory = new TestDirectory();
    const failing = async () => {
      const frame = rest.shift();
      if (frame === undefined) throw new StoreError('ABORTED', 'as planned');
      return frame;
    };
    const rest = frames.slice(0, 2);
    await expect(importImage(failing, directory, hasher)).rejects.toMatchObject({
      code: 'ABORTED',
    });
    expect(directory.files.list()).toEqual([]);
  });

  test('and says so when something did stay behind', async () => {
    const directory = new TestDirectory();
    directory.removeFile = async () => {
      throw new StoreError('IO', 'as planned');
    };
    const importing = importImage(source(frames.slice(0, 2)), directory, hasher);
    await expect(importing).rejects.toMatchObject({
      code: 'IO',
      message: expect.stringContaining('delete the store'),
      cause: expect.objectContaining({ code: 'CORRUPT' }),
    });
  });

  test('a crash in the middle leaves no store', async () => {
    for (let cut = 1; cut < frames.length; cut += 1) {
      const files = new MemoryDirectory();
      let crashed = new MemoryDirectory();
      const next = async () => {
        const frame = rest.shift();
        if (frame === undefined) crashed = files.clone();
        return frame;
      };
      const rest = frames.slice(0, cut);
      await expect(importImage(next, new TestDirectory(files), hasher)).rejects.toThrow();
      expect(crashed.list()).toEqual(['disk-0', 'disk-1']);
      expect(() => new MemoryStore({ directory: crashed })).toThrow(
        expect.objectContaining({ code: 'NOT_FOUND' }),
      );
    }
  });
});
