/**
 * The commit: a state machine advanced by completions, so that transactions go on while a flush is under way.
 *
 *     fenced:  idle ─ begin ─▶ fencing ─ flushed ─▶ probing ─ files still there ─▶ publishing ─ flushed ─▶ idle
 *     joint:   idle ─ begin ─▶ fencing ─ flushed ─▶ probing ─ files still there ─▶ idle
 *                        └── any failed write or flush, or files gone: failed, for good ──┘
 *
 * A *fenced* commit queues its superblock only after every touched disk has answered its fence. A *joint* one, for
 * little that is new, queues it with the rest and flushes once: half the time of a small durable commit. Such a
 * superblock may be on the disk without what it names, so it says that it is joint, and recovery believes it only
 * if all that was born with it is there too.
 *
 * Owns I6 (an acknowledgement follows the flush of everything it promises, and the answer that the files are still
 * there) and, with the superblock ring, I1. Nothing here waits or looks at a clock, except to measure.
 */
import type { LogWriter } from '../arena/alloc-log.ts';
import type { ArenaSet } from '../arena/arena-set.ts';
import { assert } from '../base/assert.ts';
import type { Generation } from '../base/brand.ts';
import { trace } from '../base/trace.ts';
import type { DeferredFrees } from '../epoch/deferred-frees.ts';
import { type Geometry, slotDisk, slotOffset } from '../format/geometry.ts';
import type { Hasher } from '../format/hasher.ts';
import type { Pointer } from '../format/pointer.ts';
import { encodeSuperblock, type Superblock } from '../format/superblock.ts';
import type { BlockIo } from './block-io.ts';
import type { SuperblockRing } from './superblock-ring.ts';

/**
 * A commit with so many new bytes, or fewer, is joint. Opening has to read all of them before it believes the commit,
 * and for more than that the second flush hardly counts.
 */
export const JOINT_BYTES_MAX = 4 * 2 ** 20;

/** Are the store's files still found under their names? Asked once a commit, answered some time later. */
export interface LivenessProbe {
  /** Asks anew; what was asked before is not answered any more. `doubted`: there is reason to look closely. */
  begin(why?: 'doubted'): void;
  readonly answer: 'pending' | 'alive' | 'gone';
}

export interface CommitEvents {
  /** Commit number `commit` is durable: every transaction that had ended when it began. */
  durable(commit: DurableCommit): void;
  /** The files are gone: nothing more is acknowledged. */
  evicted(): void;
}

export interface DurableCommit {
  readonly commit: number;
  readonly generation: Generation;
  readonly transactions: number;
  /** Data, log and superblock were flushed together. */
  readonly joint: boolean;
  readonly ms: number;
}

/** What a commit freezes. */
export interface FrozenState {
  readonly generation: Generation;
  readonly roots: ReadonlyMap<string, Pointer>;
  readonly transactions: number;
  /** Blocks that its transactions have written and not given up, whenever that was. */
  readonly bornBlocks: number;
}

type Phase = 'idle' | 'fencing' | 'probing' | 'publishing' | 'failed';

export class Committer {
  /** Durable commits of this session; the recovered one is number 0. */
  commitCount = 0;
  private phase: Phase = 'idle';
  private frozen: FrozenState | undefined;
  private superblockByteCount = 0;
  private slot = 0;
  private joint = false;
  private fencesLeft = 0;
  private ticket = 0;
  private startedMs = 0;
  /** Generations of the last three durable commits, newest first; 0 where there was none. */
  private previous: number;
  private beforePrevious: number;
  private thirdPrevious: number;
  private readonly parts: CommitterParts;

  constructor(parts: CommitterParts) {
    this.parts = parts;
    this.previous = parts.recovered.generation;
    this.beforePrevious = parts.recovered.previous;
    this.thirdPrevious = parts.recovered.beforePrevious;
  }

  get idle(): boolean {
    return this.phase === 'idle';
  }

  /** After this nothing is acknowledged any more (I12). */
  fail(): void {
    this.phase = 'failed';
    this.frozen = undefined;
  }

  /** Freezes what is given, queues its log, a joint one's superblock, and a fence on every touched disk. */
  begin(frozen: FrozenState): void {
    assert(this.phase === 'idle', 'I6: one commit is under way at a time');
    this.startedMs = performance.now();
    this.phase = 'fencing';
    this.frozen = frozen;
    const logBytes = this.freezeArenas(frozen);
    this.joint = this.isJoint(frozen.bornBlocks, logBytes);
    this.encode(frozen);
    if (this.joint) this.queueSuperblock();
    this.askFences();
    // Behind the fences: asking takes a browser some tenths of a millisecond, in which the disks are at work already.
    this.parts.liveness.begin();
  }

  /** Moves on as far as the completions so far allow. Returns whether it moved. */
  advance(): boolean {
    const before = this.phase;
    if (this.phase === 'fencing' && this.fencesLeft === 0) this.phase = 'probing';
    if (this.phase === 'probing') this.probe();
    else if (this.phase === 'publishing' && this.fencesLeft === 0) this.complete();
    return this.phase !== before;
  }

  fencePassed(ticket: number, ok: boolean): void {
    if (this.phase === 'failed') return;
    assert(
      ticket === this.ticket && this.fencesLeft > 0,
      'I6: a fence answers the commit that asked',
    );
    if (ok) this.fencesLeft -= 1;
  }

  /**
   * By what recovery has to read of it: the blocks born in it and its logs. Not by what has been written since the last
   * commit, because a long transaction may have written most of its blocks before that.
   */
  private isJoint(bornBlocks: number, logBytes: number): boolean {
    const { geometry, jointBytesMax } = this.parts;
    return bornBlocks * geometry.blockBytes + logBytes <= jointBytesMax;
  }

  /** Returns the bytes of log batches that were queued. */
  private freezeArenas(frozen: FrozenState): number {
    const { arenas, deferred, geometry, io } = this.parts;
    const commit = this.commitCount + 1;
    let sectors = 0;
    const writer: LogWriter = {
      openScratch: () => io.openScratch(),
      scratchBytes: (scratch) => io.scratchBytes(scratch),
      writeBatch: (batch) => {
        sectors += batch.sectorCount;
        io.writeBatch(batch);
      },
    };
    for (const arena of arenas.arenas) {
      if (!arena.touched) continue;
      const oldBlocks = arena.freeze(commit, frozen.generation, writer);
      deferred.deferLog(
        oldBlocks.map((start) => ({ arena: arena.index, start, count: 1, log: true })),
      );
    }
    deferred.freeze(commit);
    return sectors * geometry.sectorBytes;
  }

  /** The superblock is put together now: what comes after belongs to the next one. */
  private encode(frozen: FrozenState): void {
    const { arenas, geometry, hasher, io, storeId } = this.parts;
    const superblock = {
      generation: frozen.generation,
      previous: this.previous as Generation,
      beforePrevious: this.beforePrevious as Generation,
      thirdPrevious: this.thirdPrevious as Generation,
      joint: this.joint,
      storeId,
      roots: frozen.roots,
      arenas: arenas.arenas.map((arena) => arena.entry),
    };
    this.superblockByteCount = encodeSuperblock(superblock, geometry, hasher, io.superblockBytes);
  }

  private askFences(): void {
    this.ticket += 1;
    this.fencesLeft = this.parts.io.fence(this.ticket);
    trace('fence', 0, this.ticket);
  }

  /**
   * When the files are gone, a fenced commit leaves no superblock and a joint one may have left its own, in files that
   * nobody finds again, or will find with everything in them. Nobody is told of it in either case.
   */
  private probe(): void {
    const { answer } = this.parts.liveness;
    if (answer === 'pending') return;
    if (answer === 'gone') {
      this.fail();
      this.parts.events.evicted();
      return;
    }
    if (this.joint) {
      this.complete();
      return;
    }
    this.phase = 'publishing';
    this.queueSuperblock();
    this.askFences();
  }

  /** Into a slot with none of the recoverable ones (I1); until it is durable, nothing counts on that slot. */
  private queueSuperblock(): void {
    const { geometry, io, ring } = this.parts;
    this.slot = ring.next();
    ring.begin(this.slot);
    io.writeSuperblock(
      slotDisk(this.slot, geometry),
      slotOffset(this.slot, geometry),
      this.superblockByteCount,
    );
  }

  private complete(): void {
    const { frozen } = this;
    assert(frozen !== undefined, 'I6: a commit under way has frozen something');
    const { generation, transactions } = frozen;
    this.parts.ring.complete(this.slot, generation);
    this.thirdPrevious = this.beforePrevious;
    this.beforePrevious = this.previous;
    this.previous = generation;
    this.commitCount += 1;
    this.phase = 'idle';
    this.frozen = undefined;
    trace('durable', 0, generation);
    const ms = performance.now() - this.startedMs;
    const { commitCount: commit, joint } = this;
    this.parts.events.durable({ commit, generation, transactions, joint, ms });
  }
}

export interface CommitterParts {
  readonly geometry: Geometry;
  readonly storeId: Uint8Array;
  readonly hasher: Hasher;
  readonly arenas: ArenaSet;
  readonly deferred: DeferredFrees;
  readonly io: BlockIo;
  readonly ring: SuperblockRing;
  readonly liveness: LivenessProbe;
  readonly events: CommitEvents;
  /** `JOINT_BYTES_MAX`; tests choose others, less than nothing for none. */
  readonly jointBytesMax: number;
  readonly recovered: Pick<Superblock, 'generation' | 'previous' | 'beforePrevious'>;
}
