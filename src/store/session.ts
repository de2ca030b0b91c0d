/**
 * The asynchronous world around an engine: whose turn it is, who waits for which generation, when a commit begins,
 * and whether the files are still there. Works wherever there are promises, so Node tests run it as it is.
 *
 * Group commit: transactions that have ended share the next commit. A commit begins when somebody waits for one and
 * nobody else is about to end; after `GROUP_WAIT_MS` it begins in any case. Relaxed transactions are committed within
 * `RELAXED_WAIT_MS`. These are delays, not orders: nothing is ordered by a clock (I13).
 */
import { rethrowBug, StoreError } from '../base/errors.ts';
import { nextTask } from '../base/next-task.ts';
import type { Pointer } from '../format/pointer.ts';
import { Checker } from './check.ts';
import type { DurableCommit } from './commit.ts';
import type { StoreDirectory } from './directory.ts';
import { type Grant, Grants } from './grants.ts';
import { ImageExport } from './image.ts';
import type { Layer } from './layer.ts';
import { Liveness } from './liveness-watch.ts';
import type { BlockStates, CheckReport, Durability, Health, StoreStats } from './report.ts';
import { openFiles } from './session-files.ts';
import {
  CHECK_SLICE_BLOCKS,
  closedError,
  commitsMayHelp,
  notSavedError,
  openedStore,
  pressureOf,
  publishedState,
  RECLAIM_COMMITS_MAX,
  RELAXED_WAIT_MS,
  readOnlyError,
  refusedError,
} from './session-report.ts';
import type { SessionThreads } from './session-threads.ts';
import type { StoreSettings } from './settings.ts';
import { blockStates, storeStats } from './stats.ts';
import type { OpenedEngine } from './store-files.ts';
import type { Transaction } from './transaction.ts';
import { TurnQueue } from './turn-queue.ts';
import type {
  BegunTransaction,
  CheckOptions,
  EndOptions,
  OpenedStore,
  PublishedState,
  StoreEvent,
  StoreVerbs,
} from './verbs.ts';

/** With others about to end, a commit waits this long for company, in milliseconds. */
const GROUP_WAIT_MS = 2;
/** A commit takes at most this many transactions' waiters before it begins. */
const GROUP_TRANSACTIONS_MAX = 128;
/** After a transaction of at most so many blocks its client is granted some for the next one. */
const GRANT_AFTER_BLOCKS_MAX = 16;
/** Between two looks at whether readers have left, while they hold blocks back, in milliseconds. */
const READERS_WAIT_MS = 50;

interface RunningExport {
  readonly image: ImageExport;
  /** Pinned for it, where publications are what is pinned. */
  readonly publication: number;
  /** Lets its epoch go, where epochs are. */
  readonly unpin: () => void;
}

interface Waiter {
  readonly generation: number;
  resolve(generation: number): void;
  reject(error: StoreError): void;
}

export interface SessionOptions {
  readonly directory: StoreDirectory;
  readonly settings: StoreSettings;
  readonly layers?: readonly Layer[];
  /** With shared memory; the directory opens its files through it. */
  readonly threads?: SessionThreads;
}

/**
 * Opens or creates a store. Rejects with NOT_FOUND, EXISTS, CORRUPT, VERSION, MISUSE, QUOTA, LOCKED or IO; then
 * nothing stays open.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const startedMs = performance.now();
  const files = await openFiles(options.directory, options.settings);
  try {
    return new Session(options, files, startedMs);
  } catch (error) {
    for (const device of files.devices) device.close();
    throw error;
  }
}

export class Session implements StoreVerbs {
  readonly opened: OpenedStore;
  private readonly opening: OpenedEngine;
  private readonly liveness: Liveness;
  private readonly turns = new TurnQueue();
  private readonly listeners: ((event: StoreEvent) => void)[] = [];
  private waiters: Waiter[] = [];
  private commitTimer: ReturnType<typeof setTimeout> | undefined;
  private commitTimerMs = Number.POSITIVE_INFINITY;
  private readersTimer: ReturnType<typeof setTimeout> | undefined;
  /** The files are closed, or about to be in this very task. */
  private closed = false;
  /** By the tickets that clients have given them. */
  private readonly transactions = new Map<number, Transaction>();
  private readonly beginning = new Map<number, Promise<BegunTransaction>>();
  private readonly exports = new Map<number, RunningExport>();
  private readonly threads: SessionThreads | undefined;
  private nextExport = 1;
  /** Commits on behalf of the open transaction's write, which waits for room. */
  private reclaiming: Promise<void> | undefined;
  private seenPublication: number | undefined;
  private readonly commits = { count: 0, transactions: 0, msLast: 0, msMax: 0 };
  private closing: Promise<void> | undefined;
  private readonly readOnly: boolean;
  private readonly grants: Grants;
  /** Hears of blocks that the page may use, see `Grants`. */
  onGrant: (grant: Grant) => void = () => {};

  constructor(
    options: SessionOptions,
    files: Awaited<ReturnType<typeof openFiles>>,
    startedMs: number,
  ) {
    const { label, devices } = files;
    this.readOnly = options.settings.readOnly;
    this.threads = options.threads;
    this.liveness = new Liveness(
      options.directory,
      devices.map((device) => device.file),
      label.storeId,
      () => this.pump(),
    );
    this.opening = files.openEngine({
      liveness: this.liveness,
      events: {
        durable: (commit) => this.durable(commit),
        published: () => this.published(),
        broken: (health, reason) => this.broken(health, reason),
      },
      layers: options.layers ?? [],
      ...(this.threads === undefined ? {} : this.threads.engineParts),
    });
    this.grants = new Grants(this.engine, (grant) => this.onGrant(grant));
    this.opened = {
      ...openedStore(files, this.opening, startedMs),
      ...(this.threads?.reading === undefined ? {} : { reading: this.threads.reading }),
    };
    this.threads?.publish(this.opened.state);
    this.threads?.publishStats(this.figures());
    void this.threads?.drive(() => {
      this.pump();
      this.touchStats();
    });
  }

  get engine() {
    return this.opening.engine;
  }

  private state(): PublishedState {
    return publishedState(this.engine, this.closing !== undefined);
  }

  // ---- events and readers

  subscribe(listener: (event: StoreEvent) => void): void {
    this.listeners.push(listener);
    listener({ type: 'state', state: this.state() });
  }

  private emit(event: StoreEvent): void {
    for (const listener of this.listeners) listener(event);
  }

  /** Where memory is shared, readers look there; messages then tell of commits and of health. */
  private published(): void {
    if (this.threads === undefined) this.emit({ type: 'state', state: this.state() });
    else this.threads.publish(this.state());
    this.releaseSeen();
    this.touchStats();
  }

  private touchStats(): void {
    this.threads?.touchStats(() => this.figures());
  }

  private figures() {
    return { stats: storeStats(this.opening, this.commits), damaged: this.engine.damaged };
  }

  seen(publication: number): void {
    if (publication > this.engine.publication) return;
    this.seenPublication = Math.max(publication, this.seenPublication ?? 0);
    this.releaseSeen();
  }

  /** The oldest state that anybody may still look at. Without a subscriber nobody does. */
  private releaseSeen(): void {
    let oldest = this.engine.publication;
    if (this.listeners.length > 0) oldest = Math.min(oldest, this.seenPublication ?? 0);
    for (const { publication } of this.exports.values()) oldest = Math.min(oldest, publication);
    this.engine.setOldestPublication(oldest);
  }

  // ---- transactions

  /** What is asked of a transaction before it has begun waits for that; see `begun`. */
  begin(ticket: number): Promise<BegunTransaction> {
    const beginning = this.beginInTurn(ticket);
    this.beginning.set(ticket, beginning);
    const forget = () => this.beginning.delete(ticket);
    beginning.then(forget, forget);
    return beginning;
  }

  private async beginInTurn(ticket: number): Promise<BegunTransaction> {
    await this.turns.enter(ticket);
    try {
      this.assertOpen();
      const transaction = this.engine.begin();
      this.transactions.set(ticket, transaction);
      return { transaction: ticket, state: this.state() };
    } catch (error) {
      this.turns.leave();
      throw error;
    }
  }

  /**
   * A client that knows what its transaction will see sends the first operations right behind `begin`. And nothing of a
   * transaction overtakes a write that waits for room, the second of two writes included: it would end in part.
   */
  private async begun(id: number): Promise<void> {
    const beginning = this.beginning.get(id);
    if (beginning !== undefined) await beginning;
    while (this.reclaiming !== undefined) await this.reclaiming;
  }

  cancelBegin(ticket: number): void {
    this.turns.cancel(ticket);
  }

  private transaction(id: number): Transaction {
    this.assertOpen();
    const transaction = this.transactions.get(id);
    if (transaction !== undefined) return transaction;
    throw new StoreError('MISUSE', 'The transaction has ended: start another one.');
  }

  async transactionRead(id: number, pointers: readonly Pointer[]): Promise<Uint8Array[]> {
    await this.begun(id);
    this.transaction(id);
    return this.readBlocks(pointers);
  }

  async transactionWrite(id: number, blocks: readonly Uint8Array[]): Promise<Pointer[]> {
    if (this.beginning.size > 0) await this.begun(id);
    if (!this.hasRoom(id, blocks.length)) await this.makeRoom(id, blocks.length);
    return this.transaction(id).write(blocks);
  }

  /** The page has made these blocks of what it was granted. What goes wrong comes back from `end`. */
  async writeGranted(
    id: number,
    pointers: readonly Pointer[],
    blocks: readonly Uint8Array[],
  ): Promise<void> {
    // Before anything is waited for: what the page gives back next does not comprise them.
    this.grants.use(pointers);
    try {
      // As all operations of a transaction do, so that none overtakes another.
      if (this.beginning.size > 0) await this.begun(id);
      this.transaction(id).writeGranted(pointers, blocks);
    } catch (error) {
      rethrowBug(error);
      if (!this.transactions.has(id)) this.grants.takeBack(pointers);
    }
    this.grants.topUp();
  }

  giveBack(): void {
    this.grants.giveBack();
  }

  async transactionReplace(id: number, old: Pointer, block: Uint8Array): Promise<Pointer> {
    if (this.beginning.size > 0) await this.begun(id);
    if (!this.hasRoom(id, 1)) await this.makeRoom(id, 1);
    return this.transaction(id).replace(old, block);
  }

  async transactionFree(id: number, pointers: readonly Pointer[]): Promise<void> {
    await this.begun(id);
    this.transaction(id).freeMany(pointers);
  }

  async transactionSetRoot(id: number, name: string, pointer: Pointer | undefined): Promise<void> {
    await this.begun(id);
    this.transaction(id).setRoot(name, pointer);
  }

  async end(
    id: number,
    durability: Durability,
    { onEnded, isLast, grantRound }: EndOptions = {},
  ): Promise<number> {
    await this.begun(id);
    const transaction = this.transaction(id);
    const before = this.engine.publication;
    this.transactions.delete(id);
    try {
      this.engine.end(transaction);
    } finally {
      this.turns.leave();
    }
    onEnded?.();
    if (grantRound !== undefined && transaction.bornCount <= GRANT_AFTER_BLOCKS_MAX) {
      this.grants.want(grantRound);
    }
    const changed = this.engine.publication > before;
    if (!changed) return this.engine.durableGeneration;
    const generation = this.engine.openGeneration;
    if (durability === 'relaxed') {
      this.commitWithin(RELAXED_WAIT_MS);
      return generation;
    }
    return this.waitFor(generation, isLast);
  }

  async abort(id: number): Promise<void> {
    await this.beginning.get(id)?.catch(() => undefined);
    const transaction = this.transactions.get(id);
    if (transaction === undefined) return;
    this.transactions.delete(id);
    this.engine.abort(transaction);
    this.turns.leave();
  }

  /** Nothing to wait for: a doomed transaction needs no room, and its write says why. */
  private hasRoom(id: number, blockCount: number): boolean {
    if (this.reclaiming !== undefined) return false;
    const transaction = this.transaction(id);
    return transaction.doomed !== undefined || this.engine.tryEnsureSpace(blockCount) === undefined;
  }

  /**
   * Before FULL or QUOTA is answered, freed blocks get the commits they wait for. If that does not help, the write that
   * follows fails and dooms its transaction.
   */
  private async makeRoom(id: number, blockCount: number): Promise<void> {
    // What came before is still waiting: nothing of a transaction overtakes anything.
    while (this.reclaiming !== undefined) await this.reclaiming;
    if (this.hasRoom(id, blockCount)) return;
    const reclaiming = this.reclaim(blockCount).finally(() => {
      this.reclaiming = undefined;
    });
    this.reclaiming = reclaiming.catch(() => undefined);
    await reclaiming;
  }

  private async reclaim(blockCount: number): Promise<void> {
    let failure = this.engine.tryEnsureSpace(blockCount);
    for (let commits = 0; commits < RECLAIM_COMMITS_MAX; commits += 1) {
      if (failure === undefined || !commitsMayHelp(this.engine)) break;
      if (!(await this.commitTried())) break;
      failure = this.engine.tryEnsureSpace(blockCount);
    }
    if (this.engine.health !== 'ok' || failure === undefined) return;
    this.emit({ type: 'pressure', pressure: pressureOf(this.engine, failure) });
  }

  /** Whether a commit came about. If not, it is no concern of whose write waits: its transaction has not ended. */
  private async commitTried(): Promise<boolean> {
    try {
      await this.commitOnce();
      return true;
    } catch (error) {
      rethrowBug(error);
      return false;
    }
  }

  // ---- reading

  async read(pointers: readonly Pointer[]): Promise<Uint8Array[]> {
    this.assertOpen();
    return this.readBlocks(pointers);
  }

  private readBlocks(pointers: readonly Pointer[]): Uint8Array[] {
    const blocks = pointers.map(() => new Uint8Array(this.engine.blockBytes));
    this.engine.readMany(pointers, blocks);
    return blocks;
  }

  // ---- commits

  /** Resolves when `generation` is durable. `isLast`: whether more is on its way here that would join the commit. */
  private async waitFor(generation: number, isLast?: boolean): Promise<number> {
    if (this.engine.durableGeneration >= generation) return this.engine.durableGeneration;
    if (this.closed) throw closedError();
    this.engine.assertUsable();
    return new Promise((resolve, reject) => {
      this.waiters.push({ generation, resolve, reject });
      const alone = this.turns.length === 0 && this.transactions.size === 0;
      const isFull = this.waiters.length >= GROUP_TRANSACTIONS_MAX;
      if (alone && isLast === true) this.commitNow();
      else if (isFull || (alone && isLast === undefined)) this.commitWithin(0);
      else this.commitWithin(GROUP_WAIT_MS);
    });
  }

  /** One more commit, empty or not, and its end. */
  private commitOnce(): Promise<number> {
    const promise = this.waitFor(this.engine.openGeneration);
    this.commitWithin(0);
    return promise;
  }

  /** A commit begins after `ms` at the latest, or right after the one under way. */
  private commitWithin(ms: number): void {
    if (ms >= this.commitTimerMs) return;
    clearTimeout(this.commitTimer);
    this.commitTimerMs = ms;
    if (ms === 0) nextTask(() => this.commitNow());
    else this.commitTimer = setTimeout(() => this.commitNow(), ms);
  }

  private commitNow(): void {
    clearTimeout(this.commitTimer);
    this.commitTimerMs = Number.POSITIVE_INFINITY;
    this.beginCommit();
  }

  private beginCommit(): void {
    if (this.closed || this.engine.health !== 'ok' || this.engine.committing) return;
    if (!this.engine.changed && this.waiters.length === 0) return;
    try {
      this.engine.beginCommit();
    } catch (error) {
      rethrowBug(error);
      this.commitRefused(error);
      return;
    }
    this.pump();
  }

  private commitRefused(error: StoreError): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const { reject } of waiters) reject(refusedError(error));
  }

  private pump(): void {
    this.engine.pump();
  }

  private durable(commit: DurableCommit): void {
    // Before those who wait hear of it: they look there.
    this.threads?.publish(this.state());
    this.commits.count += 1;
    this.commits.transactions += commit.transactions;
    this.commits.msLast = commit.ms;
    this.commits.msMax = Math.max(this.commits.msMax, commit.ms);
    const ready = this.waiters.filter(({ generation }) => generation <= commit.generation);
    this.waiters = this.waiters.filter(({ generation }) => generation > commit.generation);
    for (const waiter of ready) waiter.resolve(commit.generation);
    // Those who wait are answered after this; where they look at shared memory, before: being woken for it takes time.
    if (this.threads === undefined) this.announce(commit);
    else nextTask(() => this.announce(commit));
    if (this.waiters.length > 0) this.commitWithin(0);
    else if (this.engine.changed) this.commitWithin(RELAXED_WAIT_MS);
    this.watchReaders();
  }

  private announce({ generation, transactions, ms }: DurableCommit): void {
    this.emit({ type: 'commit', commit: { generation, transactions, ms } });
    if (this.threads === undefined) this.emit({ type: 'state', state: this.state() });
  }

  /** Readers leave without a word: while only they hold blocks, somebody has to look. */
  private watchReaders(): void {
    if (this.threads === undefined || this.readersTimer !== undefined) return;
    if (this.closed || this.engine.heldByReadersBlocks === 0) return;
    this.readersTimer = setTimeout(() => {
      this.readersTimer = undefined;
      this.engine.releaseDeferred();
      this.touchStats();
      this.watchReaders();
    }, READERS_WAIT_MS);
  }

  private broken(health: Health, reason: string): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const { reject } of waiters) reject(notSavedError(health, reason));
    this.emit({ type: 'state', state: this.state() });
  }

  async sync(): Promise<void> {
    this.assertOpen();
    this.engine.assertUsable();
    if (this.engine.changed) await this.commitOnce();
    else if (this.engine.committing) await this.waitFor(this.engine.openGeneration - 1);
  }

  async compactLogs(): Promise<void> {
    this.assertOpen();
    if (this.readOnly) throw readOnlyError();
    await this.quietly(async () => {
      this.engine.assertUsable();
      // A log compacted in one of the last three commits has to wait for these.
      for (let commits = 0; commits <= RECLAIM_COMMITS_MAX; commits += 1) {
        if (commits === 0) this.engine.askCompaction();
        else if (!this.engine.compactionAsked) break;
        await this.commitOnce();
      }
    });
  }

  // ---- what looks at everything

  /** Runs `task` with no transaction open and everything that ended before it durable. */
  private async quietly<Result>(task: () => Promise<Result>): Promise<Result> {
    await this.turns.enter(undefined);
    try {
      this.assertOpen();
      if (this.engine.health === 'ok' && (this.engine.changed || this.engine.committing)) {
        await this.sync();
        this.assertOpen();
      }
      return await task();
    } finally {
      this.turns.leave();
    }
  }

  async stats(): Promise<StoreStats> {
    this.assertOpen();
    return storeStats(this.opening, this.commits);
  }

  async blockStates(): Promise<BlockStates> {
    this.assertOpen();
    return blockStates(this.engine);
  }

  check(
    options: CheckOptions,
    onProgress?: (done: number, total: number) => void,
  ): Promise<CheckReport> {
    return this.quietly(async () => {
      const checker = new Checker(this.opening, options);
      while (!checker.step(CHECK_SLICE_BLOCKS)) {
        onProgress?.(checker.done, checker.total);
        await new Promise<void>(nextTask);
        this.assertOpen();
      }
      onProgress?.(checker.total, checker.total);
      // It knows anew which blocks are damaged.
      this.touchStats();
      return checker.report();
    });
  }

  exportStart(): Promise<number> {
    return this.quietly(async () => {
      const id = this.nextExport;
      this.nextExport += 1;
      const image = new ImageExport(this.opening);
      const unpin = this.threads?.pin() ?? (() => {});
      this.exports.set(id, { image, publication: this.engine.publication, unpin });
      this.releaseSeen();
      return id;
    });
  }

  async exportNext(stream: number): Promise<Uint8Array | undefined> {
    this.assertOpen();
    const running = this.exports.get(stream);
    if (running === undefined) throw new StoreError('MISUSE', 'That export has ended.');
    try {
      const chunk = running.image.next();
      if (chunk === undefined) await this.exportCancel(stream);
      return chunk;
    } catch (error) {
      await this.exportCancel(stream);
      throw error;
    }
  }

  async exportCancel(stream: number): Promise<void> {
    this.exports.get(stream)?.unpin();
    if (this.exports.delete(stream)) this.releaseSeen();
  }

  // ---- the end

  private assertOpen(): void {
    if (this.closing !== undefined) throw closedError();
  }

  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async shutDown(): Promise<void> {
    const closed = new StoreError('CLOSED', 'The store was closed meanwhile: open it again.');
    this.turns.close(closed);
    for (const transaction of this.transactions.values()) this.engine.abort(transaction);
    this.transactions.clear();
    for (const { unpin } of this.exports.values()) unpin();
    this.exports.clear();
    try {
      if (this.engine.health === 'ok') await this.commitLast();
    } finally {
      this.closed = true;
      clearTimeout(this.commitTimer);
      clearTimeout(this.readersTimer);
      for (const waiter of this.waiters) waiter.reject(closed);
      this.waiters = [];
      this.threads?.stop();
      if (this.engine.health === 'ok') this.engine.io.drain();
      for (const disk of this.opening.disks) disk.close();
    }
  }

  /**
   * What is not saved is said by health, and to those who wait for it: closing succeeds all the same. Only when a
   * layer refuses the commit of a store that is well does closing say so, once the files are closed.
   */
  private async commitLast(): Promise<void> {
    try {
      if (this.engine.committing) await this.waitFor(this.engine.openGeneration - 1);
      if (this.engine.changed) await this.commitOnce();
    } catch (error) {
      if (!(error instanceof StoreError) || this.engine.health === 'ok') throw error;
    }
  }
}
