/** Which stores this origin has, and how to be rid of one. */
import type { StoreError } from '../base/errors.ts';
import type { CatalogueEntry } from './catalogue.ts';
import { type FolderEnvironment, folderEnvironment } from './folders.ts';
import { Interruption } from './interruption.ts';
import { holdStore } from './locks.ts';
import { checkSignal, resolveWaitMs } from './options.ts';
import { checkStoreName } from './store-name.ts';

/** A store of this origin, or what is left of one. */
export interface ListedStore {
  /** What `openStore` and `deleteStore` take. */
  readonly name: string;
  /** Its files are gone: the browser or the user has removed them. */
  readonly evicted: boolean;
  /** What the catalogue remembers of it, when it does. */
  readonly known?: CatalogueEntry;
}

/**
 * All stores of this origin, and those that it once had and lost, by name.
 *
 * @throws StoreError UNSUPPORTED, IO
 * @example
 * for (const { name, evicted } of await listStores()) console.log(name, evicted ? 'lost' : 'there');
 */
export async function listStores(): Promise<ListedStore[]> {
  return listStoresIn(folderEnvironment());
}

export async function listStoresIn(environment: FolderEnvironment): Promise<ListedStore[]> {
  const known = new Map(await rememberedStores(environment));
  const present = new Set(await environment.listFolders());
  const names = [...new Set([...present, ...known.keys()])].sort();
  return names.map((name) => {
    const entry = known.get(name);
    const evicted = !present.has(name);
    return entry === undefined ? { name, evicted } : { name, evicted, known: entry };
  });
}

/** Without a catalogue nothing is remembered; `probeSupport` tells. */
async function rememberedStores(
  environment: FolderEnvironment,
): Promise<readonly (readonly [string, CatalogueEntry])[]> {
  try {
    return await environment.catalogue.list();
  } catch {
    return [];
  }
}

/** How a store is deleted. */
export interface DeleteOptions {
  /** How long to wait for the store's lock, in milliseconds, then LOCKED; 5,000 by default. */
  readonly waitMs?: number | undefined;
  /** Gives up waiting, with ABORTED. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Removes a store, and the memory of it: also of one whose files are gone. Deleting what is not there is no error.
 *
 * @throws StoreError LOCKED (it is open), MISUSE, UNSUPPORTED, ABORTED, IO
 * @example
 * await deleteStore('old notes');
 */
export async function deleteStore(name: string, options: DeleteOptions = {}): Promise<void> {
  checkStoreName(name);
  return deleteStoreIn(folderEnvironment(), name, options);
}

export async function deleteStoreIn(
  environment: FolderEnvironment,
  name: string,
  options: DeleteOptions,
): Promise<void> {
  const waitMs = resolveWaitMs(options);
  const interruption = new Interruption(name, checkSignal(options.signal), environment.onPageHide);
  try {
    const lock = await holdStore(environment.locks, name, { waitMs, signal: interruption.signal });
    try {
      await environment.removeFolder(name, { waitMs });
      // Forgotten last: a crash in between shows as EVICTED, which deleting again resolves.
      await environment.catalogue.forget(name).catch(ignoreMissingCatalogue);
    } finally {
      await lock.release();
    }
  } finally {
    interruption.dispose();
  }
}

/** A catalogue that is not available cannot be asked about the store at the next open either. */
function ignoreMissingCatalogue(_error: StoreError): void {}
