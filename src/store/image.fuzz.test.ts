/**
 * Images that no store of ours would write, with every checksum right: stores that never were, and true images with
 * bytes changed and frames dropped and doubled before they are sealed. Each is refused and leaves nothing, or is a
 * sound store.
 *
 * To replay a failure: OPFS_BLOCKS_SEED=<seed> OPFS_BLOCKS_PATH=<path> npx vitest run src/store/image.fuzz.test.ts
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assert } from '../base/assert.ts';
import type { ArenaIndex, BlockAddress, BlockIndex, Generation } from '../base/brand.ts';
import { StoreError } from '../base/errors.ts';
import type { Device } from '../device/device.ts';
import { openDevice } from '../device/handle-device.ts';
import { FaultyHandle, MemoryDirectory } from '../device/memory-handle.ts';
import { addressOf, type Geometry } from '../format/geometry.ts';
import { BlockHasher } from '../format/hasher.ts';
import { FrameChain, IMAGE_FRAME } from '../format/image.ts';
import { ImageWriter } from '../format/image-writer.ts';
import type { Pointer } from '../format/pointer.ts';
import { checkStore } from '../sim/check-store.ts';
import { hasher, MemoryStore } from '../sim/memory-store.ts';
import { quick, scaled } from '../sim/scale.ts';
import type { StoreDirectory } from './directory.ts';
import { importImage } from './image.ts';
import { inspectFiles } from './store-files.ts';

const FILE_BYTES_MAX = 2 ** 24;
const HASH_DOMAIN = new Uint8Array(16).fill(7);
const seed = process.env['OPFS_BLOCKS_SEED'];
const path = process.env['OPFS_BLOCKS_PATH'];
const replay = {
  ...(seed === undefined ? {} : { seed: Number(seed) }),
  ...(path === undefined ? {} : { path }),
};

/** Files that end at 16 MiB, and that must be long enough before anything is written to them. */
function directoryOver(files: MemoryDirectory): StoreDirectory {
  const open = async (file: string, options: { readonly create: boolean }): Promise<Device> => {
    const handle = files.open(file, options);
    const faulty = new FaultyHandle(handle, (operation, _nth, offset, length) => {
      if (operation === 'truncate' && offset > FILE_BYTES_MAX) {
        return { throw: 'QuotaExceededError' };
      }
      assert(operation !== 'write' || offset + length <= handle.getSize(), 'a write in bounds');
      return 'ok';
    });
    return openDevice(file, faulty);
  };
  return {
    open,
    list: async () => files.list(),
    removeFile: async (file) => files.remove(file),
    probe: async () => 'alive',
  };
}

/** The files of the store, or nothing when the image was refused as it should be. */
async function tryImport(frames: readonly Uint8Array[]): Promise<MemoryDirectory | undefined> {
  const files = new MemoryDirectory();
  const rest = [...frames];
  try {
    await importImage(async () => rest.shift(), directoryOver(files), hasher);
    return files;
  } catch (error) {
    expect(error).toBeInstanceOf(StoreError);
    expect((error as StoreError).code).toMatch(/^(CORRUPT|VERSION|QUOTA)$/);
    expect(files.list()).toEqual([]);
    return undefined;
  }
}

/** Opens it, checks it, and uses it: writes, commits, compacts, reopens. */
function expectSound(directory: MemoryDirectory): MemoryStore {
  const names = directory.list().sort();
  const devices = names.map((name) => openDevice(name, directory.open(name)));
  const inspection = inspectFiles(devices, hasher);
  for (const device of devices) device.close();
  assert(inspection.kind === 'store', 'an import that was accepted is a store');
  const { geometry } = inspection.label;
  const store = new MemoryStore({ geometry, directory, maxBytes: 2 ** 40 });
  expect(store.opened.recovered).toMatchObject({ rejected: [], damaged: [] });
  expect(checkStore(store).problems).toEqual([]);
  const before = store.engine.arenas.arenas.length;
  const bytes = new Uint8Array(geometry.blockBytes).fill(0xab);
  const pointers = store.transact((tx) => tx.write(Array(5).fill(bytes)));
  store.commit();
  store.engine.askCompaction();
  for (let commits = 0; commits < 4; commits += 1) store.commit();
  expect(checkStore(store).problems).toEqual([]);
  const again = store.reopen();
  for (const pointer of pointers) expect(again.read(pointer)[0]).toBe(0xab);
  expect(again.engine.arenas.arenas.length).toBeGreaterThanOrEqual(before);
  return again;
}

interface Invented {
  readonly geometry: Geometry;
  readonly runs: readonly { arena: number; gap: number; count: number }[];
  readonly generation: number;
  readonly roots: readonly { run: number; right: boolean }[];
}

const invented: fc.Arbitrary<Invented> = fc.record({
  geometry: fc.record({
    blockBytes: fc.constantFrom(512, 1024),
    sectorBytes: fc.constant(512),
    slotBytes: fc.constantFrom(4096, 65_536),
    diskCount: fc.integer({ min: 1, max: 4 }),
    arenaBytes: fc.integer({ min: 32, max: 90 }).map((blocks) => blocks * 1024),
  }),
  runs: fc.array(
    fc.record({
      arena: fc.oneof(fc.constant(0), fc.nat(2), fc.nat(12)),
      gap: fc.oneof(fc.nat(3), fc.nat(40)),
      count: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 60 })),
    }),
    { maxLength: 12 },
  ),
  generation: fc.integer({ min: 5, max: 2 ** 40 }),
  roots: fc.array(fc.record({ run: fc.nat(11), right: fc.boolean() }), { maxLength: 3 }),
});

interface Block {
  readonly address: BlockAddress;
  readonly fill: number;
}

/** Sealed as it is. Runs that do not fit are left out. */
function imageOf({ geometry, runs, generation, roots }: Invented) {
  const blocks: (Block & { arena: number; firstBlock: number })[] = [];
  const arenaBlocks = geometry.arenaBytes / geometry.blockBytes;
  const frames: { arena: number; firstBlock: number; count: number }[] = [];
  let [arena, next] = [0, 0];
  for (const run of [...runs].sort((one, other) => one.arena - other.arena)) {
    const firstBlock = (run.arena === arena ? next : 0) + run.gap;
    if (firstBlock + run.count > arenaBlocks) continue;
    frames.push({ arena: run.arena, firstBlock, count: run.count });
    [arena, next] = [run.arena, firstBlock + run.count];
    for (let block = firstBlock; block < next; block += 1) {
      const address = addressOf(arena as ArenaIndex, block as BlockIndex, geometry);
      blocks.push({ address, fill: (block * 7 + arena) % 256, arena, firstBlock: block });
    }
  }
  const blockHasher = new BlockHasher(hasher, HASH_DOMAIN);
  const named = new Map<string, Pointer>();
  for (const [n, root] of roots.entries()) {
    const block = blocks[root.run];
    if (block === undefined) continue;
    const bytes = new Uint8Array(geometry.blockBytes).fill(block.fill);
    blockHasher.hashBlock(block.address, 3, bytes);
    const { high: hashHigh, low } = blockHasher;
    const hashLow = root.right ? low : (low ^ 1) >>> 0;
    const { address } = block;
    named.set(`r${n}`, { address, generation: 3 as Generation, hashHigh, hashLow });
  }
  const writer = new ImageWriter(hasher, {
    hashDomain: HASH_DOMAIN,
    geometry,
    generation,
    roots: named,
    grownBlocks: Array(arena + 1).fill(arenaBlocks),
    blockCount: blocks.length,
  });
  const sealed = [writer.header()];
  for (const frame of frames) {
    const body = writer.openBlocks(frame);
    for (let n = 0; n < frame.count; n += 1) {
      const fill = ((frame.firstBlock + n) * 7 + frame.arena) % 256;
      body.fill(fill, n * geometry.blockBytes, (n + 1) * geometry.blockBytes);
    }
    sealed.push(writer.sealBlocks());
  }
  sealed.push(writer.end());
  return { frames: sealed, blocks };
}

/** Bytes changed in payloads and heads, frames dropped and doubled; then all of it sealed again. */
interface Change {
  readonly kind: 'byte' | 'word' | 'drop' | 'double' | 'swap';
  readonly frame: number;
  readonly offset: number;
  readonly value: number;
}

const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('byte', 'byte', 'word', 'drop', 'double', 'swap'),
  frame: fc.oneof(fc.constant(0), fc.nat(12)),
  offset: fc.oneof(fc.nat(180), fc.nat(3000)),
  value: fc.oneof(fc.nat(40), fc.constantFrom(0xff, 0xffff_ffff, 0x7fff_ffff, 0x0100_0000)),
});

function changed(frames: readonly Uint8Array[], changes: readonly Change[]): Uint8Array[] {
  let all = frames.map((frame) => frame.slice());
  for (const { kind, frame, offset, value } of changes) {
    const at = frame % all.length;
    const bytes = all[at];
    if (bytes === undefined) break;
    if (kind === 'byte') bytes[offset % bytes.length] = value & 0xff;
    else if (kind === 'word') {
      const place = (offset % (bytes.length >> 2)) << 2;
      new DataView(bytes.buffer).setUint32(place, value, true);
    } else if (kind === 'drop') all = all.filter((_, n) => n !== at);
    else if (kind === 'double') all.splice(at, 0, bytes.slice());
    else all.push(...all.splice(at, 1));
  }
  const chain = new FrameChain(hasher);
  for (const frame of all) if (frame.length >= IMAGE_FRAME.size) chain.seal(frame);
  return all;
}

describe('images with right checksums', () => {
  test('I3, I9: a state that never was is refused, or is exactly the store it says', async () => {
    let accepted = 0;
    const property = fc.asyncProperty(invented, async (state) => {
      const { frames, blocks } = imageOf(state);
      const files = await tryImport(frames);
      if (files === undefined) return;
      accepted += 1;
      const disks = Array.from({ length: state.geometry.diskCount }, (_, n) => `disk-${n}`);
      expect(files.list()).toEqual(disks);
      const store = expectSound(files);
      const used = checkStore(store).blocksUsed - 5;
      expect(used).toBe(blocks.length);
      for (const { address, fill } of blocks) {
        const bytes = new Uint8Array(state.geometry.blockBytes).fill(fill);
        const blockHasher = new BlockHasher(hasher, HASH_DOMAIN);
        blockHasher.hashBlock(address, 2, bytes);
        const { high: hashHigh, low: hashLow } = blockHasher;
        store.read({ address, generation: 2 as Generation, hashHigh, hashLow });
      }
    });
    const numRuns = scaled(100);
    await fc.assert(property, { numRuns, ...replay });
    if (seed === undefined && !quick) expect(accepted).toBeGreaterThan(numRuns / 5);
  });

  test('a true image that was tampered with is refused, or is a sound store', async () => {
    let accepted = 0;
    const changes = fc.array(change, { minLength: 1, maxLength: 4 });
    const property = fc.asyncProperty(invented, changes, async (state, list) => {
      const files = await tryImport(changed(imageOf(state).frames, list));
      if (files === undefined) return;
      accepted += 1;
      expectSound(files);
    });
    await fc.assert(property, { numRuns: scaled(500), ...replay });
    if (seed === undefined && !quick) expect(accepted).toBeGreaterThan(3);
  });
});
