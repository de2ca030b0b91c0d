/** Where a store's files come from: OPFS in a worker, memory in tests. */
import type { Device } from '../device/device.ts';
import type { OpenDisks } from './store-files.ts';

export interface StoreDirectory {
  /** Names of the files that exist, e.g. `['disk-0', 'disk-1']`. */
  list(): Promise<string[]>;
  /** Opens (creating, if asked) one file. The session closes the device. Rejects with `StoreError`. */
  open(file: string, options: { readonly create: boolean }): Promise<Device>;
  /**
   * Removes one file that exists and is closed: what a failed import leaves. Rejects with `StoreError`. Not named
   * `remove`, which in the client's directories removes the whole store.
   */
  removeFile(file: string): Promise<void>;
  /** How an engine gets at files opened here, when it is not through their devices, in place. */
  readonly disks?: ((devices: readonly Device[]) => OpenDisks) | undefined;
  /** Are the files still found under their names, and, given a store id, is it still this store? */
  probe(files: readonly string[], storeId?: Uint8Array): Promise<'alive' | 'gone'>;
  /**
   * A way to ask without returning to the event loop, where there is one: is the file's name known not to be found any
   * more? The file is there when this is called.
   */
  watch?(file: string): Promise<() => boolean>;
}
