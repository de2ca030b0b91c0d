/**
 * The blocks of one arena's log, in memory. Holds the log to I5: a sector that was written is not written again before
 * its block has been given back, unless the commit that wrote it was lost.
 */
import type { LogWriter } from '../arena/alloc-log.ts';
import { assert } from '../base/assert.ts';
import type { BlockIndex } from '../base/brand.ts';
import type { DeviceFault } from '../device/device.ts';
import type { Geometry } from '../format/geometry.ts';

type Batch = Parameters<LogWriter['writeBatch']>[0];

export interface WrittenBatch {
  readonly block: number;
  readonly sector: number;
  readonly sectorCount: number;
}

/** What a scratch buffer holds before anyone writes to it: nothing may rely on zeroes. */
const GARBAGE = 0xee;

export class LogDisk implements LogWriter {
  readonly blocks = new Map<number, Uint8Array>();
  /** Since the last `settle` or `lose`. */
  batches: WrittenBatch[] = [];
  sectorsWritten = 0;
  private readonly written = new Map<number, Set<number>>();
  private readonly scratches = new Map<number, Uint8Array>();
  private scratchCount = 0;
  private readonly geometry: Geometry;

  constructor(geometry: Geometry) {
    this.geometry = geometry;
  }

  openScratch(): number {
    this.scratchCount += 1;
    const bytes = new Uint8Array(this.geometry.blockBytes).fill(GARBAGE);
    this.scratches.set(this.scratchCount, bytes);
    return this.scratchCount;
  }

  scratchBytes(scratch: number): Uint8Array {
    const bytes = this.scratches.get(scratch);
    assert(bytes !== undefined, 'a scratch buffer is open until its batch is written');
    return bytes;
  }

  writeBatch({ scratch, block, sector, sectorCount }: Batch): void {
    const { sectorBytes } = this.geometry;
    const written = this.written.get(block) ?? new Set();
    for (let n = sector; n < sector + sectorCount; n += 1) {
      assert(!written.has(n), 'I5: no sector of the log is written twice');
      written.add(n);
    }
    this.written.set(block, written);
    const bytes = this.scratchBytes(scratch);
    this.scratches.delete(scratch);
    const from = sector * sectorBytes;
    const to = from + sectorCount * sectorBytes;
    this.blockOf(block).set(bytes.subarray(from, to), from);
    this.batches.push({ block, sector, sectorCount });
    this.sectorsWritten += sectorCount;
  }

  /** What was written is committed. */
  settle(): void {
    this.batches = [];
  }

  /** The commit under way is lost: of its sectors those land of which `lands` says so, the others hold garbage. */
  lose(lands: (sectorsBefore: number) => boolean): void {
    let sectorsBefore = 0;
    for (const { block, sector, sectorCount } of this.batches) {
      for (let n = sector; n < sector + sectorCount; n += 1) {
        this.written.get(block)?.delete(n);
        if (!lands(sectorsBefore)) this.sectorOf(block, n).fill(GARBAGE);
        sectorsBefore += 1;
      }
    }
    this.batches = [];
  }

  /** The log does not need this block any more, in no generation that may be opened. */
  release(block: number): void {
    this.written.delete(block);
  }

  /** Sectors behind those were never committed, so they may be written. */
  rollBack(committed: (block: number) => number): void {
    for (const [block, sectors] of this.written) {
      for (const sector of sectors) if (sector >= committed(block)) sectors.delete(sector);
    }
    this.batches = [];
  }

  sectorOf(block: number, sector: number): Uint8Array {
    const { sectorBytes } = this.geometry;
    return this.blockOf(block).subarray(sector * sectorBytes, (sector + 1) * sectorBytes);
  }

  readonly readBlock = (block: BlockIndex, into: Uint8Array): DeviceFault | undefined => {
    into.set(this.blockOf(block));
    return undefined;
  };

  private blockOf(block: number): Uint8Array {
    let bytes = this.blocks.get(block);
    if (bytes === undefined) {
      bytes = new Uint8Array(this.geometry.blockBytes).fill(GARBAGE);
      this.blocks.set(block, bytes);
    }
    return bytes;
  }
}
