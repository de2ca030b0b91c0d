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

/**
 * - `threaded`: shared memory and a worker for each file; cached reads need no message. Needs cross-origin isolation.
 * - `inline`: one worker, every read is a message. Works everywhere. Same files, same API.
 */
export type Profile = 'threaded' | 'inline';
/**
 * What a resolved transaction promises:
 *
 * - `strict`: it survives the end of the browser, and power loss as far as the platform's flush does.
 * - `relaxed`: everyone sees it, and it is durable within 100 ms, or when the page is hidden or the store closed. A
 * crash loses only a suffix of such transactions.
 */
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

/** A newer state that was there and could not be used. */
export interface RejectedGeneration {
  /** Its number. */
  readonly generation: number;
  /** What is wrong with it, as a sentence. */
  readonly reason: string;
}

/** One arena, the unit of allocation. */
export interface ArenaStats {
  /** Its number, from 0. */
  readonly arena: number;
  /** The number of the file it lies in, from 0. */
  readonly disk: number;
  /** Bytes of the arena that the file has room for so far; it grows up to the arena size. */
  readonly grownBytes: number;
  /** Bytes allocated: data, metadata and log. Without what is pending. */
  readonly usedBytes: number;
  /** Bytes freed, but not yet reusable: they wait for two commits, or for a reader. */
  readonly pendingBytes: number;
  /** Bytes that can be allocated now. What is used, pending and free adds up to what is grown. */
  readonly freeBytes: number;
  /** How many ranges the free bytes are cut into. */
  readonly freeRanges: number;
  /** Bytes of the largest of these ranges. */
  readonly largestFreeBytes: number;
  /** Blocks of the allocation log. */
  readonly logBlocks: number;
  /** Records in the allocation log; compaction lowers it. */
  readonly logRecords: number;
  /** Bytes kept for the allocation log, so that a full store can still free and commit (I9). */
  readonly reserveBytes: number;
  /** How often the log was compacted since the store was opened. */
  readonly compactions: number;
}

/** Sizes and counters of a store. Counters count from opening. */
export interface StoreStats {
  /** The last durable generation. */
  readonly generation: number;
  /** As `Store.health`. */
  readonly health: Health;
  /** Bytes of a block. */
  readonly blockBytes: number;
  /** Bytes of all files together: what the store takes of the quota. */
  readonly fileBytes: number;
  /** Bytes that the arenas may grow to. */
  readonly maxBytes: number;
  /** Bytes that the arenas have grown to. */
  readonly grownBytes: number;
  /** Bytes allocated, as of all arenas. */
  readonly usedBytes: number;
  /** Bytes freed and not yet reusable, as of all arenas. */
  readonly pendingBytes: number;
  /** Bytes that can be allocated without growth, as of all arenas. */
  readonly freeBytes: number;
  /** Bytes of what is pending that only wait for a reader to be disposed. */
  readonly heldByReadersBytes: number;
  /** How many named roots there are. */
  readonly roots: number;
  /** Every arena. */
  readonly arenas: readonly ArenaStats[];
  /** The block cache. */
  readonly cache: CacheStats;
  /** Every file. */
  readonly disks: readonly DiskStats[];
  /** Commits so far. */
  readonly commits: CommitStats;
  /** What waits for readers and for commits before its space is used again. */
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

/** The block cache. A slot holds one block. */
export interface CacheStats {
  /** How many there are. */
  readonly slots: number;
  /** How many hold a block. */
  readonly used: number;
  /** How many hold a block that is not written yet, and cannot be evicted. */
  readonly dirty: number;
  /** Reads that found their block. */
  readonly hits: number;
  /** Reads that had to wait for a file. */
  readonly misses: number;
  /** Blocks that made room for others. */
  readonly evictions: number;
}

/** One file and what was asked of it. */
export interface DiskStats {
  /** Its number, from 0. */
  readonly disk: number;
  /** Its name. */
  readonly file: string;
  /** Its length in bytes. */
  readonly fileBytes: number;
  /** Requests that wait. */
  readonly queued: number;
  /** Calls of the file's `write`; `blocksWritten` by this is what coalescing gains. */
  readonly writes: number;
  /** Blocks that these calls carried. */
  readonly blocksWritten: number;
  /** Bytes that these calls carried. */
  readonly bytesWritten: number;
  /** Writes that were not needed any more when their turn came. */
  readonly skipped: number;
  /** Calls of the file's `read`. */
  readonly reads: number;
  /** Blocks that these calls brought. */
  readonly blocksRead: number;
  /** Calls of the file's `flush`. */
  readonly flushes: number;
  /** How long the last of them took, in milliseconds. */
  readonly flushMsLast: number;
  /** How long the slowest of them took, in milliseconds. */
  readonly flushMsMax: number;
}

/** Commits since the store was opened. */
export interface CommitStats {
  /** How many there were. */
  readonly count: number;
  /** How many transactions they carried; more than commits when several shared one. */
  readonly transactions: number;
  /** How long the last one took, in milliseconds. */
  readonly msLast: number;
  /** How long the slowest one took, in milliseconds. */
  readonly msMax: number;
}

/**
 * A byte per block of every grown arena, arenas in order, for maps and tools.
 */
export interface BlockStates {
  /** A byte per block, one of `BLOCK_STATE`. */
  readonly bytes: Uint8Array;
  /** Where each arena's blocks are in `bytes`: from index `first`, `count` of them. */
  readonly arenas: readonly { arena: number; disk: number; first: number; count: number }[];
  /** Bytes of a whole arena: block `i` of arena `a` has the address `a × arenaBytes + i × blockBytes`. */
  readonly arenaBytes: number;
  /** Bytes of a block. */
  readonly blockBytes: number;
}

/** What the bytes of `Store.blockStates` mean. */
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
/** One of the values of `BLOCK_STATE`. */
export type BlockState = (typeof BLOCK_STATE)[keyof typeof BLOCK_STATE];

/**
 * What a check can find wrong:
 *
 * - `label`, `superblock`, `log`: one of the engine's own structures.
 * - `ranges`: the allocator's state is not what its log says.
 * - `hash`: a block does not match its pointer or its logged hash.
 * - `root`: a root names a block that is not in use.
 * - `leak`: a block is in use, and no pointer given leads to it.
 * - `dangling`: a pointer given leads to a block that is not in use.
 * - `double`: a block is reached by two pointers, or claimed twice.
 * - `io`: a file could not be read.
 */
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

/** One thing that is wrong. */
export interface CheckProblem {
  /** What kind of thing. */
  readonly kind: CheckProblemKind;
  /** What it is, as a sentence. */
  readonly message: string;
  /** The block's address, in bytes. */
  readonly address?: number;
  /** The arena's number. */
  readonly arena?: number;
  /** The file's number. */
  readonly disk?: number;
}

/** What a check has found. */
export interface CheckReport {
  /** No problems were found. */
  readonly clean: boolean;
  /** The generation that was checked. */
  readonly generation: number;
  /** The first 1,000 problems. */
  readonly problems: readonly CheckProblem[];
  /** How many problems there are, listed or not. */
  readonly problemCount: number;
  /** Blocks that were read and verified. */
  readonly blocksRead: number;
  /** Blocks in use, without the log's own. */
  readonly blocksUsed: number;
  /** Blocks by state, indexed by `BLOCK_STATE`. */
  readonly census: readonly number[];
}
