/**
 * The verbs of an open store, as the thread that runs the engine offers them: to the main thread behind Comlink, to
 * tests in Node directly. Everything that crosses is plain data. Every rejection is a `StoreError`.
 */
import type { Pointer } from '../format/pointer.ts';
import type { SharedReading } from '../shared/shared-states.ts';
import type {
  BlockStates,
  CheckReport,
  Durability,
  Health,
  Recovery,
  StoreStats,
} from './report.ts';

/** What readers see: changes when a transaction ends (`publication`), a commit is durable, or health changes. */
export interface PublishedState {
  /** Counts ended transactions of this session; a reader pins one. Never repeats, never goes back. */
  readonly publication: number;
  /** The last durable generation. */
  readonly generation: number;
  readonly roots: readonly (readonly [name: string, pointer: Pointer])[];
  readonly health: Health;
  /** Why, when health is not `ok`. */
  readonly reason?: string;
}

/** A commit is durable. */
export interface CommitEvent {
  /** Its number. */
  readonly generation: number;
  /** How many transactions it carried. */
  readonly transactions: number;
  /** How long it took, in milliseconds. */
  readonly ms: number;
}

/** The store is short of space: readers hold freed blocks, or growth was refused. */
export interface PressureEvent {
  /** What is short: `full` is the store's own `maxBytes`, `quota` the browser's, `readers` hold what was freed. */
  readonly kind: 'full' | 'quota' | 'readers';
  /** Bytes that come back when readers are disposed. */
  readonly heldByReadersBytes: number;
  /** Bytes that can be allocated all the same. */
  readonly freeBytes: number;
}

export type StoreEvent =
  | { readonly type: 'state'; readonly state: PublishedState }
  | { readonly type: 'commit'; readonly commit: CommitEvent }
  | { readonly type: 'pressure'; readonly pressure: PressureEvent };

export interface OpenedStore {
  readonly storeId: Uint8Array;
  readonly blockBytes: number;
  readonly arenaBytes: number;
  readonly diskCount: number;
  readonly recovery: Recovery;
  readonly state: PublishedState;
  /** With shared memory: what a client needs to know to read without messages. */
  readonly reading?: SharedReading;
}

export interface BegunTransaction {
  /** The ticket: what the transaction is called in all other calls. */
  readonly transaction: number;
  /** What the transaction sees: every earlier ended one. */
  readonly state: PublishedState;
}

export interface EndOptions {
  /** Called when it is visible, if it comes to that. */
  readonly onEnded?: (() => void) | undefined;
  /** Whether this is the last of the client’s that is about to end: else a commit waits for company for a while. */
  readonly isLast?: boolean | undefined;
  /** The client has use for granted blocks, of this round: see `Grants`. */
  readonly grantRound?: number | undefined;
}

export interface CheckOptions {
  /**
   * With the live pointers, leaks, dangling and doubly used blocks are found too. Roots count as live by
   * themselves.
   */
  readonly reachable?: readonly Pointer[];
}

export interface StoreVerbs {
  /** Hears every event from now on; the first is the present state. */
  subscribe(listener: (event: StoreEvent) => void): void;

  /**
   * Waits its turn: one transaction runs at a time, in the order asked for. `ticket` is the client's name for the
   * transaction from now on. While it waits it can be taken back with `cancelBegin`: then the promise rejects with
   * ABORTED. Operations may follow before the answer; they wait for it too.
   */
  begin(ticket: number): Promise<BegunTransaction>;
  cancelBegin(ticket: number): void;
  transactionRead(transaction: number, pointers: readonly Pointer[]): Promise<Uint8Array[]>;
  /** New blocks, neighbours where space allows. Each at most `blockBytes` long; the rest is zero. */
  transactionWrite(transaction: number, blocks: readonly Uint8Array[]): Promise<Pointer[]>;
  transactionReplace(transaction: number, old: Pointer, block: Uint8Array): Promise<Pointer>;
  transactionFree(transaction: number, pointers: readonly Pointer[]): Promise<void>;
  /** `undefined` takes the root away. */
  transactionSetRoot(
    transaction: number,
    name: string,
    pointer: Pointer | undefined,
  ): Promise<void>;
  /**
   * Ends it. A failed write, replace, free or setRoot before has doomed it: it is rolled back and the first such
   * error comes back here. Resolves when durable (`strict`) or visible (`relaxed`), with the generation that holds
   * it.
   */
  end(transaction: number, durability: Durability, options?: EndOptions): Promise<number>;
  /** Rolls everything back. */
  abort(transaction: number): Promise<void>;

  /** Whole blocks, verified, each in a buffer of its own. */
  read(pointers: readonly Pointer[]): Promise<Uint8Array[]>;

  /**
   * The client no longer uses any state older than `publication` (its oldest pinned reader, else the newest state
   * it has seen).
   */
  seen(publication: number): void;

  stats(): Promise<StoreStats>;
  blockStates(): Promise<BlockStates>;
  check(
    options: CheckOptions,
    onProgress?: (done: number, total: number) => void,
  ): Promise<CheckReport>;
  compactLogs(): Promise<void>;

  /** A consistent image, as a stream pulled chunk by chunk (at most ~1 MiB each); `undefined` is its end. */
  exportStart(): Promise<number>;
  exportNext(stream: number): Promise<Uint8Array | undefined>;
  exportCancel(stream: number): Promise<void>;

  /** Commits what is ended. */
  sync(): Promise<void>;
  /** Commits what is ended, closes the files. Open transactions are rolled back. Idempotent. */
  close(): Promise<void>;
}
