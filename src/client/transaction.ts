/**
 * A transaction, from the caller's side: what `store.transaction` hands to its callback, and the course of one
 * transaction from its turn to its end.
 */
import { StoreError } from '../base/errors.ts';
import { type BlockPointer, type Pointer, toPublic } from '../format/pointer.ts';
import { rootNameFlaw } from '../format/root-name.ts';
import type { Durability } from '../store/report.ts';
import type { BegunTransaction } from '../store/verbs.ts';
import type { BlockSource } from './block-source.ts';
import { checkBlock, checkIntos, checkPointer, checkPointers, deliver } from './check-arguments.ts';
import type { Lifeline } from './lifeline.ts';
import type { NestingGuard } from './nesting.ts';
import type { ClientVerbs } from './remote-verbs.ts';
import { type VisibleState, visibleState } from './state-source.ts';
import type { Turn, Turns } from './turns.ts';

/** Frees asked for one after the other leave as one message, of at most this many pointers. */
const FREES_PER_MESSAGE = 4096;

/**
 * What `store.transaction` hands to its callback. All methods that take a pointer or a name throw MISUSE at once when
 * it cannot be one, and when the transaction has ended.
 *
 * @example
 * await store.transaction(async (tx) => {
 *   const old = tx.root('main');
 *   const written = await tx.write(bytes);
 *   if (old !== undefined) tx.free(old);
 *   tx.setRoot('main', written);
 * });
 */
export class Transaction {
  readonly #id: number;
  readonly #verbs: ClientVerbs;
  readonly #blocks: BlockSource;
  readonly #blockBytes: number;
  readonly #roots: Map<string, BlockPointer>;
  #ended: (() => StoreError) | undefined;
  /** @internal */
  changedRoots = false;
  /** @internal Its fate is the engine's from now on. */
  endSent = false;
  #frees: { readonly pointers: Pointer[]; readonly sent: Promise<void> } | undefined;
  #sendFrees: () => void = () => {};

  constructor(
    ticket: number,
    roots: ReadonlyMap<string, BlockPointer>,
    { verbs, blocks, blockBytes }: Pick<TransactionContext, 'verbs' | 'blocks' | 'blockBytes'>,
  ) {
    this.#id = ticket;
    this.#verbs = verbs;
    this.#blocks = blocks;
    this.#blockBytes = blockBytes;
    this.#roots = new Map(roots);
  }

  /**
   * A named root. Sees every earlier transaction that has ended, and this one's own `setRoot`.
   *
   * @throws StoreError MISUSE after its end, ABORTED
   * @example
   * await store.transaction((tx) => console.log(tx.root('main')));
   */
  root(name: string): BlockPointer | undefined {
    this.#assertOpen();
    return this.#roots.get(name);
  }

  /**
   * One block, verified; of earlier transactions or of this one.
   *
   * @param into Where to put it, at least `blockSize` long; a new array when left out.
   * @throws StoreError NOT_FOUND, CORRUPT, MISUSE, ABORTED, IO, SESSION_LOST
   * @example
   * await store.transaction(async (tx) => {
   *   const written = await tx.write(bytes);
   *   console.log(await tx.read(written)); // its own writes too
   * });
   */
  async read(pointer: BlockPointer, into?: Uint8Array): Promise<Uint8Array> {
    const blocks = await this.readMany([pointer], into === undefined ? undefined : [into]);
    return blocks[0] as Uint8Array;
  }

  /**
   * Several blocks with one message, as `Store.readMany`.
   *
   * @param intos Where to put them, one array a block.
   * @throws StoreError as `read`; one bad block fails them all
   * @example
   * await store.transaction(async (tx) => {
   *   const blocks = await tx.readMany(pointers);
   *   await tx.writeMany(blocks);
   * });
   */
  async readMany(
    pointers: readonly BlockPointer[],
    intos?: readonly Uint8Array[],
  ): Promise<Uint8Array[]> {
    this.#assertOpen();
    const engine = checkPointers(pointers, this.#blockBytes);
    checkIntos(intos, pointers.length, this.#blockBytes);
    if (!this.#blocks.isShared) {
      this.#sendFrees();
      return deliver(await this.#verbs.transactionRead(this.#id, engine), intos);
    }
    return this.#readShared(engine, intos);
  }

  /** What this transaction has written is in the cache like everything else; what is not there, the engine reads. */
  async #readShared(
    pointers: readonly Pointer[],
    intos: readonly Uint8Array[] | undefined,
  ): Promise<Uint8Array[]> {
    const targets = intos ?? pointers.map(() => new Uint8Array(this.#blockBytes));
    const missing: number[] = [];
    for (const [place, pointer] of pointers.entries()) {
      const hit = this.#blocks.copyCached(pointer, targets[place] as Uint8Array);
      if (!hit) missing.push(place);
    }
    if (missing.length === 0) return [...targets];
    this.#sendFrees();
    const blocks = await this.#verbs.transactionRead(
      this.#id,
      missing.map((place) => pointers[place] as Pointer),
    );
    for (const [n, place] of missing.entries()) {
      (targets[place] as Uint8Array).set(blocks[n] as Uint8Array);
    }
    return [...targets];
  }

  /**
   * A new block. `bytes` are copied before this returns; what they leave of the block is zero.
   *
   * @throws StoreError MISUSE (longer than a block), FULL, QUOTA, READ_ONLY, POISONED, EVICTED, ABORTED, SESSION_LOST
   * @example
   * await store.transaction(async (tx) => {
   *   tx.setRoot('main', await tx.write(new TextEncoder().encode('hello')));
   * });
   */
  async write(bytes: Uint8Array): Promise<BlockPointer> {
    const pointers = await this.writeMany([bytes]);
    return pointers[0] as BlockPointer;
  }

  /**
   * New blocks with one message, neighbours on the disk where space allows.
   *
   * @throws StoreError as `write`; none is written then
   * @example
   * await store.transaction(async (tx) => {
   *   const [left, right] = await tx.writeMany([bytes, bytes]);
   * });
   */
  async writeMany(blocks: readonly Uint8Array[]): Promise<BlockPointer[]> {
    this.#assertOpen();
    for (const bytes of blocks) checkBlock(bytes, this.#blockBytes);
    this.#sendFrees();
    const pointers = await this.#verbs.transactionWrite(this.#id, blocks);
    return pointers.map(toPublic);
  }

  /**
   * `write` and `free` of the old block in one.
   *
   * @throws StoreError as `write`; NOT_FOUND (freed already, or not this block)
   * @example
   * await store.transaction(async (tx) => {
   *   tx.setRoot('main', await tx.replace(pointer, bytes));
   * });
   */
  async replace(old: BlockPointer, bytes: Uint8Array): Promise<BlockPointer> {
    this.#assertOpen();
    const engine = checkPointer(old, this.#blockBytes);
    checkBlock(bytes, this.#blockBytes);
    this.#sendFrees();
    return toPublic(await this.#verbs.transactionReplace(this.#id, engine, bytes));
  }

  /**
   * Gives a block back; its space is used again once that is durable and no reader can see it.
   *
   * An old pointer is told from a later block at its address by the bytes, which its hash has to fit. Who keeps the
   * pointer of a block that he has freed, and frees it again when the very same bytes happen to be at the very same
   * address, frees that block.
   *
   * The promise need not be awaited: a failure (NOT_FOUND: freed already, or not this block) dooms the transaction,
   * which rolls back and rejects with it.
   *
   * @throws StoreError NOT_FOUND, MISUSE, ABORTED, SESSION_LOST
   * @example
   * await store.transaction((tx) => {
   *   for (const old of pointers) tx.free(old);
   * });
   */
  free(pointer: BlockPointer): Promise<void> {
    this.#assertOpen();
    const engine = checkPointer(pointer, this.#blockBytes);
    const frees = this.#frees ?? this.#collectFrees();
    frees.pointers.push(engine);
    if (frees.pointers.length >= FREES_PER_MESSAGE) this.#sendFrees();
    return frees.sent;
  }

  /**
   * Names a block, or with `undefined` takes the name away. At most 64 names of at most 32 bytes. A root must name a
   * block that is in use when the transaction ends.
   *
   * The promise need not be awaited, as that of `free`.
   *
   * @throws StoreError MISUSE, NOT_FOUND, ABORTED, SESSION_LOST
   * @example
   * await store.transaction(async (tx) => {
   *   tx.setRoot('draft', await tx.write(bytes));
   *   tx.setRoot('old draft', undefined);
   * });
   */
  setRoot(name: string, pointer: BlockPointer | undefined): Promise<void> {
    this.#assertOpen();
    const flaw = rootNameFlaw(name);
    if (flaw !== undefined) {
      throw new StoreError('MISUSE', `The name of a root ${flaw}: give it 1 to 32 bytes of text.`);
    }
    const engine = pointer === undefined ? undefined : checkPointer(pointer, this.#blockBytes);
    this.#sendFrees();
    this.changedRoots = true;
    if (pointer === undefined) this.#roots.delete(name);
    else this.#roots.set(name, { ...pointer });
    return handled(this.#verbs.transactionSetRoot(this.#id, name, engine));
  }

  /** @internal Nothing more is accepted; what was collected is sent. */
  finish(why: () => StoreError): void {
    this.#sendFrees();
    this.#ended ??= why;
  }

  #assertOpen(): void {
    if (this.#ended !== undefined) throw this.#ended();
  }

  /** They leave before any other operation of the transaction, or with the next microtask. */
  #collectFrees(): { readonly pointers: Pointer[]; readonly sent: Promise<void> } {
    const pointers: Pointer[] = [];
    const sent = new Promise<void>((resolve) => {
      this.#sendFrees = () => {
        this.#frees = undefined;
        this.#sendFrees = () => {};
        resolve(this.#verbs.transactionFree(this.#id, pointers));
      };
    });
    const send = this.#sendFrees;
    queueMicrotask(() => {
      if (this.#sendFrees === send) send();
    });
    this.#frees = { pointers, sent: handled(sent) };
    return this.#frees;
  }
}

/** The promise with a reaction, so that nobody needs to await it; the failure comes back from `transaction`. */
function handled(promise: Promise<void>): Promise<void> {
  promise.catch(() => {});
  return promise;
}

/** How one transaction is run. */
export interface TransactionOptions {
  /** The store's own durability when left out. */
  readonly durability?: Durability | undefined;
  /** Gives up with ABORTED while it waits for its turn and until its callback has ended. */
  readonly signal?: AbortSignal | undefined;
}

/** What a transaction needs of its store. */
export interface TransactionContext {
  readonly verbs: ClientVerbs;
  readonly blocks: BlockSource;
  readonly lifeline: Lifeline;
  readonly nesting: NestingGuard;
  readonly blockBytes: number;
  readonly turns: Turns;
  /** What the next transaction will see, when that can be known without asking the engine. */
  knownState(): VisibleState | undefined;
  nextTicket(): number;
}

/** What a transaction does. It may be asynchronous; what it throws rolls everything back. */
export type TransactionCallback<T> = (tx: Transaction) => T | Promise<T>;

/**
 * Waits for its turn, runs the callback, ends. Whatever goes wrong before the end rolls everything back, and the
 * callback's own error comes out as it went in.
 */
export async function runTransaction<T>(
  context: TransactionContext,
  callback: TransactionCallback<T>,
  options: RunOptions,
): Promise<T> {
  const { signal } = options;
  if (signal?.aborted) throw abortedError(signal);
  const turn = context.turns.enter();
  try {
    if (turn.begins !== undefined) await unlessAborted(turn.begins, signal);
    return await runInTurn(context, turn, callback, options);
  } finally {
    turn.end();
  }
}

interface RunOptions {
  readonly durability: Durability;
  readonly signal: AbortSignal | undefined;
}

async function runInTurn<T>(
  context: TransactionContext,
  turn: Turn,
  callback: TransactionCallback<T>,
  { durability, signal }: RunOptions,
): Promise<T> {
  const { verbs } = context;
  const ticket = context.nextTicket();
  const known = context.knownState();
  // What it will see is known: the engine's answer need not be waited for, or even given.
  const unasked = known !== undefined && signal === undefined && verbs.beginUnasked(ticket);
  const beginning = unasked ? undefined : begin(verbs, ticket, signal);
  const beginFlaw = flawOf(beginning);
  const { roots } = known ?? visibleState((await (beginning as Promise<BegunTransaction>)).state);
  const tx = new Transaction(ticket, roots, context);
  try {
    const value = await runCallback(context, tx, callback, signal);
    tx.finish(endedError);
    await end(context, tx, turn, { ticket, durability });
    return value;
  } catch (error) {
    tx.finish(endedError);
    const flaw = await beginFlaw;
    // Rolling back can fail only with the session itself, whose health tells; the caller's error is the one to know.
    if (!tx.endSent) await verbs.abort(ticket).catch(() => undefined);
    throw flaw ?? verbs.beginFlaw(ticket) ?? error;
  }
}

async function flawOf(beginning: Promise<unknown> | undefined): Promise<unknown> {
  try {
    await beginning;
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The next transaction may begin once this one's end is on its way; or, if it sees this one's roots, once they are. */
async function end(
  { verbs }: TransactionContext,
  tx: Transaction,
  turn: Turn,
  { ticket, durability }: { readonly ticket: number; readonly durability: Durability },
): Promise<void> {
  tx.endSent = true;
  if (tx.changedRoots) {
    const onEnded = turn.isAwaited ? () => turn.end() : undefined;
    await verbs.end(ticket, durability, { onEnded, isLast: !turn.isAwaited });
    return;
  }
  const ended = verbs.end(ticket, durability, { isLast: !turn.isAwaited });
  turn.end();
  await ended;
}

async function begin(
  verbs: ClientVerbs,
  ticket: number,
  signal: AbortSignal | undefined,
): Promise<BegunTransaction> {
  if (signal === undefined) return verbs.begin(ticket);
  const cancel = (): void => verbs.cancelBegin(ticket);
  signal.addEventListener('abort', cancel);
  try {
    return await verbs.begin(ticket);
  } catch (error) {
    if (error instanceof StoreError && error.code === 'ABORTED') throw abortedError(signal);
    throw error;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

async function unlessAborted(
  promise: Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (signal === undefined) return promise;
  let abort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(abortedError(signal));
  });
  signal.addEventListener('abort', abort);
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** The callback's result, unless the signal or the session's end comes first: the callback may wait for ever. */
async function runCallback<T>(
  { lifeline, nesting }: TransactionContext,
  tx: Transaction,
  callback: TransactionCallback<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  let abort = (): void => {};
  let forget = (): void => {};
  const interrupted = new Promise<never>((_, reject) => {
    abort = () => {
      const error = abortedError(signal);
      tx.finish(() => error);
      reject(error);
    };
    forget = lifeline.onEnd((error) => {
      tx.finish(() => error);
      reject(error);
    });
  });
  signal?.addEventListener('abort', abort);
  try {
    return await Promise.race([nesting.run(() => callback(tx)), interrupted]);
  } finally {
    signal?.removeEventListener('abort', abort);
    forget();
  }
}

function endedError(): StoreError {
  return new StoreError(
    'MISUSE',
    'The transaction has ended: await everything inside its callback, or start another one.',
  );
}

function abortedError(signal: AbortSignal | undefined): StoreError {
  return new StoreError('ABORTED', 'The transaction was given up by its signal and rolled back.', {
    cause: signal?.reason,
  });
}
