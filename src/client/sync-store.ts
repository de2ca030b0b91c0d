/**
 * An open store, in the dedicated worker that runs its engine: the verbs of `Store`, each of which returns when it is
 * done. There is no message, no promise and no copy of state between the caller and the engine.
 */
import { ASYNC_DISPOSE, DISPOSE } from '../base/dispose.ts';
import { StoreError } from '../base/errors.ts';
import { type BlockPointer, type Pointer, toPublic } from '../format/pointer.ts';
import type {
  BlockStates,
  CheckReport,
  Durability,
  Health,
  Profile,
  Recovery,
  StoreStats,
} from '../store/report.ts';
import type { SyncSession } from '../store/sync-session.ts';
import type { CatalogueStatus } from './catalogue.ts';
import { checkInto, checkPointer } from './check-arguments.ts';
import type { StoreEvents } from './listeners.ts';
import { checkDurability } from './options.ts';
import { Pins } from './pins.ts';
import type { SyncEvents } from './sync-events.ts';
import { type SyncBlockReader, SyncReader } from './sync-reader.ts';
import { readBlock, readBlocks, SyncTransaction } from './sync-transaction.ts';

/** How one transaction is run. */
export interface SyncTransactionOptions {
  /** The store's own durability when left out. */
  readonly durability?: Durability | undefined;
}

/** What a check looks at besides the disks. */
export interface SyncCheckOptions {
  /** All pointers that are in use, in any order: then leaks, dangling and doubly used blocks are found too. */
  readonly reachable?: Iterable<BlockPointer> | undefined;
  /** Called now and then with how much is done, of how much in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** What a synchronous store is made of. */
export interface SyncStoreParts {
  readonly name: string;
  readonly session: SyncSession;
  readonly events: SyncEvents;
  readonly recovery: Recovery;
  readonly profile: Profile;
  readonly durability: Durability;
  readonly catalogueStatus: () => CatalogueStatus;
  /** Called before the files are closed. */
  readonly beforeClose: () => void;
  /** Called once the files are closed, or the session is over: gives the store free for others. Never rejects. */
  readonly shutDown: (isEvicted: boolean) => Promise<void>;
}

/**
 * An open store whose engine runs in this worker. Use `openStore` of `opfs-blocks/worker` to get one.
 *
 * @example
 * const written = store.transaction((tx) => tx.write(bytes)); // durable here
 * console.log(store.read(written)[0]);
 */
export class SyncStore implements SyncBlockReader {
  /** As given to `openStore`. */
  readonly name: string;
  /** Bytes of a block. */
  readonly blockSize: number;
  /** `'threaded'` when workers of their own do the disks' work, else `'inline'`: this one does. */
  readonly profile: Profile;
  /** What opening found, roll-backs included. */
  readonly recovery: Recovery;
  /**
   * Resolves when others can open the store: soon after `close`, when this worker has returned to its event loop. Never
   * rejects.
   */
  readonly closed: Promise<void>;
  readonly #parts: SyncStoreParts;
  readonly #session: SyncSession;
  readonly #events: SyncEvents;
  readonly #pins: Pins;
  #resolveClosed: () => void = () => {};

  /** @internal */
  constructor(parts: SyncStoreParts) {
    const { session, events } = parts;
    this.name = parts.name;
    this.blockSize = session.opened.blockBytes;
    this.profile = parts.profile;
    this.recovery = parts.recovery;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#parts = parts;
    this.#session = session;
    this.#events = events;
    this.#pins = new Pins(session.engine.publication, (oldest) => session.seen(oldest));
    events.onPublished = (publication) => this.#pins.advance(publication);
  }

  /** The last durable generation. */
  get generation(): number {
    return this.#session.engine.durableGeneration;
  }

  /** Whether what is written is still saved: `ok`, or why not in `healthReason`. */
  get health(): Health {
    return this.#session.isClosed ? 'closed' : this.#session.engine.health;
  }

  /** Why health is not `ok`. */
  get healthReason(): string | undefined {
    const { reason } = this.#session.engine;
    return reason === '' ? undefined : reason;
  }

  /**
   * `'unavailable'`: IndexedDB does not work here, so the loss of this store's files would not be noticed at the next
   * open.
   */
  get catalogue(): CatalogueStatus {
    return this.#parts.catalogueStatus();
  }

  /**
   * A named root, as of the last transaction that has ended.
   *
   * @throws StoreError CLOSED, SESSION_LOST
   * @example
   * const root = store.root('main');
   * if (root !== undefined) console.log(store.read(root));
   */
  root(name: string): BlockPointer | undefined {
    this.#session.assertOpen();
    const pointer = this.#session.engine.roots.get(name);
    return pointer === undefined ? undefined : toPublic(pointer);
  }

  /**
   * One block, `blockSize` bytes, verified; from the cache or from the disk, before this returns.
   *
   * @param into Where to put it, at least `blockSize` long; a new array when left out.
   * @throws StoreError CORRUPT (with `mayBeStale` when the pointer may just be an old one), NOT_FOUND, IO, MISUSE,
   * CLOSED, SESSION_LOST
   * @example
   * const into = new Uint8Array(store.blockSize);
   * store.read(pointer, into);
   */
  read(pointer: BlockPointer, into: Uint8Array = new Uint8Array(this.blockSize)): Uint8Array {
    return readBlock(this.#session, pointer, into);
  }

  /**
   * Several blocks; neighbours on the disk are read together.
   *
   * @param intos Where to put them, one array a block; new arrays when left out.
   * @throws StoreError as `read`; one bad block fails them all
   * @example
   * const blocks = store.readMany(pointers);
   */
  readMany(pointers: readonly BlockPointer[], intos?: readonly Uint8Array[]): Uint8Array[] {
    return readBlocks(this.#session, pointers, intos);
  }

  /**
   * The block if it is in the cache, else `undefined`: then `read` would ask the disk.
   *
   * @param into Where to put it, at least `blockSize` long; a new array when left out.
   * @throws StoreError MISUSE, CLOSED, SESSION_LOST
   * @example
   * const block = store.readCached(pointer) ?? store.read(pointer);
   */
  readCached(
    pointer: BlockPointer,
    into: Uint8Array = new Uint8Array(this.blockSize),
  ): Uint8Array | undefined {
    const engine = checkPointer(pointer, this.blockSize);
    checkInto(into, this.blockSize);
    return this.#session.readCached(engine, into) ? into : undefined;
  }

  /**
   * Pins the last published state until it is disposed: `using reader = store.reader()`.
   *
   * @throws StoreError CLOSED, SESSION_LOST
   * @example
   * using reader = store.reader();
   * store.transaction((tx) => tx.setRoot('main', tx.write(bytes)));
   * console.log(reader.root('main')); // as before
   */
  reader(): SyncReader {
    this.#session.assertOpen();
    return new SyncReader(this, this.#pins, this.#session.engine);
  }

  /**
   * Runs `callback`, which must not be async, as one transaction; returns its value when all of it is durable
   * (`strict`) or visible (`relaxed`). When it throws, everything is rolled back and its error comes out unchanged.
   *
   * A relaxed transaction is committed within 100 ms if this worker returns to its event loop; else by the first
   * transaction after that time, by `sync`, or by `close`.
   *
   * Whether the browser has removed the files under the open store is known as of the last return to the event loop,
   * or, in browsers that can be asked in between, as of 100 ms ago at most. From then on everything is EVICTED.
   *
   * @throws StoreError MISUSE (started inside another, or async), FULL, QUOTA, NOT_FOUND, READ_ONLY; POISONED, EVICTED
   * (with `maybeApplied` when it had ended and was being committed), CLOSED, SESSION_LOST
   * @example
   * const next = store.transaction((tx) => {
   *   const pointer = tx.replace(pointers[0], bytes);
   *   tx.setRoot('main', pointer);
   *   return pointer;
   * }); // durable here
   */
  transaction<T>(callback: (tx: SyncTransaction) => T, options: SyncTransactionOptions = {}): T {
    this.#session.assertOpen();
    if (typeof callback !== 'function') {
      throw new StoreError('MISUSE', 'A transaction takes a function.');
    }
    const durability = checkDurability(options.durability ?? this.#parts.durability);
    return this.#telling(() =>
      this.#session.transaction((transaction) => {
        const tx = new SyncTransaction(this.#session, transaction);
        try {
          return assertNoPromise(callback(tx));
        } finally {
          tx.finish();
        }
      }, durability),
    );
  }

  /**
   * Sizes and counters, as they are now.
   *
   * @throws StoreError CLOSED, SESSION_LOST
   * @example
   * const { usedBytes, freeBytes, maxBytes } = store.stats();
   */
  stats(): StoreStats {
    return this.#session.stats();
  }

  /**
   * The same as `stats`, under the name that it has on a page.
   *
   * @throws StoreError CLOSED, SESSION_LOST
   * @example
   * console.log(store.telemetry().commits.msLast, 'ms');
   */
  telemetry(): StoreStats {
    return this.#session.stats();
  }

  /**
   * A byte per block (see `BLOCK_STATE`), as they are now.
   *
   * @throws StoreError CLOSED, SESSION_LOST
   * @example
   * const { bytes: states } = store.blockStates();
   * console.log(states.filter((state) => state === BLOCK_STATE.data).length, 'blocks of data');
   */
  blockStates(): BlockStates {
    return this.#session.blockStates();
  }

  /**
   * Verifies everything on the disks (fsck). Commits first, writes nothing else. What is wrong is in the report.
   *
   * @throws StoreError MISUSE, POISONED, EVICTED, CLOSED, SESSION_LOST
   * @example
   * const report = store.check({ reachable: pointers });
   * if (!report.clean) console.warn(report.problems);
   */
  check(options: SyncCheckOptions = {}): CheckReport {
    this.#session.assertOpen();
    const { reachable, onProgress } = options;
    const pointers: Pointer[] = [];
    for (const pointer of reachable ?? []) pointers.push(checkPointer(pointer, this.blockSize));
    const engineOptions = reachable === undefined ? {} : { reachable: pointers };
    return this.#telling(() => this.#session.check(engineOptions, onProgress));
  }

  /**
   * Rewrites every allocation log as short as it can be. The engine does so by itself when one has grown long.
   *
   * @throws StoreError READ_ONLY, POISONED, EVICTED, CLOSED, SESSION_LOST
   * @example
   * store.compactLogs();
   */
  compactLogs(): void {
    this.#telling(() => this.#session.compactLogs());
  }

  /**
   * A consistent image for `importStore`, chunk by chunk, each about 1 MiB at most; of the state at the first chunk,
   * whatever happens to the store meanwhile. Leave the loop, or call `return`, if you do not want all of it: until then
   * the blocks it needs are not reused.
   *
   * @throws StoreError from the loop: CORRUPT (a block in use is damaged), IO, MISUSE (begun inside a transaction),
   * CLOSED, SESSION_LOST
   * @example
   * let imageBytes = 0;
   * for (const chunk of store.exportImage()) imageBytes += chunk.length;
   */
  *exportImage(): Generator<Uint8Array, void, undefined> {
    const image = this.#telling(() => this.#session.startExport());
    const pin = this.#pins.pin();
    try {
      for (let chunk = image.next(); chunk !== undefined; chunk = image.next()) {
        yield chunk;
        this.#session.assertOpen();
      }
    } finally {
      this.#pins.unpin(pin);
    }
  }

  /**
   * Hears of changes of health, of commits, and of space running short, once the verb that caused them is done.
   *
   * @returns how to stop listening.
   * @throws StoreError MISUSE
   * @example
   * const stop = store.on('commit', ({ generation }) => console.log(generation, 'is durable'));
   * stop();
   */
  on<Name extends keyof StoreEvents>(
    name: Name,
    listener: (event: StoreEvents[Name]) => void,
  ): () => void {
    return this.#events.listeners.on(name, listener);
  }

  /**
   * Makes durable what relaxed transactions have left.
   *
   * @throws StoreError POISONED, EVICTED, CLOSED, SESSION_LOST, MISUSE in a layer's hook
   * @example
   * store.transaction((tx) => tx.write(bytes), { durability: 'relaxed' });
   * store.sync(); // durable here
   */
  sync(): void {
    this.#telling(() => this.#session.sync());
  }

  /**
   * Commits what has ended and closes the files before it returns; `closed` tells when others can open the store.
   * Idempotent.
   *
   * @throws StoreError when relaxed transactions could not be made durable (POISONED, EVICTED). The store is closed all
   * the same. MISUSE inside a transaction, which closes nothing.
   * @example
   * const second = await openStore('second');
   * second.close();
   * await second.closed; // others can open it
   */
  close(): void {
    const session = this.#session;
    if (session.isClosed) return;
    session.assertFree('close the store');
    this.#parts.beforeClose();
    try {
      session.close();
    } catch (error) {
      throw this.#lateError(error);
    } finally {
      this.#letGo(`The store '${this.name}' is closed.`);
      this.#events.tell();
    }
  }

  /** As `close`, for `using`. */
  [DISPOSE](): void {
    this.close();
  }

  /** As `close`, and waits until others can open the store. */
  async [ASYNC_DISPOSE](): Promise<void> {
    this.close();
    await this.closed;
  }

  /** @internal A thread that the store needs is no more (I14). */
  lose(why: StoreError): void {
    if (this.#session.isClosed) return;
    this.#session.lose(why);
    this.#letGo(why.message);
  }

  #letGo(reason: string): void {
    this.#events.health({ health: 'closed', reason: this.healthReason ?? reason });
    const isEvicted = this.#session.engine.health === 'evicted';
    void this.#parts.shutDown(isEvicted).then(this.#resolveClosed);
  }

  #lateError(error: unknown): unknown {
    if (!(error instanceof StoreError) || !error.maybeApplied) return error;
    return new StoreError(
      error.code,
      `${this.healthReason ?? error.message} The store '${this.name}' is closed; relaxed transactions that had ` +
        'returned may not have been saved.',
      { coordinates: { store: this.name }, maybeApplied: true, cause: error },
    );
  }

  /** What happened inside a verb is told when it is done. */
  #telling<T>(verb: () => T): T {
    try {
      return verb();
    } finally {
      if (!this.#session.isInTransaction) this.#events.tell();
    }
  }
}

/** An async callback would go on after its transaction has ended. */
function assertNoPromise<T>(value: T): T {
  const then: unknown = (value as { then?: unknown } | null | undefined)?.then;
  if (typeof then !== 'function') return value;
  // Its own failure is not the one to report: it worked on a transaction that is no more.
  Promise.resolve(value).catch(() => undefined);
  throw new StoreError(
    'MISUSE',
    'A transaction’s callback has returned a promise: here everything is synchronous, so do not make it async.',
  );
}
