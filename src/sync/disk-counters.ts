/** What a disk loop counts. Has the shape of `DiskStats`, which lies further up, and a field more. */
import type { DiskIndex } from '../base/brand.ts';

export interface DiskCounters {
  readonly disk: number;
  readonly file: string;
  /** The last size known, when it cannot be had now. */
  readonly fileBytes: number;
  readonly queued: number;
  /** Calls of the file's `write`, and the blocks they carried. */
  readonly writes: number;
  readonly blocksWritten: number;
  readonly bytesWritten: number;
  readonly skipped: number;
  readonly reads: number;
  readonly blocksRead: number;
  readonly flushes: number;
  /** Fences that needed no flush, because nothing was written since the last one. */
  readonly flushesSpared: number;
  readonly flushMsLast: number;
  readonly flushMsMax: number;
}

export type MutableDiskCounters = { -readonly [Key in keyof DiskCounters]: DiskCounters[Key] };

export function freshCounters(disk: DiskIndex, file: string): MutableDiskCounters {
  return {
    disk,
    file,
    fileBytes: 0,
    queued: 0,
    writes: 0,
    blocksWritten: 0,
    bytesWritten: 0,
    skipped: 0,
    reads: 0,
    blocksRead: 0,
    flushes: 0,
    flushesSpared: 0,
    flushMsLast: 0,
    flushMsMax: 0,
  };
}
