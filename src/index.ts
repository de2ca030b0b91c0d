/** opfs-blocks: crash-safe block storage in the browser. This is the whole of the public API for pages. */
export {
  type ErrorCoordinates,
  STORE_ERROR_CODES,
  StoreError,
  type StoreErrorCode,
} from './base/errors.ts';
export type { CatalogueEntry, CatalogueStatus } from './client/catalogue.ts';
export { type ImportOptions, importStore } from './client/import-store.ts';
export type { HealthEvent, StoreEvents } from './client/listeners.ts';
export { openStore } from './client/open-store.ts';
export type { OpenOptions, WorkerRole, WorkerSource } from './client/options.ts';
export { probeSupport, type Support } from './client/probe-support.ts';
export type { StoreHandle } from './client/protocol.ts';
export type { Reader } from './client/reader.ts';
export { attachStore } from './client/sharing.ts';
export type { CheckStoreOptions, Store } from './client/store.ts';
export { type DeleteOptions, deleteStore, type ListedStore, listStores } from './client/stores.ts';
export type {
  Transaction,
  TransactionCallback,
  TransactionOptions,
} from './client/transaction.ts';
export { type BlockPointer, decodePointer, encodePointer } from './format/pointer.ts';
export {
  type ArenaStats,
  BLOCK_STATE,
  type BlockState,
  type BlockStates,
  type CacheStats,
  type CheckProblem,
  type CheckProblemKind,
  type CheckReport,
  type CommitStats,
  type DiskStats,
  type Durability,
  type EpochStats,
  type Health,
  type Profile,
  type Recovery,
  type RejectedGeneration,
  type StoreStats,
} from './store/report.ts';
export type { CommitEvent, PressureEvent } from './store/verbs.ts';
