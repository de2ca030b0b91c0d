/**
 * The verbs of a store whose engine runs in another thread: packs, posts, races every call against the session's end
 * (I14), and unpacks.
 */
import { type Endpoint, type Remote, transfer, wrap } from 'comlink';
import type { Pointer } from '../format/pointer.ts';
import type { CheckReport } from '../store/report.ts';
import type { CheckOptions, StoreEvent, StoreVerbs } from '../store/verbs.ts';
import type { Lifeline } from './lifeline.ts';
import {
  type PackedBlocks,
  packBlocks,
  packPointers,
  type Stager,
  unpackPointers,
} from './packing.ts';
import {
  asNote,
  type ClientNote,
  type VerbsApi,
  type WorkerApi,
  type WorkerNote,
} from './protocol.ts';
import { installErrorTransfer, unpackStoreError } from './transfer.ts';

type Progress = (done: number, total: number) => void;

export interface RemoteStore<Api extends VerbsApi = WorkerApi> {
  readonly verbs: StoreVerbs;
  /** For the calls that are no verbs: `open`, `importImage`, `probe`. Races like all others. */
  call<T>(run: (api: Remote<Api>) => Promise<T>): Promise<T>;
  post(note: ClientNote): void;
  /** With shared memory, where blocks to be written lie while the engine takes them. */
  stager: Stager | undefined;
}

/**
 * `endpoint` is kept alive by the result, and with it Comlink's root proxy: a proxy that is collected in the middle of
 * a call would take the answer with it. `onMessage` hears of every sign that the other side works.
 */
export function connectRemote<Api extends VerbsApi = WorkerApi>(
  endpoint: Endpoint,
  lifeline: Lifeline,
  onMessage: () => void = () => {},
): RemoteStore<Api> {
  installErrorTransfer();
  const own = wrap<Api>(endpoint);
  const api = own as unknown as Remote<VerbsApi>;
  const early: StoreEvent[] = [];
  let listener = (event: StoreEvent): void => void early.push(event);
  const progress = new Map<number, Progress>();
  /** Told when the transaction's state is visible. */
  const ended = new Map<number, () => void>();

  endpoint.addEventListener('message', (event) => {
    onMessage();
    const note = asNote<WorkerNote>((event as MessageEvent).data);
    if (note === undefined) return;
    if (note.note === 'event') listener(note.event);
    else if (note.note === 'progress') progress.get(note.check)?.(note.done, note.total);
    else if (note.note === 'ended') ended.get(note.transaction)?.();
    else if (note.note === 'failed') lifeline.end(unpackStoreError(note.error));
  });

  const post = (note: ClientNote): void => {
    if (lifeline.ended === undefined) endpoint.postMessage(note);
  };
  const call: RemoteStore<Api>['call'] = (run) => lifeline.race(() => run(own));
  // The first events may be here before the answer to `open` has been looked at.
  const subscribe: StoreVerbs['subscribe'] = (hear) => {
    listener = hear;
    for (const event of early.splice(0)) hear(event);
  };
  const remote: RemoteStore<Api> = {
    verbs: {
      subscribe,
      ...transactionVerbs({ api, lifeline, post, ended, stager: () => remote.stager }),
      ...storeVerbs(api, lifeline, progress),
      seen: (publication) => post({ note: 'seen', publication }),
    },
    call,
    post,
    stager: undefined,
  };
  return remote;
}

type TransactionVerbs = Pick<
  StoreVerbs,
  | 'begin'
  | 'cancelBegin'
  | 'transactionRead'
  | 'transactionWrite'
  | 'transactionReplace'
  | 'transactionFree'
  | 'transactionSetRoot'
  | 'end'
  | 'abort'
>;

interface VerbParts {
  readonly api: Remote<VerbsApi>;
  readonly lifeline: Lifeline;
  readonly post: (note: ClientNote) => void;
  readonly ended: Map<number, () => void>;
  readonly stager: () => Stager | undefined;
}

function transactionVerbs({ api, lifeline, post, ended, stager }: VerbParts): TransactionVerbs {
  return {
    begin: (ticket) => lifeline.race(() => api.begin(ticket)),
    cancelBegin: (ticket) => post({ note: 'cancelBegin', ticket }),
    transactionRead: (transaction, pointers) =>
      lifeline.race(() => api.transactionRead(transaction, transferPointers(pointers))),
    transactionWrite: async (transaction, blocks) => {
      const staged = stager()?.stage(blocks);
      if (staged === undefined) {
        const packed = transferBlocks(blocks);
        const words = await lifeline.race(() => api.transactionWrite(transaction, packed));
        return unpackPointers(words);
      }
      const { offsets, lengths, release } = staged;
      const write = lifeline.race(() => api.writeStaged(transaction, { offsets, lengths }));
      return unpackPointers(await write.finally(release));
    },
    transactionReplace: async (transaction, old, block) => {
      const packed = transferBlocks([block]);
      const words = await lifeline.race(() =>
        api.transactionReplace(transaction, packPointers([old]), packed),
      );
      return unpackPointers(words)[0] as Pointer;
    },
    transactionFree: (transaction, pointers) =>
      lifeline.race(() => api.transactionFree(transaction, transferPointers(pointers))),
    transactionSetRoot: (transaction, name, pointer) => {
      const words = pointer === undefined ? undefined : packPointers([pointer]);
      return lifeline.race(() => api.transactionSetRoot(transaction, name, words));
    },
    end: (transaction, durability, onEnded) => {
      if (onEnded !== undefined) ended.set(transaction, onEnded);
      const isAwaited = onEnded !== undefined;
      const end = lifeline.race(() => api.end(transaction, durability, isAwaited), {
        maybeApplied: true,
      });
      return isAwaited ? end.finally(() => ended.delete(transaction)) : end;
    },
    abort: (transaction) => lifeline.race(() => api.abort(transaction)),
  };
}

function storeVerbs(
  api: Remote<VerbsApi>,
  lifeline: Lifeline,
  progress: Map<number, Progress>,
): Omit<StoreVerbs, keyof TransactionVerbs | 'subscribe' | 'seen'> {
  let checks = 0;
  const check = async (options: CheckOptions, onProgress?: Progress): Promise<CheckReport> => {
    checks += 1;
    const id = checks;
    if (onProgress !== undefined) progress.set(id, onProgress);
    const { reachable } = options;
    const words = reachable === undefined ? undefined : transferPointers(reachable);
    try {
      return await lifeline.race(() => api.check(id, words));
    } finally {
      progress.delete(id);
    }
  };
  return {
    read: (pointers) => lifeline.race(() => api.read(transferPointers(pointers))),
    stats: () => lifeline.race(() => api.stats()),
    blockStates: () => lifeline.race(() => api.blockStates()),
    check,
    compactLogs: () => lifeline.race(() => api.compactLogs()),
    exportStart: () => lifeline.race(() => api.exportStart()),
    exportNext: (stream) => lifeline.race(() => api.exportNext(stream)),
    exportCancel: (stream) => lifeline.race(() => api.exportCancel(stream)),
    sync: () => lifeline.race(() => api.sync(), { maybeApplied: true }),
    close: () => lifeline.race(() => api.close(), { maybeApplied: true }),
  };
}

function transferPointers(pointers: readonly Pointer[]): Float64Array<ArrayBuffer> {
  const words = packPointers(pointers);
  return transfer(words, [words.buffer]);
}

/** Copies first: the caller's buffers are never detached. */
function transferBlocks(blocks: readonly Uint8Array[]): PackedBlocks {
  const packed = packBlocks(blocks);
  return transfer(packed, [packed.bytes.buffer]);
}
