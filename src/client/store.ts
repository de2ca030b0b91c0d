/**
 * An open store, as the main thread sees it. It holds no blocks and no truth of its own: every answer is the engine's,
 * or the last state that the engine has announced.
 */
import { ASYNC_DISPOSE } from '../base/dispose.ts';
import { StoreError } from '../base/errors.ts';
import type { BlockPointer, Pointer } from '../format/pointer.ts';
import type {
  BlockStates,
  CheckReport,
  Durability,
  Health,
  Profile,
  Recovery,
  StoreStats,
} from '../store/report.ts';
import type { OpenedStore } from '../store/verbs.ts';
import type { BlockSource } from './block-source.ts';
import type { CatalogueStatus } from './catalogue.ts';
import { checkInto, checkIntos, checkPointer, checkPointers } from './check-arguments.ts';
import { exportStream } from './export-stream.ts';
import type { Lifeline } from './lifeline.ts';
import type { StoreEvents } from './listeners.ts';
import { NestingGuard } from './nesting.ts';
import { checkDurability, checkSignal } from './options.ts';
import type { StoreHandle } from './protocol.ts';
import { type BlockReader, Reader } from './reader.ts';
import type { ClientVerbs } from './remote-verbs.ts';
import type { SessionView } from './session-view.ts';
import type { Figures } from './shared-figures.ts';
import type { VisibleState } from './state-source.ts';
import {
  runTransaction,
  type TransactionCallback,
  type TransactionOptions,
} from './transaction.ts';
import { Turns } from './turns.ts';

/** What a check is told. */
export interface CheckStoreOptions {
  /** All pointers that are in use, in any order: then leaks, dangling and doubly used blocks are found too. */
  readonly reachable?: Iterable<BlockPointer> | AsyncIterable<BlockPointer> | undefined;
  /** Hears how many of how many blocks have been checked. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** What a store is made of. */
export interface StoreParts {
  readonly name: string;
  readonly verbs: ClientVerbs;
  readonly opened: OpenedStore;
  readonly recovery: Recovery;
  readonly profile: Profile;
  readonly durability: Durability;
  readonly lifeline: Lifeline;
  readonly blocks: BlockSource;
  readonly figures: Figures;
  readonly share: () => StoreHandle;
  /** Nobody but this client can change the store's state. */
  readonly isAlone: () => boolean;
  readonly catalogueStatus: () => CatalogueStatus;
  /** Called before the engine is asked to close. */
  readonly beforeClose: () => void;
  /** Called once the engine has closed, or when closing it has failed: lets go of everything else. */
  readonly shutDown: () => Promise<void>;
}

/**
 * An open store. Use `openStore` to get one.
 *
 * @example
 * await store.transaction(async (tx) => tx.setRoot('main', await tx.write(bytes)));
 * const root = store.root('main');
 * if (root !== undefined) console.log(await store.read(root));
 */
export class Store implements BlockReader {
  /** The name it was opened under. */
  readonly name: string;
  /** Bytes of a block. */
  readonly blockSize: number;
  /** `'threaded'` with shared memory, else `'inline'`: one worker, every read is a message. */
  readonly profile: Profile;
  /** What opening found, roll-backs included. */
  readonly recovery: Recovery;
  readonly #parts: StoreParts;
  readonly #verbs: ClientVerbs;
  readonly #view: SessionView;
  readonly #nesting: NestingGuard;
  readonly #turns = new Turns();
  #tickets = 0;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(parts: StoreParts, view: SessionView) {
    const { verbs } = parts;
    this.name = parts.name;
    this.blockSize = parts.opened.blockBytes;
    this.profile = parts.profile;
    this.recovery = parts.recovery;
    this.#parts = parts;
    this.#verbs = verbs;
    this.#view = view;
    this.#nesting = new NestingGuard();
  }

  /** @internal For `opfs-blocks/testing`. */
  static partsOf(store: Store): StoreParts {
    return store.#parts;
  }

  /** The last durable generation. */
  get generation(): number {
    return this.#view.visible.generation;
  }

  /** Whether what is acknowledged is still saved; hear of changes with `on('health', …)`. */
  get health(): Health {
    return this.#view.health.health;
  }

  /** Why health is not `ok`. */
  get healthReason(): string | undefined {
    return this.#view.health.reason;
  }

  /**
   * `'unavailable'`: IndexedDB does not work here, so the loss of this store's files would not be noticed at the next
   * open.
   */
  get catalogue(): CatalogueStatus {
    return this.#parts.catalogueStatus();
  }

  /**
   * A named root in the last published state: that of every transaction that has resolved.
   *
   * @throws StoreError CLOSED, SESSION_LOST
   * @example
   * const pointer = store.root('main');
   */
  root(name: string): BlockPointer | undefined {
    this.#assertOpen();
    return this.#view.visible.roots.get(name);
  }

  /**
   * One block, `blockSize` bytes, verified.
   *
   * @param into Where to put it, at least `blockSize` long; a new array when left out.
   * @throws StoreError NOT_FOUND (freed, or not in this store), CORRUPT (with `mayBeStale` when the pointer may just be
   * an old one), MISUSE, IO, CLOSED, SESSION_LOST
   * @example
   * const into = new Uint8Array(store.blockSize); // may be used again and again
   * await store.read(pointer, into);
   */
  read(pointer: BlockPointer, into?: Uint8Array): Promise<Uint8Array> {
    const { blocks } = this.#parts;
    try {
      this.#assertOpen();
      const engine = checkPointer(pointer, this.blockSize);
      if (into !== undefined) checkInto(into, this.blockSize);
      // Not an async function: what is in shared memory costs one resolved promise.
      const target = into ?? (blocks.isShared ? new Uint8Array(this.blockSize) : undefined);
      if (target !== undefined && blocks.copyCached(engine, target)) return Promise.resolve(target);
      const intos = target === undefined ? undefined : [target];
      return blocks.read([engine], intos).then((read) => read[0] as Uint8Array);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Several blocks together; neighbours on the disk are read with one call.
   *
   * @param intos Where to put them, one array a block.
   * @throws StoreError as `read`; one bad block fails them all
   * @example
   * const blocks = await store.readMany(pointers);
   */
  async readMany(
    pointers: readonly BlockPointer[],
    intos?: readonly Uint8Array[],
  ): Promise<Uint8Array[]> {
    this.#assertOpen();
    const engine = checkPointers(pointers, this.blockSize);
    checkIntos(intos, pointers.length, this.blockSize);
    return this.#parts.blocks.read(engine, intos);
  }

  /**
   * The block if it is in shared memory, at once and without a message, else `undefined`: then `read` it. In the
   * inline profile there is no shared memory, so it is always `undefined`.
   *
   * @param into Where to put it, at least `blockSize` long; after a miss its content is undefined.
   * @returns what was written of `into`, `blockSize` bytes.
   * @throws StoreError MISUSE, CLOSED, SESSION_LOST
   * @example
   * const into = new Uint8Array(store.blockSize);
   * const block = store.readCached(pointer, into) ?? (await store.read(pointer, into));
   */
  readCached(pointer: BlockPointer, into: Uint8Array): Uint8Array | undefined {
    this.#assertOpen();
    const engine = checkPointer(pointer, this.blockSize);
    checkInto(into, this.blockSize);
    return this.#parts.blocks.copyCached(engine, into) ? into : undefined;
  }

  /**
   * Pins the last published state until it is disposed: `using reader = store.reader()`.
   *
   * @throws StoreError CLOSED, SESSION_LOST
   * @example
   * using reader = store.reader();
   * const before = reader.root('main');
   * await store.transaction(async (tx) => tx.setRoot('main', await tx.write(bytes)));
   * console.log(reader.root('main') === before); // true
   */
  reader(): Reader {
    this.#assertOpen();
    return new Reader(this, this.#view.pin());
  }

  /**
   * Runs `callback` as one transaction; resolves with its value when all of it is durable (`strict`) or visible
   * (`relaxed`). When it throws, everything is rolled back and its error comes out unchanged. One transaction runs at
   * a time, in the order asked for.
   *
   * @throws StoreError MISUSE (started inside another), ABORTED, FULL, QUOTA, NOT_FOUND, READ_ONLY, POISONED,
   * EVICTED, CLOSED, SESSION_LOST (with `maybeApplied` when it was being committed)
   * @example
   * const written = await store.transaction(async (tx) => {
   *   const old = tx.root('main');
   *   const next = old === undefined ? await tx.write(bytes) : await tx.replace(old, bytes);
   *   tx.setRoot('main', next);
   *   return next;
   * }); // durable here
   */
  async transaction<T>(
    callback: TransactionCallback<T>,
    options: TransactionOptions = {},
  ): Promise<T> {
    this.#assertOpen();
    if (typeof callback !== 'function') {
      throw new StoreError('MISUSE', 'A transaction takes a function.');
    }
    this.#assertOutside('transaction');
    const durability = checkDurability(options.durability ?? this.#parts.durability);
    const context = {
      verbs: this.#verbs,
      blocks: this.#parts.blocks,
      lifeline: this.#parts.lifeline,
      nesting: this.#nesting,
      blockBytes: this.blockSize,
      turns: this.#turns,
      knownState: () => this.#knownState(),
      nextTicket: () => {
        this.#tickets += 1;
        return this.#tickets;
      },
    };
    return runTransaction(context, callback, { durability, signal: checkSignal(options.signal) });
  }

  /** With nobody else to change it, the last published state is what the next transaction sees. */
  #knownState(): VisibleState | undefined {
    return this.#parts.isAlone() && this.health === 'ok' ? this.#view.visible : undefined;
  }

  /**
   * Sizes and counters, as they are now.
   *
   * @throws StoreError CLOSED, SESSION_LOST
   * @example
   * const { usedBytes, freeBytes, maxBytes } = await store.stats();
   */
  async stats(): Promise<StoreStats> {
    this.#assertOpen();
    return this.#verbs.stats();
  }

  /**
   * The newest figures at hand, cheap enough for every frame. In the inline profile asking brings newer ones.
   *
   * @throws StoreError CLOSED, SESSION_LOST
   * @example
   * console.log(store.telemetry().commits.msLast, 'ms');
   */
  telemetry(): StoreStats {
    this.#assertOpen();
    return this.#parts.figures.stats();
  }

  /**
   * A byte per block (see `BLOCK_STATE`), as fresh as `telemetry`. The array may be the one that the last call gave:
   * copy what you want to keep.
   *
   * @throws StoreError CLOSED, SESSION_LOST
   * @example
   * const { bytes: states } = store.blockStates();
   * console.log(states.filter((state) => state === BLOCK_STATE.data).length, 'blocks of data');
   */
  blockStates(): BlockStates {
    this.#assertOpen();
    return this.#parts.figures.blockStates();
  }

  /**
   * Verifies everything on the disks (fsck). What is wrong is in the report. It begins when the transaction that runs
   * has ended, so it is refused inside one; commits what has ended first, and writes nothing else.
   *
   * @throws StoreError MISUSE (called inside a transaction, or with what is no pointer), POISONED, EVICTED, CLOSED,
   * SESSION_LOST
   * @example
   * const report = await store.check({ reachable: pointers });
   * if (!report.clean) console.warn(report.problems);
   */
  async check(options: CheckStoreOptions = {}): Promise<CheckReport> {
    this.#assertOpen();
    this.#assertOutside('check');
    const { reachable, onProgress } = options;
    if (reachable === undefined) return this.#verbs.check({}, onProgress);
    const pointers: Pointer[] = [];
    for await (const pointer of reachable) pointers.push(checkPointer(pointer, this.blockSize));
    return this.#verbs.check({ reachable: pointers }, onProgress);
  }

  /**
   * Rewrites every allocation log as short as it can be. The engine does so by itself when one has grown long. Waits
   * for the transaction that runs, as `check` does.
   *
   * @throws StoreError MISUSE (called inside a transaction), READ_ONLY, POISONED, EVICTED, CLOSED, SESSION_LOST
   * @example
   * await store.compactLogs();
   */
  async compactLogs(): Promise<void> {
    this.#assertOpen();
    this.#assertOutside('compactLogs');
    return this.#verbs.compactLogs();
  }

  /**
   * A consistent image for `importStore`, of the state when its first chunk is asked for: that waits for the
   * transaction that runs, and commits what has ended. Cancel the stream if you do not read it to its end: until then
   * the blocks it needs are not reused.
   *
   * @throws StoreError MISUSE (called inside a transaction), CLOSED, SESSION_LOST; the stream itself may fail with
   * CORRUPT (a block in use is damaged), IO, POISONED, EVICTED
   * @example
   * const image = await new Response(store.exportImage()).blob();
   * console.log(image.size, 'bytes');
   */
  exportImage(): ReadableStream<Uint8Array> {
    this.#assertOpen();
    this.#assertOutside('exportImage');
    return exportStream(this.#verbs);
  }

  /**
   * A handle for one other dedicated worker of this page, which attaches with `attachStore(handle)` and then has all of
   * this store: the same cache, synchronous cached reads, readers and transactions. Post it with its port transferred.
   * Seven workers can have the store at a time; a handle that nobody attaches with counts for none of them.
   *
   * @throws StoreError UNSUPPORTED in the inline profile, MISUSE when this store is itself an attached one, CLOSED,
   * SESSION_LOST
   * @example
   * const handle = store.share();
   * worker.postMessage({ handle }, [handle.port]);
   */
  share(): StoreHandle {
    this.#assertOpen();
    return this.#parts.share();
  }

  /**
   * Hears of changes of health, of commits, and of space running short.
   *
   * @returns how to stop listening.
   * @throws StoreError MISUSE
   * @example
   * const stop = store.on('health', ({ health, reason }) => console.warn(health, reason));
   * stop();
   */
  on<Name extends keyof StoreEvents>(
    name: Name,
    listener: (event: StoreEvents[Name]) => void,
  ): () => void {
    return this.#view.on(name, listener);
  }

  /**
   * Commits what has ended, rolls back what has not, closes the files and gives the store free for others.
   * Idempotent.
   *
   * @throws StoreError when relaxed transactions could not be made durable (POISONED, EVICTED, SESSION_LOST). The
   * store is closed all the same.
   * @example
   * const second = await openStore('second');
   * await second.close();
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** As `close`, for `await using`. */
  [ASYNC_DISPOSE](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const { lifeline, shutDown } = this.#parts;
    const view = this.#view;
    const brokenBefore = view.brokenReason !== undefined;
    try {
      if (lifeline.ended !== undefined) return;
      this.#parts.beforeClose();
      await this.#verbs.close();
      if (!brokenBefore && view.brokenReason !== undefined) {
        throw notSavedError(this.name, view.brokenReason);
      }
    } finally {
      lifeline.end(closedError(this.name));
      await shutDown();
    }
  }

  #assertOpen(): void {
    const { ended } = this.#parts.lifeline;
    if (ended !== undefined) throw ended;
    if (this.#closing !== undefined) throw closedError(this.name);
  }

  /** What waits for the transaction that runs would, awaited inside it, wait for itself. */
  #assertOutside(method: 'transaction' | 'check' | 'compactLogs' | 'exportImage'): void {
    if (!this.#nesting.isInside()) return;
    const instead = method === 'transaction' ? 'use the outer one’s tx, or call it' : 'call it';
    throw new StoreError(
      'MISUSE',
      `store.${method} was called inside a transaction, which it would wait for: ${instead} when that has ended.`,
    );
  }
}

function closedError(store: string): StoreError {
  return new StoreError('CLOSED', `The store '${store}' is closed: call openStore again.`, {
    coordinates: { store },
  });
}

function notSavedError(store: string, reason: string): StoreError {
  return new StoreError(
    'POISONED',
    `${reason} The store '${store}' is closed; relaxed transactions that had resolved may not have been saved.`,
    { coordinates: { store }, maybeApplied: true },
  );
}
