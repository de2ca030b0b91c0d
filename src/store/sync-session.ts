/**
 * The blocking driver around an engine, for code that lives in the engine's own thread: every verb returns when it is
 * done. A commit is begun, pumped and waited for in place; waiting is `DiskPort.wait`, whatever is behind the ports.
 * Nothing here returns to the event loop, and nothing needs it to: what a timer would do late (committing relaxed
 * transactions) is also done by the next transaction that finds it overdue.
 *
 * Transactions do not queue: the thread runs one at a time by itself, so one that is started inside another is MISUSE.
 * Acknowledgements follow `engine.durableGeneration` and health only (I6, I12). Delays are no orders (I13).
 *
 * Events come from inside verbs. Whoever listens must not call back into the session before the verb has returned.
 */
import { assert } from '../base/assert.ts';
import { rethrowBug, StoreError } from '../base/errors.ts';
import type { Pointer } from '../format/pointer.ts';
import { Checker } from './check.ts';
import type { DurableCommit } from './commit.ts';
import type { StoreDirectory } from './directory.ts';
import type { Engine } from './engine.ts';
import { ImageExport } from './image.ts';
import type { Layer } from './layer.ts';
import type { BlockStates, CheckReport, Durability, Health, StoreStats } from './report.ts';
import { type OpenedFiles, openFiles } from './session-files.ts';
import {
  CHECK_SLICE_BLOCKS,
  closedError,
  commitsMayHelp,
  notSavedError,
  openedStore,
  pressureOf,
  RECLAIM_COMMITS_MAX,
  RELAXED_WAIT_MS,
  readOnlyError,
  refusedError,
} from './session-report.ts';
import type { StoreSettings } from './settings.ts';
import { blockStates, storeStats } from './stats.ts';
import type { OpenedEngine } from './store-files.ts';
import { SyncLiveness } from './sync-liveness.ts';
import type { Transaction } from './transaction.ts';
import type { CheckOptions, CommitEvent, OpenedStore, PressureEvent } from './verbs.ts';

export interface SyncSessionEvents {
  /** A transaction has ended: what readers see from now on. */
  published(publication: number): void;
  durable(commit: CommitEvent): void;
  /** Health has left `ok`, for good. */
  broken(health: Health, reason: string): void;
  pressure(pressure: PressureEvent): void;
}

export interface SyncSessionOptions {
  readonly directory: StoreDirectory;
  readonly settings: StoreSettings;
  readonly layers?: readonly Layer[];
  readonly events: SyncSessionEvents;
}

/** Opens or creates a store, as `openSession` does, with the same errors. Nothing stays open when it rejects. */
export async function openSyncSession(options: SyncSessionOptions): Promise<SyncSession> {
  const { directory, settings } = options;
  const startedMs = performance.now();
  const files = await openFiles(directory, settings);
  try {
    const [first] = files.devices;
    assert(first !== undefined, 'a store has at least one file');
    const isGone = await directory.watch?.(first.file);
    return new SyncSession(options, files, { isGone, startedMs });
  } catch (error) {
    for (const device of files.devices) device.close();
    throw error;
  }
}

export class SyncSession {
  readonly opened: OpenedStore;
  private readonly opening: OpenedEngine;
  private readonly liveness: SyncLiveness;
  private readonly events: SyncSessionEvents;
  private readonly readOnly: boolean;
  private readonly commits = { count: 0, transactions: 0, msLast: 0, msMax: 0 };
  private running: Transaction | undefined;
  /** Layers are writing their nodes for the commit that is about to begin. */
  private freezing = false;
  /** When the oldest relaxed transaction that no commit has begun to save has ended. */
  private owedMs: number | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;
  /** Why the session is over, when it was not closed. */
  private lost: StoreError | undefined;

  constructor(
    options: SyncSessionOptions,
    files: OpenedFiles,
    { isGone, startedMs }: { isGone: (() => boolean) | undefined; startedMs: number },
  ) {
    this.events = options.events;
    this.readOnly = options.settings.readOnly;
    this.liveness = new SyncLiveness({
      directory: options.directory,
      files: files.devices.map((device) => device.file),
      storeId: files.label.storeId,
      isGone,
      onGone: () => {
        if (!this.closed) this.engine.declareEvicted();
      },
    });
    this.opening = files.openEngine({
      liveness: this.liveness,
      events: {
        durable: (commit) => this.durable(commit),
        published: (publication) => this.events.published(publication),
        broken: (health, reason) => this.events.broken(health, reason),
      },
      layers: options.layers ?? [],
    });
    this.opened = openedStore(files, this.opening, startedMs);
  }

  get engine(): Engine {
    return this.opening.engine;
  }

  get isClosed(): boolean {
    return this.closed;
  }

  get isInTransaction(): boolean {
    return this.running !== undefined;
  }

  /** Nobody looks at a state older than `publication` any more. */
  seen(publication: number): void {
    if (!this.closed) this.engine.setOldestPublication(publication);
  }

  // ---- transactions

  /**
   * Runs `change` as one transaction. Returns its value once that is durable (`strict`) or visible (`relaxed`). What it
   * throws comes out unchanged, with everything rolled back. An error with `maybeApplied` means that it had ended, and
   * that its commit failed.
   */
  transaction<T>(change: (transaction: Transaction) => T, durability: Durability): T {
    this.assertFree('start a transaction');
    this.engine.pump();
    const transaction = this.engine.begin();
    this.running = transaction;
    let value: T;
    try {
      value = change(transaction);
    } catch (error) {
      this.running = undefined;
      this.engine.abort(transaction);
      throw error;
    }
    this.running = undefined;
    const before = this.engine.publication;
    this.engine.end(transaction);
    if (this.engine.publication > before) this.save(durability);
    return value;
  }

  private save(durability: Durability): void {
    if (durability === 'strict') this.saveNow(this.engine.openGeneration);
    else this.saveSoon();
  }

  /** `makeDurable` for what has ended already: that may have been saved even when it fails. */
  private saveNow(generation: number): void {
    try {
      this.makeDurable(generation);
    } catch (error) {
      const { health, reason } = this.engine;
      rethrowBug(error);
      throw health === 'ok' ? refusedError(error) : notSavedError(health, reason);
    }
  }

  /**
   * Before FULL or QUOTA is answered, freed blocks get the commits they wait for. If that does not help, the write that
   * follows fails and dooms its transaction. A doomed one needs no room.
   */
  makeRoom(transaction: Transaction, blockCount: number): void {
    const { engine } = this;
    if (transaction.doomed !== undefined) return;
    let failure = engine.tryEnsureSpace(blockCount);
    for (let commits = 0; commits < RECLAIM_COMMITS_MAX; commits += 1) {
      if (failure === undefined || !commitsMayHelp(engine)) break;
      if (!this.commitTried()) break;
      failure = engine.tryEnsureSpace(blockCount);
    }
    if (failure === undefined || engine.health !== 'ok') return;
    this.events.pressure(pressureOf(engine, failure));
  }

  /** Whether a commit came about. If not, the write that follows fails, and dooms its transaction. */
  private commitTried(): boolean {
    try {
      this.makeDurable(this.engine.openGeneration);
      return true;
    } catch (error) {
      rethrowBug(error);
      return false;
    }
  }

  // ---- reading

  /** The block's bytes in `into`. Throws NOT_FOUND, CORRUPT or IO. */
  read(pointer: Pointer, into: Uint8Array): void {
    this.assertOpen();
    this.engine.read(pointer, into);
  }

  readMany(pointers: readonly Pointer[], intos: readonly Uint8Array[]): void {
    this.assertOpen();
    this.engine.readMany(pointers, intos);
  }

  /** Whether the block was in the cache; then it is in `into`. */
  readCached(pointer: Pointer, into: Uint8Array): boolean {
    this.assertOpen();
    return this.engine.io.readCached(pointer, into);
  }

  // ---- commits

  /** Commits, and waits, until `generation` is durable. Throws POISONED, EVICTED, or what a layer throws. */
  private makeDurable(generation: number): void {
    const { engine } = this;
    while (engine.durableGeneration < generation) {
      engine.assertUsable();
      if (!engine.committing) this.beginCommit();
      if (engine.pump()) continue;
      const waited = engine.io.waitForCompletion();
      assert(waited, 'I6: a commit that is not done waits for a disk');
    }
  }

  private beginCommit(): void {
    this.freezing = true;
    try {
      this.engine.beginCommit();
    } finally {
      this.freezing = false;
    }
    this.forgetOwed();
  }

  private durable({ generation, transactions, ms }: DurableCommit): void {
    this.commits.count += 1;
    this.commits.transactions += transactions;
    this.commits.msLast = ms;
    this.commits.msMax = Math.max(this.commits.msMax, ms);
    this.events.durable({ generation, transactions, ms });
  }

  /** A commit follows when the thread returns to its event loop, or with a transaction that finds it overdue. */
  private saveSoon(): void {
    const nowMs = performance.now();
    this.owedMs ??= nowMs;
    if (nowMs - this.owedMs >= RELAXED_WAIT_MS) this.saveOwed();
    else this.timer ??= setTimeout(() => this.saveOwed(), RELAXED_WAIT_MS);
  }

  /** Nobody waits for it: when a layer refuses, the next commit tries again, and health tells of everything else. */
  private saveOwed(): void {
    const { engine } = this;
    this.forgetOwed();
    if (this.closed || engine.health !== 'ok' || !engine.changed) return;
    try {
      this.makeDurable(engine.openGeneration);
    } catch (error) {
      rethrowBug(error);
    }
  }

  private forgetOwed(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.owedMs = undefined;
  }

  /** Makes durable what has ended. Allowed inside a transaction, which it does not touch. */
  sync(): void {
    this.assertOpen();
    this.assertNotFreezing('commit');
    const { engine } = this;
    engine.assertUsable();
    if (engine.changed) this.saveNow(engine.openGeneration);
    else if (engine.committing) this.saveNow(engine.openGeneration - 1);
  }

  compactLogs(): void {
    this.assertFree('compact the logs');
    if (this.readOnly) throw readOnlyError();
    const { engine } = this;
    engine.assertUsable();
    this.settle();
    // A log compacted in one of the last three commits has to wait for these.
    for (let commits = 0; commits <= RECLAIM_COMMITS_MAX; commits += 1) {
      if (commits === 0) engine.askCompaction();
      else if (!engine.compactionAsked) break;
      this.makeDurable(engine.openGeneration);
    }
  }

  // ---- what looks at everything

  /** Everything that ended is durable, if the store is well. */
  private settle(): void {
    if (this.engine.health === 'ok') this.sync();
  }

  stats(): StoreStats {
    this.assertOpen();
    return storeStats(this.opening, this.commits);
  }

  blockStates(): BlockStates {
    this.assertOpen();
    return blockStates(this.engine);
  }

  check(options: CheckOptions, onProgress?: (done: number, total: number) => void): CheckReport {
    this.assertFree('check the store');
    this.settle();
    const checker = new Checker(this.opening, options);
    while (!checker.step(CHECK_SLICE_BLOCKS)) onProgress?.(checker.done, checker.total);
    onProgress?.(checker.total, checker.total);
    return checker.report();
  }

  /** The caller holds the present publication until the export has ended or is given up. */
  startExport(): ImageExport {
    this.assertFree('start an export');
    this.settle();
    return new ImageExport(this.opening);
  }

  // ---- the end

  assertOpen(): void {
    if (this.closed) throw this.lost ?? closedError();
  }

  /** A thread that the session needs is no more (I14): from now on everything throws `why`, and nothing is closed. */
  lose(why: StoreError): void {
    if (this.closed) return;
    this.lost = why;
    this.closed = true;
    this.forgetOwed();
  }

  /** Throws MISUSE inside a transaction and inside a layer's hook. */
  assertFree(purpose: string): void {
    this.assertOpen();
    if (this.running !== undefined) {
      throw new StoreError(
        'MISUSE',
        `A transaction is running, and its callback cannot ${purpose}: do it when the callback has returned.`,
      );
    }
    this.assertNotFreezing(purpose);
  }

  private assertNotFreezing(purpose: string): void {
    if (!this.freezing) return;
    throw new StoreError('MISUSE', `A layer’s hook cannot ${purpose}: a commit is about to begin.`);
  }

  /**
   * Commits what has ended and closes the files; idempotent. Throws, with all of it closed, when that commit fails. Of
   * a store that was broken before, health has told already.
   */
  close(): void {
    if (this.closed) return;
    this.assertFree('close the store');
    const { engine } = this;
    try {
      this.settle();
    } finally {
      this.forgetOwed();
      if (engine.health === 'ok') engine.io.drain();
      // A file whose site data was cleared must not be closed, so the directory has to know.
      this.liveness.look();
      if (this.liveness.isGone) engine.declareEvicted();
      this.closed = true;
      for (const disk of this.opening.disks) disk.close();
    }
  }
}
