/**
 * The verbs of a store whose engine runs in another thread: packs, posts, races every call against the session's end
 * (I14), and unpacks.
 */
import { type Endpoint, type Remote, wrap } from 'comlink';
import type { CheckReport } from '../store/report.ts';
import type { CheckOptions, StoreEvent, StoreVerbs } from '../store/verbs.ts';
import type { GrantedBlocks } from './granted-blocks.ts';
import type { Lifeline } from './lifeline.ts';
import { Outbox } from './outbox.ts';
import {
  asNote,
  type ClientNote,
  type VerbsApi,
  type WorkerApi,
  type WorkerNote,
} from './protocol.ts';
import {
  type TransactionVerbParts,
  type TransactionVerbs,
  transactionVerbs,
  transferPointers,
} from './transaction-verbs.ts';
import { installErrorTransfer, unpackStoreError } from './transfer.ts';

type Progress = (done: number, total: number) => void;

/** A store's verbs, and what only a client of another thread's engine can do. */
export interface ClientVerbs extends Omit<StoreVerbs, keyof TransactionVerbs>, TransactionVerbs {}

export interface RemoteStore<Api extends VerbsApi = WorkerApi> {
  readonly verbs: ClientVerbs;
  /** For the calls that are no verbs: `open`, `importImage`, `probe`. Races like all others. */
  call<T>(run: (api: Remote<Api>) => Promise<T>): Promise<T>;
  post(note: ClientNote): void;
  /** With shared memory, while nobody else uses the store: blocks that are written without asking. */
  granted: GrantedBlocks | undefined;
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
    else if (note.note === 'done') outbox.done(note.transaction);
    else if (note.note === 'undone') outbox.undone(note.transaction, note.error);
    else if (note.note === 'unbegun') outbox.unbegun(note.transaction, note.error);
    else if (note.note === 'grant') remote.granted?.hear(note.grant);
    else if (note.note === 'failed') lifeline.end(unpackStoreError(note.error));
  });

  const alive = (): boolean => lifeline.ended === undefined;
  const send = (note: ClientNote): void => {
    if (alive()) endpoint.postMessage(note);
  };
  const outbox = new Outbox(send, lifeline);
  const post = (note: ClientNote): void => {
    outbox.flush();
    send(note);
  };
  const ask: TransactionVerbParts['ask'] = (run, options) => {
    outbox.flush();
    return lifeline.race(run, options);
  };
  const call: RemoteStore<Api>['call'] = (run) => ask(() => run(own));
  // The first events may be here before the answer to `open` has been looked at.
  const subscribe: StoreVerbs['subscribe'] = (hear) => {
    listener = hear;
    for (const event of early.splice(0)) hear(event);
  };
  const remote: RemoteStore<Api> = {
    verbs: {
      subscribe,
      ...transactionVerbs({ api, ask, post, outbox, ended, alive, shared: () => remote }),
      ...storeVerbs(api, { ask, progress, giveBack: () => remote.granted?.giveBack() }),
      seen: (publication) => post({ note: 'seen', publication }),
    },
    call,
    post,
    granted: undefined,
  };
  return remote;
}

interface StoreVerbParts {
  readonly ask: TransactionVerbParts['ask'];
  readonly progress: Map<number, Progress>;
  readonly giveBack: () => void;
}

function storeVerbs(
  api: Remote<VerbsApi>,
  { ask, progress, giveBack }: StoreVerbParts,
): Omit<StoreVerbs, keyof TransactionVerbs | 'subscribe' | 'seen'> {
  let checks = 0;
  const check = async (options: CheckOptions, onProgress?: Progress): Promise<CheckReport> => {
    checks += 1;
    const id = checks;
    if (onProgress !== undefined) progress.set(id, onProgress);
    giveBack();
    const { reachable } = options;
    const words = reachable === undefined ? undefined : transferPointers(reachable);
    try {
      return await ask(() => api.check(id, words));
    } finally {
      progress.delete(id);
    }
  };
  /** Of what looks at all blocks: none of them is granted meanwhile. */
  const accurate = <T>(run: () => Promise<T>): Promise<T> => {
    giveBack();
    return ask(run);
  };
  return {
    read: (pointers) => ask(() => api.read(transferPointers(pointers))),
    stats: () => accurate(() => api.stats()),
    blockStates: () => accurate(() => api.blockStates()),
    check,
    compactLogs: () => accurate(() => api.compactLogs()),
    exportStart: () => accurate(() => api.exportStart()),
    exportNext: (stream) => ask(() => api.exportNext(stream)),
    exportCancel: (stream) => ask(() => api.exportCancel(stream)),
    sync: () => ask(() => api.sync(), { maybeApplied: true }),
    close: () => ask(() => api.close(), { maybeApplied: true }),
  };
}
