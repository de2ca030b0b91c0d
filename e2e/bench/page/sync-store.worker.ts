/** A worker that uses the store without a promise, as a database compiled to WebAssembly would. Times itself. */
import {
  type BlockPointer,
  openStore,
  type SyncOpenOptions,
  type SyncStore,
} from '../../../src/worker.ts';
import { answerCalls } from './calls.ts';

let store: SyncStore | undefined;
let intos: readonly Uint8Array[] = [];

function current(): SyncStore {
  if (store === undefined) throw new Error('open comes first');
  return store;
}

const verbs = {
  async open(name: string, options: SyncOpenOptions, batch: number, blockBytes: number) {
    store = await openStore(name, options);
    intos = Array.from({ length: batch }, () => new Uint8Array(blockBytes).fill(1));
    return store.profile;
  },
  readEach(pointers: readonly BlockPointer[]): number {
    const opened = current();
    const into = intos[0] as Uint8Array;
    const startedMs = performance.now();
    for (const pointer of pointers) opened.read(pointer, into);
    return performance.now() - startedMs;
  },
  readBatches(pointers: readonly BlockPointer[], count: number): number {
    const opened = current();
    const batches: BlockPointer[][] = [];
    for (let n = 0; n < pointers.length; n += count) batches.push(pointers.slice(n, n + count));
    const startedMs = performance.now();
    for (const batch of batches) opened.readMany(batch, intos);
    return performance.now() - startedMs;
  },
  close(): void {
    current().close();
  },
};

export type SyncStoreVerbs = typeof verbs;
answerCalls(verbs);
