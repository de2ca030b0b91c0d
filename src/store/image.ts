/**
 * Images: one state of a store as a stream of bytes, and a new store from it. Constant memory on both sides: a frame
 * of up to 1 MiB, and on export a byte per block for what is in use.
 *
 * An import is all or nothing. What it has written becomes a store with the labels, at the very end and after
 * everything else is durable; whatever goes wrong before, its files are removed.
 */
import type { Arena } from '../arena/arena.ts';
import { STATE } from '../arena/block-state.ts';
import { assert } from '../base/assert.ts';
import type { ArenaIndex, BlockAddress, BlockIndex } from '../base/brand.ts';
import { rethrowBug, StoreError } from '../base/errors.ts';
import { NO_SLOT } from '../cache/slot-list.ts';
import { addressOf, arenaDisk, fileOffsetOf } from '../format/geometry.ts';
import { BlockHasher, type Hasher } from '../format/hasher.ts';
import { frameBlocksMax, type ImageHeader } from '../format/image.ts';
import { type ImageFrame, ImageReader } from '../format/image-reader.ts';
import { ImageWriter } from '../format/image-writer.ts';
import { STORE_ID_BYTES } from '../format/label.ts';
import type { Pointer } from '../format/pointer.ts';
import { GENERATION_MAX } from '../format/superblock.ts';
import { SLOT_STATUS } from '../shared/cache-layout.ts';
import type { DiskPort } from '../sync/disk-port.ts';
import type { StoreDirectory } from './directory.ts';
import type { Engine } from './engine.ts';
import { imageError, inconsistentImageError } from './image-errors.ts';
import { ImportedFiles } from './imported-files.ts';
import { faultError } from './store-errors.ts';
import type { OpenedEngine } from './store-files.ts';

/**
 * The state as of its construction, frame by frame. Constructed with no transaction open and all that has ended
 * durable; until the last frame, or until it is given up, a reader's pin must hold that publication, so that no block
 * in it is reused meanwhile.
 */
export class ImageExport {
  private readonly engine: Engine;
  private readonly blockHasher: BlockHasher;
  private readonly writer: ImageWriter;
  /** By arena: 1 for each block in use. */
  private readonly used: readonly Uint8Array[];
  private readonly known = new Map<BlockAddress, Pointer>();
  private phase: 'header' | 'blocks' | 'ended' = 'header';
  private arena = 0;
  private block = 0;

  /** Throws POISONED or EVICTED: a broken store has no state that is both in memory and on the disk. */
  constructor(opened: OpenedEngine) {
    const { engine, label, hasher } = opened;
    engine.assertUsable();
    assert(!engine.committing, 'an export starts when the store is at rest');
    this.engine = engine;
    this.blockHasher = opened.blockHasher;
    const { arenas } = engine.arenas;
    this.used = arenas.map(usedBlocks);
    for (const pointer of engine.roots.values()) this.known.set(pointer.address, pointer);
    this.writer = new ImageWriter(hasher, {
      hashDomain: label.hashDomain,
      geometry: engine.geometry,
      generation: engine.durableGeneration,
      roots: new Map(engine.roots),
      grownBlocks: arenas.map(({ grownBlocks }) => grownBlocks),
      blockCount: this.used.reduce((sum, blocks) => sum + countOnes(blocks), 0),
    });
  }

  /**
   * The next frame, at most about 1 MiB, in a buffer of its own; `undefined` after the last. Throws CORRUPT with the
   * address of a block that is not what it should be, as far as that is known, or IO; there is no next frame then.
   */
  next(): Uint8Array | undefined {
    if (this.phase === 'ended') return undefined;
    if (this.phase === 'header') {
      this.phase = 'blocks';
      return this.writer.header();
    }
    const run = this.nextRun();
    if (run !== undefined) return this.readRun(run);
    this.phase = 'ended';
    return this.writer.end();
  }

  /** The next neighbours in use, as many as a frame takes. */
  private nextRun(): { arena: ArenaIndex; firstBlock: BlockIndex; count: number } | undefined {
    const countMax = frameBlocksMax(this.engine.geometry);
    for (; this.arena < this.used.length; this.arena += 1, this.block = 0) {
      const used = this.used[this.arena] as Uint8Array;
      const first = used.indexOf(1, this.block);
      if (first < 0) continue;
      let end = first + 1;
      while (end < first + countMax && used[end] === 1) end += 1;
      this.block = end;
      const firstBlock = first as BlockIndex;
      return { arena: this.arena as ArenaIndex, firstBlock, count: end - first };
    }
    return undefined;
  }

  private readRun(run: { arena: ArenaIndex; firstBlock: BlockIndex; count: number }): Uint8Array {
    const { geometry, ports } = this.engine;
    const first = addressOf(run.arena, run.firstBlock, geometry);
    const body = this.writer.openBlocks(run);
    const port = ports[arenaDisk(run.arena, geometry)] as DiskPort;
    const fault = port.readRaw(fileOffsetOf(first, geometry), body);
    if (fault !== undefined) {
      this.phase = 'ended';
      throw faultError(fault, { arena: run.arena });
    }
    for (let n = 0; n < run.count; n += 1) {
      const at = n * geometry.blockBytes;
      const bytes = body.subarray(at, at + geometry.blockBytes);
      this.verify((first + at) as BlockAddress, bytes);
    }
    return this.writer.sealBlocks();
  }

  /** Against the root that points there, or against what the cache has. Of other blocks no hash is known here. */
  private verify(address: BlockAddress, bytes: Uint8Array): void {
    const pointer = this.known.get(address) ?? this.cached(address);
    if (pointer === undefined || this.blockHasher.verify(bytes, pointer)) return;
    this.phase = 'ended';
    this.engine.damaged.add(address);
    throw new StoreError(
      'CORRUPT',
      `The disk has damaged the block at ${address}, so no image is made of it: set its root to another block or, ` +
        'when no root names it, replace it; then export again.',
      { coordinates: { address, generation: pointer.generation } },
    );
  }

  private cached(address: BlockAddress): Pointer | undefined {
    const { cache } = this.engine.io;
    const slot = cache.findAddress(address);
    if (slot === NO_SLOT || cache.status(slot) !== SLOT_STATUS.clean) return undefined;
    return cache.pointerOf(slot);
  }
}

/** 1 for data and metadata, 0 for what is free, pending or the log's: an import writes a log of its own. */
function usedBlocks({ states, grownBlocks }: Arena): Uint8Array {
  const used = new Uint8Array(grownBlocks);
  for (let block = 0; block < grownBlocks; block += 1) {
    const state = states[block];
    used[block] = state === STATE.data || state === STATE.metadata ? 1 : 0;
  }
  return used;
}

function countOnes(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) count += byte;
  return count;
}

export interface ImportImageOptions {
  /** 16 bytes, the new store's id; random ones when left out. */
  readonly storeId?: Uint8Array;
}

/** Chunks are taken in pieces of this size, so that one chunk of any size is not copied as a whole. */
const PIECE_BYTES = 2 ** 18;

/**
 * Makes a store of an image: the same geometry, hash domain, addresses and roots, another store id, and logs of its
 * own. `next` gives the image in chunks of any size, and `undefined` at its end.
 *
 * Rejects with EXISTS when the directory is not empty, CORRUPT when the image is damaged, cut off or none at all,
 * VERSION when a later version wrote it, QUOTA, IO, and with whatever `next` rejects with. Then all files are
 * removed.
 */
export async function importImage(
  next: () => Promise<Uint8Array | undefined>,
  directory: StoreDirectory,
  hasher: Hasher,
  options: ImportImageOptions = {},
): Promise<void> {
  if ((await directory.list()).length > 0) {
    throw new StoreError(
      'EXISTS',
      'There is a store already: import under another name, or delete that one first.',
    );
  }
  const storeId = options.storeId ?? crypto.getRandomValues(new Uint8Array(STORE_ID_BYTES));
  const importer = new Importer(directory, hasher, storeId);
  try {
    for (let chunk = await next(); chunk !== undefined; chunk = await next()) {
      await importer.take(chunk);
    }
    importer.finish();
  } catch (error) {
    await importer.abandon(error);
    throw error;
  }
  importer.close();
}

class Importer {
  private readonly directory: StoreDirectory;
  private readonly hasher: Hasher;
  private readonly storeId: Uint8Array;
  private readonly reader: ImageReader;
  private files: ImportedFiles | undefined;
  private header: ImageHeader | undefined;
  private blockHasher: BlockHasher | undefined;
  /** Blocks that roots name and that have not come yet. */
  private readonly rootsMissing = new Map<BlockAddress, Pointer[]>();

  constructor(directory: StoreDirectory, hasher: Hasher, storeId: Uint8Array) {
    this.directory = directory;
    this.hasher = hasher;
    this.storeId = storeId;
    this.reader = new ImageReader(hasher);
  }

  async take(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      this.reader.push(chunk.subarray(at, at + PIECE_BYTES));
      for (let frame = this.reader.next(); frame !== 'more'; frame = this.reader.next()) {
        if (!frame.ok) throw imageError(frame.error);
        await this.takeFrame(frame.value);
      }
    }
  }

  private async takeFrame(frame: ImageFrame): Promise<void> {
    if (frame.kind === 'header') await this.begin(frame.header);
    else if (frame.kind === 'blocks') this.write(frame);
  }

  private async begin(header: ImageHeader): Promise<void> {
    // Its first superblock has the next number.
    if (header.generation >= GENERATION_MAX)
      throw inconsistentImageError('its generation is too large');
    this.header = header;
    this.blockHasher = new BlockHasher(this.hasher, header.hashDomain);
    for (const pointer of header.roots.values()) {
      const known = this.rootsMissing.get(pointer.address);
      if (known === undefined) this.rootsMissing.set(pointer.address, [pointer]);
      else known.push(pointer);
    }
    this.files = new ImportedFiles(this.directory, {
      geometry: header.geometry,
      hashDomain: header.hashDomain,
      storeId: this.storeId,
      hasher: this.hasher,
      generation: header.generation + 1,
    });
    await this.files.open();
  }

  private write(frame: ImageFrame & { kind: 'blocks' }): void {
    const { files, header } = this;
    assert(files !== undefined && header !== undefined, 'a header comes before blocks');
    const { blockBytes } = header.geometry;
    const arena = frame.arena as ArenaIndex;
    const first = addressOf(arena, frame.firstBlock as BlockIndex, header.geometry);
    if (this.rootsMissing.size > 0) {
      for (let at = 0; at < frame.bytes.length; at += blockBytes) {
        this.verifyRoot((first + at) as BlockAddress, frame.bytes.subarray(at, at + blockBytes));
      }
    }
    files.write(frame);
  }

  private verifyRoot(address: BlockAddress, bytes: Uint8Array): void {
    const pointers = this.rootsMissing.get(address);
    if (pointers === undefined) return;
    for (const pointer of pointers) {
      if (this.blockHasher?.verify(bytes, pointer) === true) continue;
      throw inconsistentImageError(`the block at ${address} is not the one that a root names`);
    }
    this.rootsMissing.delete(address);
  }

  /** The image has ended: was it whole? Then the files become a store. */
  finish(): void {
    const end = this.reader.finish();
    if (!end.ok) throw imageError(end.error);
    const { files, header } = this;
    assert(files !== undefined && header !== undefined, 'a whole image has a header');
    const [missing] = this.rootsMissing.keys();
    if (missing !== undefined)
      throw inconsistentImageError(`a root names ${missing}, which is not in it`);
    files.publish(header.roots);
  }

  close(): void {
    this.files?.close();
  }

  /** Removes what there is. Throws when it cannot, because then something stays behind. */
  async abandon(cause: unknown): Promise<void> {
    try {
      await this.files?.remove();
    } catch (error) {
      rethrowBug(error);
      throw new StoreError(
        error.code,
        `The import failed, and so did removing its files (${error.message}): delete the store before trying again.`,
        { cause, coordinates: error.coordinates },
      );
    }
  }
}
