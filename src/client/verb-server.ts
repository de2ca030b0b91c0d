/**
 * The verbs of an open store on one channel: packs and unpacks, and remembers which transactions and exports this
 * channel has open, so that they can be given up when nobody is left at its other end.
 */
import { type Endpoint, transfer } from 'comlink';
import { assert } from '../base/assert.ts';
import { StoreError } from '../base/errors.ts';
import type { Pointer } from '../format/pointer.ts';
import type { StageReader } from '../shared/stage.ts';
import type { Grant } from '../store/grants.ts';
import type { BegunTransaction, OpenedStore, StoreVerbs } from '../store/verbs.ts';
import { type PackedBlocks, packPointers, unpackBlocks, unpackPointers } from './packing.ts';
import type {
  EndRequest,
  EndStep,
  Step,
  WorkerApi,
  WorkerNote,
  WrittenBlocks,
  WrittenStep,
} from './protocol.ts';
import { packStoreError, storeErrorFrom } from './transfer.ts';

/** An open store: its verbs, and what opening it found. */
export interface ServedSession extends StoreVerbs {
  readonly opened: OpenedStore;
  /** Hears of blocks that the page may use. */
  onGrant: (grant: Grant) => void;
  /** Resolves when the blocks have been copied, or given up with their transaction. */
  writeGranted(
    transaction: number,
    pointers: readonly Pointer[],
    blocks: readonly Uint8Array[],
  ): Promise<void>;
  giveBack(): void;
}

/** Progress notes are sent at most this many times a check. */
const PROGRESS_NOTES = 200;
/** Why a transaction may fail that the page need not be told of once more. */
const TOLD_BY_HEALTH: ReadonlySet<string> = new Set(['POISONED', 'EVICTED', 'CLOSED']);
/** Tickets of different clients do not meet: each client counts from 1. */
const TICKETS_PER_CLIENT = 2 ** 32;

export class VerbServer {
  readonly #endpoint: Endpoint;
  readonly #client: number;
  readonly #open = new Set<number>();
  /** Exports that have begun and not ended. */
  readonly #exports = new Set<number>();
  /** Transactions of steps that could not begin and have not been ended: nothing can, once health is lost. */
  readonly #unbegun = new Set<number>();
  #abandoned = false;
  session: ServedSession | undefined;
  /** The page's blocks, where there is shared memory. */
  stage: StageReader | undefined;

  constructor(endpoint: Endpoint, client: number) {
    this.#endpoint = endpoint;
    this.#client = client;
  }

  post(note: WorkerNote): void {
    this.#endpoint.postMessage(note);
  }

  cancelBegin(ticket: number): void {
    this.session?.cancelBegin(this.#ticket(ticket));
  }

  /** Parts of transactions that wait for no answers. */
  take(steps: readonly Step[]): void {
    for (const step of steps) {
      if (step.step === 'begin') this.#beginUnasked(step.transaction);
      else if (step.step === 'written') void this.#written(step);
      else if (step.step === 'root') this.#setRoot(step).catch(() => undefined);
      else this.#endUnasked(step);
    }
  }

  #beginUnasked(transaction: number): void {
    this.#begin(transaction).catch((error: unknown) => {
      this.#unbegun.add(transaction);
      this.post({ note: 'unbegun', transaction, error: packStoreError(storeErrorFrom(error)) });
    });
  }

  /**
   * The page takes one that is not answered for ended. When it is not, because nothing more is saved, health tells;
   * whatever else it is (a layer holds all of the cache) ends the session: it must not be lost in silence.
   */
  #endUnasked({ transaction, isAnswered, ...request }: EndStep): void {
    const refuse = (cause: unknown): void => {
      const failure = storeErrorFrom(cause);
      const error = packStoreError(failure);
      const isTold = this.#unbegun.delete(transaction) || TOLD_BY_HEALTH.has(failure.code);
      if (isAnswered) this.post({ note: 'undone', transaction, error });
      else if (!isTold) this.post({ note: 'failed', error });
    };
    this.#end(transaction, request).then(() => {
      if (isAnswered) this.post({ note: 'done', transaction });
    }, refuse);
  }

  async #setRoot({
    transaction,
    name,
    pointer: words,
  }: Pick<Extract<Step, { step: 'root' }>, 'transaction' | 'name' | 'pointer'>): Promise<void> {
    const pointer = words === undefined ? undefined : unpackPointers(words)[0];
    return this.opened().transactionSetRoot(this.#ticket(transaction), name, pointer);
  }

  async #begin(ticket: number): Promise<BegunTransaction> {
    const session = this.opened();
    const name = this.#ticket(ticket);
    this.#open.add(name);
    const begun = await session.begin(name);
    if (this.#abandoned) await session.abort(name);
    return { ...begun, transaction: ticket };
  }

  async #end(
    transaction: number,
    { durability, isAwaited, isLast, grantRound }: EndRequest,
  ): Promise<number> {
    const name = this.#ticket(transaction);
    this.#open.delete(name);
    const tell = (): void => this.post({ note: 'ended', transaction });
    const onEnded = isAwaited ? tell : undefined;
    return this.opened().end(name, durability, { onEnded, isLast, grantRound });
  }

  async #written({ transaction, first, pointers: words }: WrittenStep): Promise<void> {
    const { stage } = this;
    assert(stage !== undefined, 'blocks are staged in shared memory only');
    const pointers = unpackPointers(words);
    const blocks = stage.blocks(first, pointers.length);
    await this.opened().writeGranted(this.#ticket(transaction), pointers, blocks);
    stage.taken(first, pointers.length);
  }

  /**
   * Nobody is at the other end any more: what it has not ended never will be. Its turn may still come for what it has
   * asked for, and messages that it had sent may still arrive: `begin` sees to those.
   */
  async abandon(): Promise<void> {
    this.#abandoned = true;
    const left = [...this.#open];
    this.#open.clear();
    for (const transaction of left) await this.session?.abort(transaction);
    for (const stream of this.#exports) await this.#cancelExport(stream);
  }

  async #startExport(): Promise<number> {
    const session = this.opened();
    const stream = await session.exportStart();
    this.#exports.add(stream);
    if (this.#abandoned) await this.#cancelExport(stream);
    return stream;
  }

  async #nextOfExport(stream: number): Promise<Uint8Array | undefined> {
    const chunk = await this.opened().exportNext(stream);
    if (chunk === undefined) {
      this.#exports.delete(stream);
      return undefined;
    }
    return transfer(chunk, transferables([chunk]));
  }

  async #cancelExport(stream: number): Promise<void> {
    this.#exports.delete(stream);
    await this.session?.exportCancel(stream);
  }

  #ticket(ticket: number): number {
    return this.#client * TICKETS_PER_CLIENT + ticket;
  }

  opened(): ServedSession {
    const { session } = this;
    if (session === undefined)
      throw new StoreError('CLOSED', 'The store is not open: call openStore.');
    return session;
  }

  transactionVerbs(): Pick<
    WorkerApi,
    | 'begin'
    | 'transactionRead'
    | 'transactionWrite'
    | 'transactionReplace'
    | 'transactionFree'
    | 'transactionSetRoot'
    | 'end'
    | 'abort'
  > {
    return {
      begin: (ticket) => this.#begin(ticket),
      transactionRead: async (transaction, pointers) =>
        transferBlocks(
          await this.opened().transactionRead(this.#ticket(transaction), unpackPointers(pointers)),
        ),
      transactionWrite: async (transaction, blocks) =>
        withMemory(
          await this.opened().transactionWrite(this.#ticket(transaction), unpackBlocks(blocks)),
          blocks,
        ),
      transactionReplace: async (transaction, old, block) => {
        const [pointer] = unpackPointers(old);
        const [bytes] = unpackBlocks(block);
        const replaced = await this.opened().transactionReplace(
          this.#ticket(transaction),
          pointer as Pointer,
          bytes as Uint8Array,
        );
        return withMemory([replaced], block);
      },
      transactionFree: (transaction, pointers) =>
        this.opened().transactionFree(this.#ticket(transaction), unpackPointers(pointers)),
      transactionSetRoot: (transaction, name, pointer) =>
        this.#setRoot({ transaction, name, pointer }),
      end: (transaction, request) => this.#end(transaction, request),
      abort: (transaction) => {
        const name = this.#ticket(transaction);
        this.#open.delete(name);
        return this.opened().abort(name);
      },
    };
  }

  storeVerbs(): Pick<
    WorkerApi,
    | 'read'
    | 'stats'
    | 'blockStates'
    | 'check'
    | 'compactLogs'
    | 'exportStart'
    | 'exportNext'
    | 'exportCancel'
    | 'sync'
  > {
    return {
      read: async (pointers) => transferBlocks(await this.opened().read(unpackPointers(pointers))),
      stats: () => this.opened().stats(),
      blockStates: async () => {
        const states = await this.opened().blockStates();
        return transfer(states, transferables([states.bytes]));
      },
      check: (check, reachable) =>
        this.opened().check(
          reachable === undefined ? {} : { reachable: unpackPointers(reachable) },
          this.#progressOf(check),
        ),
      compactLogs: () => this.opened().compactLogs(),
      exportStart: () => this.#startExport(),
      exportNext: (stream) => this.#nextOfExport(stream),
      exportCancel: (stream) => this.#cancelExport(stream),
      sync: () => this.opened().sync(),
    };
  }

  #progressOf(check: number): (done: number, total: number) => void {
    let sent = -1;
    return (done, total) => {
      const share = total === 0 ? PROGRESS_NOTES : Math.floor((done * PROGRESS_NOTES) / total);
      if (share === sent) return;
      sent = share;
      this.post({ note: 'progress', check, done, total });
    };
  }
}

/** The memory goes back to where it came from, to be used again. */
function withMemory(written: readonly Pointer[], { bytes }: PackedBlocks): WrittenBlocks {
  const pointers = packPointers(written);
  return transfer({ pointers, bytes }, [pointers.buffer, bytes.buffer]);
}

/** Hands the blocks' own buffers over instead of copying them. */
function transferBlocks(blocks: Uint8Array[]): Uint8Array[] {
  return transfer(blocks, transferables(blocks));
}

/** A view on a part of a larger buffer is copied, for its neighbours would be lost with it. */
function transferables(views: readonly Uint8Array[]): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const view of views) {
    const { buffer } = view;
    if (buffer instanceof ArrayBuffer && view.byteLength === buffer.byteLength) buffers.add(buffer);
  }
  return [...buffers];
}
