/** Where a store's blocks come from, as the client sees it: over messages, or out of shared memory. */
import type { Pointer } from '../format/pointer.ts';
import type { StoreVerbs } from '../store/verbs.ts';
import { deliver } from './check-arguments.ts';

export interface BlockSource {
  /** Whether `copyCached` may ever succeed. */
  readonly isShared: boolean;
  /** Copies the block if it is in shared memory: at once, without a message. */
  copyCached(pointer: Pointer, into: Uint8Array): boolean;
  /** Verified blocks, in new arrays or in those given. Rejects with `StoreError` when one cannot be had. */
  read(
    pointers: readonly Pointer[],
    intos: readonly Uint8Array[] | undefined,
  ): Promise<Uint8Array[]>;
}

/** Without shared memory every read is a message. */
export function remoteBlocks(verbs: Pick<StoreVerbs, 'read'>): BlockSource {
  return {
    isShared: false,
    copyCached: () => false,
    read: async (pointers, intos) => deliver(await verbs.read(pointers), intos),
  };
}
