/**
 * opfs-blocks/testing: an origin in memory, with the same API, for tests of applications and of ourselves. Files can be
 * damaged, workers killed, pages hidden, stores evicted. Nothing in here is durable.
 */
import { cachedPointerAt } from './cache/cached-pointer.ts';
import { importStoreIn } from './client/import-store.ts';
import { MemoryOrigin } from './client/memory-origin.ts';
import { openStoreIn } from './client/open-store.ts';
import { openSyncStoreIn, type SyncOpenOptions } from './client/open-sync-store.ts';
import type { GeometryLimits, OpenOptions } from './client/options.ts';
import { SharedBlocks } from './client/shared-blocks.ts';
import { Store } from './client/store.ts';
import { deleteStoreIn, type ListedStore, listStoresIn } from './client/stores.ts';
import type { SyncStore } from './client/sync-store.ts';
import {
  type BlockByte,
  type ByteLocation,
  flipByteAt,
  flipStoredByte,
  locateByte,
} from './device/damage.ts';
import { LABEL_BYTES } from './format/geometry.ts';
import { createHasher } from './format/hasher.ts';
import { type BlockPointer, toPublic } from './format/pointer.ts';
import { cacheLayout } from './shared/cache-layout.ts';
import type { StoreDirectory } from './store/directory.ts';
import { importImage } from './store/image.ts';
import type { Profile } from './store/report.ts';
import { openSession } from './store/session.ts';

export type { BlockByte, ByteLocation } from './device/damage.ts';
export type { ConformanceEnvironment, ConformanceResult } from './device/device-conformance.ts';
export { runConformance } from './device/device-conformance.ts';
export { openDevice } from './device/handle-device.ts';
export { FaultyHandle, MemoryDirectory, MemoryFile } from './device/memory-handle.ts';

/** Blocks from 512 bytes, sectors and superblock slots to match: limits are reached within few operations. */
const TINY: GeometryLimits = { blockBytesMin: 512, sectorBytes: 512, slotBytes: 4096 };

/**
 * An origin in memory: its files, its workers, its page. Stores behave as in a browser, engine and all; two origins
 * know nothing of each other.
 *
 * @example
 * const origin = new TestOrigin();
 * await using notes = await origin.openStore('notes');
 * const written = await notes.transaction((tx) => tx.write(bytes));
 */
export class TestOrigin {
  /** Files, workers and the page's life: what a browser would do to a store. */
  readonly browser: MemoryOrigin;

  /** @param profile `threaded` as with cross-origin isolation (disk workers, shared memory), or `inline` as without. */
  constructor(profile: Profile = 'inline') {
    const served = {
      openSession,
      importImage: async (
        directory: StoreDirectory,
        next: () => Promise<Uint8Array | undefined>,
      ): Promise<void> => importImage(next, directory, await createHasher()),
    };
    this.browser = new MemoryOrigin(served, profile);
  }

  /**
   * As `openStore`; `blockSize` may be 512.
   *
   * @throws StoreError as `openStore`
   * @example
   * const tiny = await new TestOrigin().openStore('tiny', { blockSize: 512, maxBytes: 2 ** 20 });
   */
  openStore(name: string, options: OpenOptions = {}): Promise<Store> {
    return openStoreIn(this.browser.environment, name, options, TINY);
  }

  /**
   * As `openStore` of `opfs-blocks/worker`, in a worker of its own; `blockSize` may be 512. Always in the profile
   * `inline`.
   *
   * @throws StoreError as `openStore` of `opfs-blocks/worker`
   * @example
   * using pages = await new TestOrigin().openSyncStore('pages');
   * const page = pages.transaction((tx) => tx.write(bytes)); // durable here
   */
  openSyncStore(name: string, options: SyncOpenOptions = {}): Promise<SyncStore> {
    return openSyncStoreIn(this.browser.workerEnvironment(), name, options, TINY);
  }

  /**
   * As `importStore`.
   *
   * @throws StoreError as `importStore`
   * @example
   * await new TestOrigin().importStore('copy', store.exportImage());
   */
  importStore(name: string, image: ReadableStream<Uint8Array>): Promise<void> {
    return importStoreIn(this.browser.environment, name, image, {});
  }

  /**
   * As `deleteStore`.
   *
   * @throws StoreError as `deleteStore`
   * @example
   * await new TestOrigin().deleteStore('notes');
   */
  deleteStore(name: string): Promise<void> {
    return deleteStoreIn(this.browser.environment, name, {});
  }

  /**
   * As `listStores`.
   *
   * @throws StoreError as `listStores`
   * @example
   * console.log(await new TestOrigin().listStores()); // []
   */
  listStores(): Promise<ListedStore[]> {
    return listStoresIn(this.browser.environment);
  }

  /**
   * Damages one byte of a store's file, whoever has it open.
   *
   * @param file Such as `disk-0`.
   * @param offset Where in the file, in bytes.
   * @throws RangeError when there is no such file
   * @example
   * const origin = new TestOrigin();
   * await (await origin.openStore('damaged')).close();
   * origin.flipByte('damaged', 'disk-0', 5); // in its label
   */
  flipByte(store: string, file: string, offset: number): void {
    flipByteAt(this.#fileOf(store, file), offset);
  }

  /**
   * Damages one byte of one block, whoever has the store open. Done twice, it is as before.
   *
   * @returns where it was.
   * @throws RangeError when there is no such store
   * @throws StoreError MISUSE (no such byte of a block), CORRUPT (the store's label is damaged)
   * @example
   * const origin = new TestOrigin();
   * const damaged = await origin.openStore('damaged');
   * const { address } = await damaged.transaction((tx) => tx.write(bytes));
   * await damaged.close();
   * await origin.flipBlockByte('damaged', { address, byte: 0 });
   */
  async flipBlockByte(store: string, place: BlockByte): Promise<ByteLocation> {
    const label = new Uint8Array(LABEL_BYTES);
    this.#fileOf(store, 'disk-0').readAt(label, 0);
    const location = locateByte(label, place, await createHasher());
    flipByteAt(this.#fileOf(store, location.file), location.offset);
    return location;
  }

  #fileOf(store: string, file: string) {
    const found = this.browser.folder(store)?.file(file);
    if (found === undefined) throw new RangeError(`there is no ${file} of a store '${store}'`);
    return {
      readAt: (into: Uint8Array, offset: number) => void found.read(into, offset),
      writeAt: (bytes: Uint8Array, offset: number) => void found.write(bytes, offset),
    };
  }
}

/**
 * Damages one byte of one block in the browser's real files, for demonstrations and browser tests. Call it in a
 * dedicated worker while the store is closed. Done twice, it is as before.
 *
 * @returns where it was.
 * @throws StoreError LOCKED while the store is open, NOT_FOUND, MISUSE, CORRUPT (the store's label is damaged), IO
 * @example
 * const notes = await openStore('notes');
 * const { address } = await notes.transaction((tx) => tx.write(bytes));
 * await notes.close();
 * const { file, offset } = await flipOpfsByte('notes', { address, byte: 0 });
 */
export async function flipOpfsByte(store: string, place: BlockByte): Promise<ByteLocation> {
  return flipStoredByte(store, place, await createHasher());
}

/**
 * The pointer to the block that is cached from an address, out of shared memory and without a message: for maps and
 * tools, which know where a block is and not which. `undefined` when none is in the cache, and always in the profile
 * `inline`. Never throws.
 *
 * @param address In bytes, a multiple of the block size.
 * @example
 * const origin = new TestOrigin('threaded');
 * await using store = await origin.openStore('looked-into');
 * const { address, hash } = await store.transaction((tx) => tx.write(bytes));
 * console.log(cachedPointer(store, address)?.hash === hash); // true
 */
export function cachedPointer(store: Store, address: number): BlockPointer | undefined {
  const { blocks } = Store.partsOf(store);
  if (!(blocks instanceof SharedBlocks) || store.health === 'closed') return undefined;
  const { memory, geometry, slotCount } = blocks.parts;
  const size = { slotCount, blockBytes: geometry.blockBytes };
  const cache = { layout: cacheLayout(size), control: memory.cacheWords(size) };
  const pointer = cachedPointerAt(cache, address);
  return pointer === undefined ? undefined : toPublic(pointer);
}
