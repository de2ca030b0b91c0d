/**
 * opfs-blocks/worker: the store for code that lives in a dedicated worker. The engine runs right there, so every verb
 * but opening is synchronous. `importStore`, `deleteStore` and `listStores` of `opfs-blocks` work in workers too.
 */
import { openSyncStoreIn, type SyncOpenOptions } from './client/open-sync-store.ts';
import { PUBLIC_LIMITS } from './client/options.ts';
import { checkStoreName } from './client/store-name.ts';
import type { SyncStore } from './client/sync-store.ts';
import { workerEnvironment } from './client/worker-environment.ts';

export {
  type ErrorCoordinates,
  STORE_ERROR_CODES,
  StoreError,
  type StoreErrorCode,
} from './base/errors.ts';
export type { CatalogueStatus } from './client/catalogue.ts';
export type { HealthEvent, StoreEvents } from './client/listeners.ts';
export type { SyncOpenOptions } from './client/open-sync-store.ts';
export { type ServeOptions, serveStore } from './client/serve-store.ts';
export type { SyncReader } from './client/sync-reader.ts';
export type { SyncCheckOptions, SyncStore, SyncTransactionOptions } from './client/sync-store.ts';
export type { SyncTransaction } from './client/sync-transaction.ts';
export { type BlockPointer, decodePointer, encodePointer } from './format/pointer.ts';
export type { Layer, LayerEngine } from './store/layer.ts';
export {
  BLOCK_STATE,
  type BlockState,
  type BlockStates,
  type CheckProblem,
  type CheckProblemKind,
  type CheckReport,
  type Durability,
  type Health,
  type Profile,
  type Recovery,
  type RejectedGeneration,
  type StoreStats,
} from './store/report.ts';
export type { Transaction as LayerTransaction } from './store/transaction.ts';
export type { CommitEvent, PressureEvent } from './store/verbs.ts';

/**
 * Opens a store of this origin in this dedicated worker, and creates it when there is none. The worker holds the store
 * until it closes it or ends; a page or another worker that opens it meanwhile gets LOCKED.
 *
 * @throws StoreError MISUSE, UNSUPPORTED (not in a dedicated worker), LOCKED, NOT_FOUND, EXISTS, EVICTED, CORRUPT,
 * VERSION, QUOTA, ABORTED, IO
 * @example
 * using pages = await openStore('pages', { maxBytes: 2 ** 30 });
 * const first = pages.transaction((tx) => {
 *   const pointer = tx.write(bytes);
 *   tx.setRoot('first', pointer);
 *   return pointer;
 * }); // durable here
 * console.log(pages.read(first)[0]);
 */
export async function openStore(name: string, options: SyncOpenOptions = {}): Promise<SyncStore> {
  checkStoreName(name);
  return openSyncStoreIn(workerEnvironment(), name, options, PUBLIC_LIMITS);
}
