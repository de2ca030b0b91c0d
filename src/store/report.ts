/**
 * What the engine tells about itself. All of it is plain data: it crosses threads as it is and is part of the
 * public API.
 */

/**
 * - `ok`: everything acknowledged is as durable as the platform makes it.
 * - `poisoned`: a write or flush failed. Nothing more is acknowledged; reading goes on; opening again recovers.
 * - `evicted`: the browser removed the files while they were open. Nothing more is acknowledged.
 * - `stalled`: a worker has not answered for 5 s.
 * - `closed`: closed, or the session was lost.
 */
export type Health = 'ok' | 'poisoned' | 'evicted' | 'stalled' | 'closed';

export type Profile = 'threaded' | 'inline';
export type Durability = 'strict' | 'relaxed';

/** What opening found. Never silent: a roll-back is visible here. */
export interface Recovery {
  /** This open created the store. */
  readonly created: boolean;
  /** The generation that was opened. */
  readonly generation: number;
  /**
   * Newer superblocks that were there but could not be used, newest first, and why. Empty after a clean start. One
   * that cannot even be read counts as the generation after the newest found: what it held cannot be known.
   */
  readonly rejected: readonly RejectedGeneration[];
  /** How many generations were given up, counted in superblocks found; 0 after a clean start. */
  readonly rolledBack: number;
  /** Bytes of recent blocks that were verified by their logged hashes. */
  readonly verifiedBytes: number;
  /**
   * Bytes of recent blocks that were not read at open because there were too many (256 MiB are). Reads verify them.
   */
  readonly unverifiedBytes: number;
  /**
   * Addresses of recent blocks that do not match their logged hashes, when no generation was without such: the newest
   * whose logs verify was opened, and reading these blocks is CORRUPT. Empty after a clean start.
   */
  readonly damagedBlocks: readonly number[];
  /** Allocation log records replayed. */
  readonly recordsReplayed: number;
  /** Time from the first read to the open store, in milliseconds. */
  readonly openMs: number;
  /** The newest generation that the catalogue outside OPFS remembers, when it is newer than the one opened. */
  readonly expectedGeneration?: number;
}

export interface RejectedGeneration {
  readonly generation: number;
  readonly reason: string;
}

export interface ArenaStats {
  readonly arena: number;
  readonly disk: number;
  /** Bytes of the arena that the file has room for so far; it grows up to the arena size. */
  readonly grownBytes: number;
  /** Allocated: data, metadata and log. Without what is pending. */
  readonly usedBytes: number;
  /** Freed, but not yet reusable: waits for two commits, or for a reader. */
  readonly pendingBytes: number;
  readonly freeBytes: number;
  readonly freeRanges: number;
  readonly largestFreeBytes: number;
  readonly logBlocks: number;
  readonly logRecords: number;
  /** Bytes kept for the allocation log, so that a full store can still free and commit (I9). */
  readonly reserveBytes: number;
  readonly compactions: number;
}

export interface StoreStats {
  readonly generation: number;
  readonly health: Health;
  readonly blockBytes: number;
  readonly fileBytes: number;
  readonly maxBytes: number;
  readonly grownBytes: number;
  readonly usedBytes: number;
  readonly pendingBytes: number;
  readonly freeBytes: number;
  readonly heldByReadersBytes: number;
  readonly roots: number;
  readonly arenas: readonly ArenaStats[];
  readonly cache: CacheStats;
  readonly disks: readonly DiskStats[];
  readonly commits: CommitStats;
  readonly epochs: EpochStats;
}

/** Who may still look at freed blocks, and what waits for that. */
export interface EpochStats {
  /** The global epoch; in the inline profile, the number of the last published state. */
  readonly global: number;
  /** Everyone who reads; `pinned` is the oldest epoch that client is inside, 0 when it is in none. */
  readonly clients: readonly { readonly client: string; readonly pinned: number }[];
  /** Freed blocks that readers may still see: freed in the global epoch, in the one before, and before that. */
  readonly limboBlocks: readonly [number, number, number];
  /** Freed blocks that wait for two more durable commits. */
  readonly commitWaitBlocks: number;
}

export interface CacheStats {
  readonly slots: number;
  readonly used: number;
  readonly dirty: number;
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
}

export interface DiskStats {
  readonly disk: number;
  readonly file: string;
  readonly fileBytes: number;
  readonly queued: number;
  /** Calls of the file's `write`, and the blocks they carried: the quotient is what coalescing gains. */
  readonly writes: number;
  readonly blocksWritten: number;
  readonly bytesWritten: number;
  readonly skipped: number;
  readonly reads: number;
  readonly blocksRead: number;
  readonly flushes: number;
  readonly flushMsLast: number;
  readonly flushMsMax: number;
}

export interface CommitStats {
  readonly count: number;
  readonly transactions: number;
  readonly msLast: number;
  readonly msMax: number;
}

/**
 * A byte per block of every grown arena, arenas in order, for maps and tools.
 */
export interface BlockStates {
  readonly bytes: Uint8Array;
  readonly arenas: readonly { arena: number; disk: number; first: number; count: number }[];
  readonly arenaBytes: number;
  readonly blockBytes: number;
}

export const BLOCK_STATE = {
  free: 0,
  data: 1,
  metadata: 2,
  log: 3,
  /** Written in a transaction that no finished commit holds yet. */
  dirty: 4,
  /** Freed, but still reachable from one of the last commits or from a reader. */
  pending: 5,
  /** Its last read did not match its pointer. */
  damaged: 6,
} as const;
export type BlockState = (typeof BLOCK_STATE)[keyof typeof BLOCK_STATE];

export type CheckProblemKind =
  | 'label'
  | 'superblock'
  | 'log'
  | 'ranges'
  | 'hash'
  | 'root'
  | 'leak'
  | 'dangling'
  | 'double'
  | 'io';

export interface CheckProblem {
  readonly kind: CheckProblemKind;
  readonly message: string;
  readonly address?: number;
  readonly arena?: number;
  readonly disk?: number;
}

export interface CheckReport {
  /** No problems were found. */
  readonly clean: boolean;
  readonly generation: number;
  /** At most 1,000 are listed; `problemCount` counts all. */
  readonly problems: readonly CheckProblem[];
  readonly problemCount: number;
  readonly blocksRead: number;
  /** Blocks in use, without the log's own. */
  readonly blocksUsed: number;
  /** Blocks by state, indexed by `BLOCK_STATE`. */
  readonly census: readonly number[];
}
