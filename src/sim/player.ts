/**
 * Plays steps on the real engine over recorded files, and keeps the history of what was promised when. Used for whole
 * workloads and for what happens after a recovery.
 */
import { assert } from '../base/assert.ts';
import { StoreError, type StoreErrorCode } from '../base/errors.ts';
import type { Pointer } from '../format/pointer.ts';
import type { OpenedEngine } from '../store/store-files.ts';
import type { InlineDisk } from '../sync/inline-disk.ts';
import { contentOf, type SimStore } from './sim-store.ts';
import type { Step } from './steps.ts';
import { expectContent, putKey, type TreeContent } from './tree.ts';

/** A commit's content and when it was promised. */
export interface HistoryEntry {
  readonly generation: number;
  readonly content: TreeContent;
  /** Operations done when its commit began; a crash before cannot have it. */
  readonly submitted: number;
  /** Operations done when it was acknowledged; a crash after must have it. */
  acked: number | undefined;
  /** Whether it was joint; not known before it is acknowledged. */
  joint?: boolean;
}

/** What a run met, counted, so that a suite can show that it met everything. */
export interface Marks {
  commits: number;
  /** Data, log and superblock under one flush. */
  jointCommits: number;
  /** The superblock after a flush of its own. */
  fencedCommits: number;
  /** Commits of each kind whose arenas compacted. */
  jointCompactions: number;
  fencedCompactions: number;
  /** Processes that died when all of a joint commit was written, and nothing flushed; the next one found it. */
  unflushedFinds: number;
  compactions: number;
  /** Transactions that were refused with FULL. */
  full: number;
  /** Transactions that were rolled back after some of their blocks had landed. */
  landedAborts: number;
  /** Commits at whose end readers held back blocks that were old enough. */
  heldByReaders: number;
  /** Commits that waited while further transactions ended. */
  overtaken: number;
  reopens: number;
  evictions: number;
  skippedWrites: number;
  arenas: number;
  /** Commits whose superblock took more than one sector. */
  longSuperblocks: number;
}

export const noMarks = (): Marks => ({
  commits: 0,
  jointCommits: 0,
  fencedCommits: 0,
  jointCompactions: 0,
  fencedCompactions: 0,
  unflushedFinds: 0,
  compactions: 0,
  full: 0,
  landedAborts: 0,
  heldByReaders: 0,
  overtaken: 0,
  reopens: 0,
  evictions: 0,
  skippedWrites: 0,
  arenas: 0,
  longSuperblocks: 0,
});

export function addMarks(sum: Marks, more: Marks): void {
  for (const name of Object.keys(sum) as (keyof Marks)[]) sum[name] += more[name];
}

/** A reader's state, as of its pin. */
interface Pinned {
  readonly publication: number;
  readonly roots: ReadonlyMap<string, Pointer>;
  readonly content: TreeContent;
}

export class Player {
  readonly marks = noMarks();
  /** Commits begun, oldest first. */
  readonly history: HistoryEntry[] = [];
  opened: OpenedEngine;
  /** The last commit that was acknowledged, and the roots it had. */
  acked: { readonly entry: HistoryEntry; readonly roots: ReadonlyMap<string, Pointer> };
  private readonly store: SimStore;
  /** Refusals of a transaction that are no failure of the run. */
  private readonly tolerated: readonly StoreErrorCode[];
  /** What the ended transactions have made of the store. */
  private content: Map<number, number>;
  private tentative: Map<number, number>;
  private transaction: ReturnType<OpenedEngine['engine']['begin']> | undefined;
  private inFlight: { entry: HistoryEntry; roots: ReadonlyMap<string, Pointer> } | undefined;
  private pinned: Pinned | undefined;
  private endsSinceBegin = 0;
  /** Of this engine, before the commit in flight. */
  private compactionsBefore = 0;

  constructor(
    store: SimStore,
    base: HistoryEntry,
    tolerated: readonly StoreErrorCode[] = ['FULL'],
  ) {
    this.store = store;
    this.opened = store.opened;
    this.tolerated = tolerated;
    this.history.push(base);
    this.acked = { entry: base, roots: new Map(this.opened.engine.roots) };
    this.content = new Map(base.content);
    this.tentative = new Map(base.content);
  }

  /** What readers see now. */
  get visible(): TreeContent {
    return this.content;
  }

  private readonly read = (pointer: Pointer): Uint8Array => {
    const bytes = new Uint8Array(this.opened.engine.blockBytes);
    this.opened.engine.read(pointer, bytes);
    return bytes;
  };

  playAll(steps: readonly Step[]): void {
    for (const step of steps) this.play(step);
    this.noteEnd();
  }

  play(step: Step): void {
    const { engine } = this.opened;
    engine.setOldestPublication(this.pinned?.publication ?? engine.publication);
    switch (step.kind) {
      case 'put':
        this.change(step.key, step.value);
        break;
      case 'delete':
        this.change(step.key, undefined);
        break;
      case 'end':
        this.end();
        break;
      case 'abort':
        this.abort();
        break;
      case 'begin':
        this.begin();
        break;
      case 'start':
        this.start();
        break;
      case 'finish':
        this.finish();
        break;
      case 'die':
        this.die();
        break;
      case 'commit':
        this.begin();
        this.finish();
        break;
      case 'compact':
        engine.askCompaction();
        break;
      case 'pin':
        this.pinned ??= {
          publication: engine.publication,
          roots: new Map(engine.roots),
          content: this.content,
        };
        break;
      case 'unpin':
        this.unpin();
        break;
      case 'reopen':
        this.reopen(step.blocks);
    }
  }

  private change(key: number, value: number | undefined): void {
    const { engine } = this.opened;
    this.tolerating(() => {
      this.transaction ??= engine.begin();
      if (this.transaction.doomed !== undefined) return;
      putKey(this.transaction, this.read, key, value, engine.blockBytes);
      if (value === undefined) this.tentative.delete(key);
      else this.tentative.set(key, value);
    });
  }

  /** Refusals that were to be expected doom the transaction and nothing else. */
  private tolerating(change: () => void): void {
    try {
      change();
    } catch (error) {
      if (!(error instanceof StoreError) || !this.tolerated.includes(error.code)) throw error;
      if (error.code === 'FULL') this.marks.full += 1;
    }
  }

  private end(): void {
    const { transaction } = this;
    if (transaction === undefined) return;
    this.tolerating(() => {
      this.opened.engine.end(transaction);
      this.transaction = undefined;
      this.endsSinceBegin += 1;
      this.content = new Map(this.tentative);
    });
    if (this.transaction !== undefined) this.abort();
  }

  private abort(): void {
    const { engine } = this.opened;
    this.tentative = new Map(this.content);
    if (this.transaction === undefined) return;
    const before = this.forgottenBlocks();
    engine.abort(this.transaction);
    this.transaction = undefined;
    engine.pump();
    // What is not reusable at once had landed: its write was not skipped.
    if (this.forgottenBlocks() > before) this.marks.landedAborts += 1;
  }

  private forgottenBlocks(): number {
    let blocks = 0;
    for (const arena of this.opened.engine.arenas.arenas) blocks += arena.forgottenBlocks;
    return blocks;
  }

  private begin(): void {
    this.start();
    this.opened.engine.pump();
  }

  /** The commit's writes and fences are queued, and wait until somebody pumps or a queue is full. */
  private start(): void {
    this.finish();
    const { engine } = this.opened;
    this.store.liveness.answer = 'pending';
    const submitted = this.store.operationCount;
    this.compactionsBefore = this.compactions();
    const generation = engine.beginCommit();
    this.endsSinceBegin = 0;
    const content = new Map(this.content);
    const entry: HistoryEntry = { generation, content, submitted, acked: undefined };
    this.inFlight = { entry, roots: new Map(engine.roots) };
    this.history.push(entry);
  }

  /** The process dies when all writes of a commit up to its first fence are with the system, and none is flushed. */
  private die(): void {
    this.start();
    for (const { loop } of this.opened.disks as readonly InlineDisk[]) {
      while (loop.queuedInOrder > loop.queuedFences) loop.step();
    }
    const { last } = this;
    this.reopen(0);
    if (this.last === last) this.marks.unflushedFinds += 1;
  }

  private compactions(): number {
    return this.opened.engine.arenas.arenas.reduce((sum, arena) => sum + arena.compactionCount, 0);
  }

  private finish(): void {
    const { engine } = this.opened;
    const { inFlight } = this;
    this.store.liveness.answer = 'alive';
    if (inFlight === undefined) return;
    engine.pump();
    engine.assertUsable();
    assert(!engine.committing, 'an inline commit is done when it has been pumped');
    this.inFlight = undefined;
    this.noteAcknowledged(inFlight.entry);
    this.acked = inFlight;
    if (this.endsSinceBegin > 0) this.marks.overtaken += 1;
    if (engine.heldByReadersBlocks > 0) this.marks.heldByReaders += 1;
    if (engine.roots.size > 6) this.marks.longSuperblocks += 1;
  }

  private noteAcknowledged(entry: HistoryEntry): void {
    const told = this.store.acknowledged.get(entry.generation);
    assert(told !== undefined, 'I6: a commit that is done was acknowledged');
    entry.acked = told.operation;
    entry.joint = told.joint;
    this.marks.commits += 1;
    this.marks[told.joint ? 'jointCommits' : 'fencedCommits'] += 1;
    if (this.compactions() === this.compactionsBefore) return;
    this.marks[told.joint ? 'jointCompactions' : 'fencedCompactions'] += 1;
  }

  /** I4: until now everything that the reader could see was there. */
  private unpin(): void {
    const { pinned } = this;
    this.pinned = undefined;
    if (pinned === undefined) return;
    expectContent(contentOf(this.opened, pinned.roots).content, pinned.content);
  }

  /**
   * What was not committed is gone; a commit that had begun is gone or there, the superblock tells. What is there is
   * promised from now on: opening says that it is durable.
   */
  private reopen(blocks: number): void {
    this.noteEnd();
    this.marks.reopens += 1;
    this.opened = this.store.reopen(blocks);
    const recovered = this.opened.recovered.superblock.generation;
    while (this.last.generation > recovered) this.history.pop();
    assert(this.last.generation === recovered, 'I6: a dead process leaves what it had written');
    this.last.acked ??= this.store.operationCount;
    this.acked = { entry: this.last, roots: new Map(this.opened.engine.roots) };
    this.content = new Map(this.last.content);
    this.tentative = new Map(this.content);
    this.transaction = undefined;
    this.inFlight = undefined;
    this.pinned = undefined;
  }

  get last(): HistoryEntry {
    const last = this.history[this.history.length - 1];
    assert(last !== undefined, 'a history begins with what was there');
    return last;
  }

  /** Counts what the engine that is about to go away has met. */
  private noteEnd(): void {
    const { engine, disks } = this.opened;
    for (const arena of engine.arenas.arenas) {
      this.marks.compactions += arena.compactionCount;
      if (arena.grownBlocks > 0) this.marks.arenas += 1;
    }
    this.marks.evictions += engine.io.cache.stats().evictions;
    for (const disk of disks) this.marks.skippedWrites += disk.counters().skipped;
  }
}
