/**
 * The files of a store that is being imported: blocks at their old addresses, then for every arena a fresh log that
 * says exactly which blocks are in use.
 *
 * Guarantees: nothing is written outside the arenas of the geometry; replaying the new logs gives the blocks that
 * were written and the logs' own (I3); every arena has its log's reserve (I9). It trusts nobody about sizes: a file
 * gets as long as its blocks need. Because a file is one line, every arena of a disk but the last is full size.
 *
 * Memory: the free ranges of one arena per disk. Blocks arrive in the order of their addresses, so when an arena of a
 * disk has begun, the one before it is complete.
 */
import { AllocLog, type LogWriter } from '../arena/alloc-log.ts';
import { FreeRanges } from '../arena/free-ranges.ts';
import { logReserveBlocks } from '../arena/reserve.ts';
import { assert } from '../base/assert.ts';
import { type ArenaIndex, type BlockIndex, generation } from '../base/brand.ts';
import { rethrowBug, type StoreError } from '../base/errors.ts';
import type { Device, DeviceFault } from '../device/device.ts';
import {
  addressOf,
  arenaBlocks,
  arenaDisk,
  arenaOffset,
  fileOffsetOf,
  type Geometry,
} from '../format/geometry.ts';
import { BlockHasher, type Hasher } from '../format/hasher.ts';
import { UnitBuffer } from '../format/log-records.ts';
import type { Pointer } from '../format/pointer.ts';
import { type ArenaEntry, UNOPENED_ARENA } from '../format/superblock.ts';
import type { StoreDirectory } from './directory.ts';
import { importFaultError, inconsistentImageError } from './image-errors.ts';
import { createFiles } from './store-files.ts';

export interface ImportedStore {
  readonly geometry: Geometry;
  readonly hashDomain: Uint8Array;
  readonly storeId: Uint8Array;
  readonly hasher: Hasher;
  /** Later than any block's birth. */
  readonly generation: number;
}

/** The arena of a disk that is being filled. */
interface OpenArena {
  readonly index: ArenaIndex;
  /** As if the arena had grown to its full size. */
  readonly free: FreeRanges;
  usedBlocks: number;
  /** Behind the last block in use. */
  endBlock: number;
}

export class ImportedFiles {
  private readonly directory: StoreDirectory;
  private readonly store: ImportedStore;
  private readonly blockHasher: BlockHasher;
  private readonly devices: Device[] = [];
  /** By disk: how long its file is. */
  private readonly sizes: number[] = [];
  /** By disk. */
  private readonly filling: (OpenArena | undefined)[] = [];
  /** By arena; one that was never opened has none. */
  private readonly entries: (ArenaEntry | undefined)[] = [];

  constructor(directory: StoreDirectory, store: ImportedStore) {
    this.directory = directory;
    this.store = store;
    this.blockHasher = new BlockHasher(store.hasher, store.hashDomain);
  }

  async open(): Promise<void> {
    for (let disk = 0; disk < this.store.geometry.diskCount; disk += 1) {
      this.devices.push(await this.directory.open(`disk-${disk}`, { create: true }));
      this.sizes.push(0);
      this.filling.push(undefined);
    }
  }

  /** Neighbouring blocks, behind all those written before. Throws QUOTA, IO or CORRUPT. */
  write(blocks: { arena: number; firstBlock: number; count: number; bytes: Uint8Array }): void {
    const { geometry } = this.store;
    const { firstBlock, count, bytes } = blocks;
    const index = blocks.arena as ArenaIndex;
    const offset = fileOffsetOf(addressOf(index, firstBlock as BlockIndex, geometry), geometry);
    const device = this.deviceOf(index);
    // First of all, so that a place that is absurdly far away costs one refusal and no work.
    this.lengthen(index, offset + bytes.length);
    const arena = this.arenaToFill(index);
    const taken = arena.free.grabRange(firstBlock, count);
    assert(taken, 'an image is in the order of addresses and inside its arenas');
    arena.usedBlocks += count;
    arena.endBlock = firstBlock + count;
    check(device.write(bytes, offset));
  }

  /** The arenas of the same disk before it are sealed at full size, those that hold nothing too. */
  private arenaToFill(index: ArenaIndex): OpenArena {
    const { geometry } = this.store;
    const disk = arenaDisk(index, geometry);
    let arena = this.filling[disk] ?? newArena(disk, geometry);
    while (arena.index < index) {
      this.seal(arena, arenaBlocks(geometry));
      arena = newArena(arena.index + geometry.diskCount, geometry);
    }
    assert(arena.index === index, 'an image is in the order of addresses');
    this.filling[disk] = arena;
    return arena;
  }

  /** Makes the arena `grownBlocks` long and writes its log. */
  private seal(arena: OpenArena, grownBlocks: number): void {
    const { geometry } = this.store;
    const { index, free } = arena;
    this.lengthen(index, arenaOffset(index, geometry) + grownBlocks * geometry.blockBytes);
    const behind = arenaBlocks(geometry) - grownBlocks;
    assert(behind === 0 || free.grabRange(grownBlocks, behind), 'an arena ends behind its blocks');
    if (free.blockCount < logReserveBlocks(grownBlocks, geometry)) {
      throw inconsistentImageError(`arena ${index} has no room for its log`);
    }
    const log = new AllocLog(index, geometry, this.blockHasher);
    const units = new UnitBuffer();
    free.forEach((start, count) => {
      units.appendAvailable(start, count);
    });
    // A boundary, as in a compacted log: what was free before belongs to no commit that opening looks at.
    units.appendSync(0);
    const allocate = () => {
      const block = free.allocateHigh(1);
      assert(block >= 0, 'I9: the reserve holds a block for the log');
      return block;
    };
    const writer = new LogFileWriter(this.deviceOf(index), geometry);
    log.append(units, generation(this.store.generation), allocate, writer);
    const { head, sectors, hashHigh, hashLow } = log.position;
    this.entries[index] = {
      grownBlocks,
      usedBlocks: grownBlocks - free.blockCount,
      logHead: head,
      logSectors: sectors,
      logHashHigh: hashHigh,
      logHashLow: hashLow,
    };
  }

  /** Makes a store of the files: logs, a superblock, and in the end the labels. Throws QUOTA, IO or CORRUPT. */
  publish(roots: ReadonlyMap<string, Pointer>): void {
    const { geometry, storeId, hashDomain, hasher } = this.store;
    for (const arena of this.filling) {
      if (arena !== undefined) this.seal(arena, grownBlocksFor(arena, geometry));
    }
    // Before the superblock: cut short in this, the longest part, there is nothing that looks like a store.
    for (const device of this.devices) check(device.flush());
    const superblock = {
      generation: this.store.generation,
      previous: 0,
      beforePrevious: 0,
      thirdPrevious: 0,
      joint: false,
      storeId,
      roots,
      arenas: Array.from(this.entries, (entry) => entry ?? UNOPENED_ARENA),
    };
    createFiles(this.devices, { storeId, hashDomain, geometry }, hasher, superblock);
  }

  /** A fault of closing says nothing about what is durable: the last flush has told. */
  close(): void {
    for (const device of this.devices) device.close();
  }

  /** Closes and removes all files that were opened; tries all of them before it throws. */
  async remove(): Promise<void> {
    this.close();
    let failure: StoreError | undefined;
    for (const { file } of this.devices) {
      try {
        await this.directory.removeFile(file);
      } catch (error) {
        rethrowBug(error);
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
  }

  private lengthen(arena: ArenaIndex, byteCount: number): void {
    const disk = arenaDisk(arena, this.store.geometry);
    if (byteCount <= (this.sizes[disk] as number)) return;
    check(this.deviceOf(arena).resize(byteCount));
    this.sizes[disk] = byteCount;
  }

  private deviceOf(arena: ArenaIndex): Device {
    return this.devices[arenaDisk(arena, this.store.geometry)] as Device;
  }
}

function newArena(index: number, geometry: Geometry): OpenArena {
  const free = new FreeRanges();
  free.freeRange(0, arenaBlocks(geometry));
  return { index: index as ArenaIndex, free, usedBlocks: 0, endBlock: 0 };
}

/** The shortest arena that holds its blocks and has its reserve, or the longest there is. */
function grownBlocksFor({ usedBlocks, endBlock }: OpenArena, geometry: Geometry): number {
  const longest = arenaBlocks(geometry);
  let grown = endBlock;
  while (grown < longest) {
    const missing = logReserveBlocks(grown, geometry) - (grown - usedBlocks);
    if (missing <= 0) break;
    grown = Math.min(longest, grown + missing);
  }
  return grown;
}

/** Writes batches straight to the file; one scratch buffer does, because each is written before the next is begun. */
class LogFileWriter implements LogWriter {
  private readonly device: Device;
  private readonly geometry: Geometry;
  private readonly scratch: Uint8Array;

  constructor(device: Device, geometry: Geometry) {
    this.device = device;
    this.geometry = geometry;
    this.scratch = new Uint8Array(geometry.blockBytes);
  }

  openScratch(): number {
    return 0;
  }

  scratchBytes(): Uint8Array {
    return this.scratch;
  }

  writeBatch(batch: {
    arena: ArenaIndex;
    block: BlockIndex;
    sector: number;
    sectorCount: number;
  }): void {
    const { sectorBytes } = this.geometry;
    const address = addressOf(batch.arena, batch.block, this.geometry);
    const start = batch.sector * sectorBytes;
    const bytes = this.scratch.subarray(start, start + batch.sectorCount * sectorBytes);
    check(this.device.write(bytes, fileOffsetOf(address, this.geometry) + start));
  }
}

function check(fault: DeviceFault | undefined): void {
  if (fault !== undefined) throw importFaultError(fault);
}
