/**
 * Everything that crosses between the main thread and the store's worker: calls with an answer (`WorkerApi`, through
 * Comlink) and notes without one, on the same channel, so that a note sent before an answer arrives before it.
 *
 * Notes are not Comlink calls because each of those costs an answer: a state announced with every transaction would
 * double the messages.
 */
import type { SessionBuffers } from '../shared/session-memory.ts';
import type { Grant } from '../store/grants.ts';
import type { CheckReport, Durability } from '../store/report.ts';
import type { StoreSettings } from '../store/settings.ts';
import type { BegunTransaction, OpenedStore, StoreEvent, StoreVerbs } from '../store/verbs.ts';
import type { PackedBlocks } from './packing.ts';
import type { StoreErrorRecord } from './transfer.ts';

/** Comes before `open` and `importImage`. */
export interface StartRequest {
  readonly store: string;
  /** The Web Lock that the worker holds, from before its first file is opened until its end, as its sign of life. */
  readonly signOfLife: string;
}

export interface StartAnswer {
  /**
   * The worker sees the page's locks. Chromium gives workers that are started after site data was cleared under their
   * page another set of locks than the page's.
   */
  readonly locksShared: boolean;
}

export interface OpenRequest {
  readonly store: string;
  readonly settings: StoreSettings;
  /** How long the files' handles are waited for, in milliseconds. */
  readonly waitMs: number;
  /** Shared memory: the files are opened in disk workers, and readers need no messages. */
  readonly buffers?: SessionBuffers;
}

/** Its settings open what the import has made without writing to it. */
export type ImportRequest = Omit<OpenRequest, 'buffers'>;

/** The engine wants a file opened in a thread of its own. */
export interface DiskRequest {
  readonly disk: number;
  readonly file: string;
  readonly create: boolean;
}

/** The first and last message to a disk worker. */
export interface DiskAttachment extends DiskRequest {
  readonly note: 'attach';
  readonly store: string;
  readonly waitMs: number;
  /** The Web Lock that the worker holds while it has the file. */
  readonly signOfLife: string;
  readonly buffers: SessionBuffers;
}

/** From a disk worker to the page. */
export type DiskNote =
  /** The script runs, and has heard what it is to do. Opening the file may take a while. */
  | { readonly note: 'begun' }
  | { readonly note: 'attached'; readonly locksShared: boolean }
  /** The engine has had the file closed: the worker ends, and that is no loss. */
  | { readonly note: 'detached' }
  | { readonly note: 'failed'; readonly error: StoreErrorRecord };

/** What the worker alone can find out. */
export interface WorkerSupport {
  readonly opfs: boolean;
  readonly syncAccessHandles: boolean;
  /** Why not, in words. */
  readonly reason?: string;
}

/** Pointers, and the memory that the blocks came in. */
export interface WrittenBlocks {
  readonly pointers: Float64Array;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The verbs, with blocks and pointers packed. */
export interface VerbsApi
  extends Pick<
    StoreVerbs,
    | 'abort'
    | 'stats'
    | 'blockStates'
    | 'compactLogs'
    | 'exportStart'
    | 'exportCancel'
    | 'sync'
    | 'close'
  > {
  begin(ticket: number): Promise<BegunTransaction>;
  transactionRead(transaction: number, pointers: Float64Array): Promise<Uint8Array[]>;
  transactionWrite(transaction: number, blocks: PackedBlocks): Promise<WrittenBlocks>;
  transactionReplace(
    transaction: number,
    old: Float64Array,
    block: PackedBlocks,
  ): Promise<WrittenBlocks>;
  transactionFree(transaction: number, pointers: Float64Array): Promise<void>;
  transactionSetRoot(
    transaction: number,
    name: string,
    pointer: Float64Array | undefined,
  ): Promise<void>;
  end(transaction: number, request: EndRequest): Promise<number>;
  read(pointers: Float64Array): Promise<Uint8Array[]>;
  /** `check` names the call in the progress notes. */
  check(check: number, reachable: Float64Array | undefined): Promise<CheckReport>;
  exportNext(stream: number): Promise<Uint8Array | undefined>;
}

/** What the page may ask for. */
export interface WorkerApi extends VerbsApi {
  start(request: StartRequest): Promise<StartAnswer>;
  /** `startDisk` comes with shared memory: resolves when a disk worker has the file. */
  open(
    request: OpenRequest,
    startDisk?: (request: DiskRequest) => Promise<void>,
  ): Promise<OpenedStore>;
  /**
   * Imports the image that `next` yields where there is no store, then proves it by opening the new one. What a failed
   * import leaves behind is the caller's to remove.
   */
  importImage(
    request: ImportRequest,
    next: () => Promise<Uint8Array | undefined>,
  ): Promise<OpenedStore>;
  probe(): Promise<WorkerSupport>;
  /** Serves the client number `client` through `port` from now on. */
  connect(client: number, port: MessagePort): Promise<void>;
}

/** What an attached worker may ask for. `close` ends its part only. */
export interface AttachedApi extends VerbsApi {
  /** Its sign of life is held. Answers what opening the store has found. */
  attach(): Promise<OpenedStore>;
}

/**
 * What `store.share()` gives, for one other worker: post it there, with `handle.port` among the transferables, and call
 * `attachStore` with it.
 */
export interface StoreHandle {
  /** What `attachStore` knows it by. */
  readonly kind: 'opfs-blocks store';
  /** The store's name. */
  readonly name: string;
  /** Leads to the page, then to the engine. Transfer it with the handle: a copy of the handle without it is MISUSE. */
  readonly port: MessagePort;
  /** @internal The Web Lock that whoever attaches holds, as its sign of life. */
  readonly clientLock: string;
  /** @internal The Web Lock that the store's worker holds: whoever gets it knows that the session is over. */
  readonly sessionLock: string;
  /** @internal The session's shared memory. */
  readonly buffers: SessionBuffers;
  /** @internal The store's own durability. */
  readonly durability: Durability;
}

/** Granted blocks: they lie on the stage, from the block with the number `first` on. */
export interface WrittenStep {
  readonly step: 'written';
  readonly transaction: number;
  readonly first: number;
  readonly pointers: Float64Array;
}

/** How a transaction ends. */
export interface EndRequest {
  readonly durability: Durability;
  /** A note tells when it is visible, which is before it is durable. */
  readonly isAwaited: boolean;
  /** See `EndOptions`. */
  readonly isLast: boolean;
  readonly grantRound: number | undefined;
}

/** Answered by the note `done` or `undone`, if at all. */
export interface EndStep extends EndRequest {
  readonly step: 'end';
  readonly transaction: number;
  readonly isAnswered: boolean;
}

/** A part of a transaction that needs no answer before the end: what goes wrong in it comes back from there. */
export type Step =
  | { readonly step: 'begin'; readonly transaction: number }
  | WrittenStep
  | {
      readonly step: 'root';
      readonly transaction: number;
      readonly name: string;
      readonly pointer: Float64Array | undefined;
    }
  | EndStep;

/** What the page answers to the first message over a handle's port: a place among its session's clients, or none. */
export type Admission = number | null;

/** From the page to the worker. */
export type ClientNote =
  | { readonly note: 'seen'; readonly publication: number }
  | { readonly note: 'cancelBegin'; readonly ticket: number }
  /** What a transaction says without waiting for an answer, all of it together. */
  | { readonly note: 'steps'; readonly steps: readonly Step[] }
  /** The page does not use what is left of the blocks that it was granted. */
  | { readonly note: 'givenBack' }
  | { readonly note: 'ping' }
  /** The attached client is dead. */
  | { readonly note: 'forget'; readonly client: number }
  /** The page goes away: commit what is ended, close the files, end the worker. */
  | { readonly note: 'release' };

/** From the worker to the page. */
export type WorkerNote =
  | { readonly note: 'event'; readonly event: StoreEvent }
  | {
      readonly note: 'progress';
      readonly check: number;
      readonly done: number;
      readonly total: number;
    }
  | { readonly note: 'pong' }
  /** The transaction's state is visible. */
  | { readonly note: 'ended'; readonly transaction: number }
  /** A transaction of steps has ended, has failed to, or could not begin; the last comes before the others. */
  | { readonly note: 'done'; readonly transaction: number }
  | { readonly note: 'undone'; readonly transaction: number; readonly error: StoreErrorRecord }
  | { readonly note: 'unbegun'; readonly transaction: number; readonly error: StoreErrorRecord }
  /** The page may use these blocks. */
  | { readonly note: 'grant'; readonly grant: Grant }
  /** Something failed outside any call: the session is over. */
  | { readonly note: 'failed'; readonly error: StoreErrorRecord };

/** Comlink's own messages have no `note`. */
export function asNote<Note extends ClientNote | WorkerNote | DiskAttachment | DiskNote>(
  data: unknown,
): Note | undefined {
  if (typeof data !== 'object' || data === null || !('note' in data)) return undefined;
  return data as Note;
}
