/**
 * The browser as `environment` gives it, and the folders of all stores besides: for what lists, removes and imports
 * stores. Apart, because a page that only opens stores leaves their files to workers, and need not ship how to get at
 * them.
 */
import { listStoreNames, removeStore } from '../device/opfs.ts';
import { browserEnvironment, type Environment } from './environment.ts';

export interface FolderEnvironment extends Environment {
  /** Names of the stores that have a folder. */
  listFolders(): Promise<string[]>;
  /** Removes a store's folder, if there is one. Waits that long for a dying worker to let go of its files. */
  removeFolder(store: string, options: { readonly waitMs: number }): Promise<void>;
}

/** @throws StoreError UNSUPPORTED, saying what is missing */
export function folderEnvironment(): FolderEnvironment {
  return {
    ...browserEnvironment(),
    listFolders: listStoreNames,
    removeFolder: (store, { waitMs }) => removeStore(store, { deadlineMs: waitMs }),
  };
}
