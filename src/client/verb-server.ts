/**
 * The verbs of an open store on one channel: packs and unpacks, and remembers which transactions this channel has open,
 * so that they can be rolled back when nobody is left at its other end.
 */
import { type Endpoint, transfer } from 'comlink';
import { assert } from '../base/assert.ts';
import { StoreError } from '../base/errors.ts';
import type { Pointer } from '../format/pointer.ts';
import type { OpenedStore, StoreVerbs } from '../store/verbs.ts';
import { packPointers, unpackBlocks, unpackPointers } from './packing.ts';
import type { WorkerApi, WorkerNote } from './protocol.ts';

/** An open store: its verbs, and what opening it found. */
export interface ServedSession extends StoreVerbs {
  readonly opened: OpenedStore;
}

/** Progress notes are sent at most this many times a check. */
const PROGRESS_NOTES = 200;
/** Tickets of different clients do not meet: each client counts from 1. */
const TICKETS_PER_CLIENT = 2 ** 32;

export class VerbServer {
  readonly #endpoint: Endpoint;
  readonly #client: number;
  readonly #open = new Set<number>();
  #abandoned = false;
  session: ServedSession | undefined;
  /** The contents memory, where there is shared memory: blocks to be written lie there. */
  shared: Uint8Array | undefined;

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

  /**
   * Nobody is at the other end any more: what it has not ended never will be. Its turn may still come for what it has
   * asked for, and messages that it had sent may still arrive: `begin` sees to those.
   */
  async abandon(): Promise<void> {
    this.#abandoned = true;
    const left = [...this.#open];
    this.#open.clear();
    for (const transaction of left) await this.session?.abort(transaction);
  }

  #ticket(ticket: number): number {
    return this.#client * TICKETS_PER_CLIENT + ticket;
  }

  get #shared(): Uint8Array {
    assert(this.shared !== undefined, 'blocks are staged in shared memory only');
    return this.shared;
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
    | 'writeStaged'
    | 'transactionReplace'
    | 'transactionFree'
    | 'transactionSetRoot'
    | 'end'
    | 'abort'
  > {
    return {
      begin: async (ticket) => {
        const session = this.opened();
        const name = this.#ticket(ticket);
        this.#open.add(name);
        const begun = await session.begin(name);
        if (this.#abandoned) await session.abort(name);
        return { ...begun, transaction: ticket };
      },
      transactionRead: async (transaction, pointers) =>
        transferBlocks(
          await this.opened().transactionRead(this.#ticket(transaction), unpackPointers(pointers)),
        ),
      transactionWrite: async (transaction, blocks) =>
        packPointers(
          await this.opened().transactionWrite(this.#ticket(transaction), unpackBlocks(blocks)),
        ),
      writeStaged: async (transaction, { offsets, lengths }) => {
        const blocks = offsets.map((offset, n) => {
          return this.#shared.subarray(offset, offset + (lengths[n] as number));
        });
        const name = this.#ticket(transaction);
        return packPointers(await this.opened().transactionWrite(name, blocks));
      },
      transactionReplace: async (transaction, old, block) => {
        const [pointer] = unpackPointers(old);
        const [bytes] = unpackBlocks(block);
        const replaced = await this.opened().transactionReplace(
          this.#ticket(transaction),
          pointer as Pointer,
          bytes as Uint8Array,
        );
        return packPointers([replaced]);
      },
      transactionFree: (transaction, pointers) =>
        this.opened().transactionFree(this.#ticket(transaction), unpackPointers(pointers)),
      transactionSetRoot: (transaction, name, words) => {
        const pointer = words === undefined ? undefined : unpackPointers(words)[0];
        return this.opened().transactionSetRoot(this.#ticket(transaction), name, pointer);
      },
      end: (transaction, durability, isAwaited) => {
        const name = this.#ticket(transaction);
        this.#open.delete(name);
        const tell = (): void => this.post({ note: 'ended', transaction });
        return this.opened().end(name, durability, isAwaited ? tell : undefined);
      },
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
      exportStart: () => this.opened().exportStart(),
      exportNext: async (stream) => {
        const chunk = await this.opened().exportNext(stream);
        return chunk === undefined ? undefined : transfer(chunk, transferables([chunk]));
      },
      exportCancel: (stream) => this.opened().exportCancel(stream),
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
