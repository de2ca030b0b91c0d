/**
 * All that the benchmarks know of `opfs-blocks/worker`, the synchronous verbs for code in a dedicated worker. Found
 * when the page is built: without that entry the rows that need it stay empty.
 */
import type { BlockPointer, OpenOptions } from '../../../src/index.ts';
import type { ProfileName } from './bars.ts';

export interface SyncStore {
  readonly profile: ProfileName;
  read(pointer: BlockPointer, into: Uint8Array): unknown;
  readMany(pointers: readonly BlockPointer[], intos: readonly Uint8Array[]): unknown;
  close(): unknown;
}

interface SyncModule {
  openStore(name: string, options: OpenOptions): Promise<SyncStore>;
}

const [load] = Object.values(import.meta.glob<SyncModule>('../../../src/worker.ts'));

export const hasSyncEntry = load !== undefined;

export async function openSyncStore(name: string, options: OpenOptions): Promise<SyncStore> {
  if (load === undefined) throw new Error('this build has no opfs-blocks/worker');
  const { openStore } = await load();
  return openStore(name, options);
}
