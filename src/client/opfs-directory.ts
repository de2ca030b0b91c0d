/** A store's files in the origin private file system, for the worker that owns them. */
import type { Device } from '../device/device.ts';
import { openDevice } from '../device/handle-device.ts';
import { probeFiles, probeNames, watchFile } from '../device/liveness.ts';
import { listFiles, openDirectory, openFile, removeFile } from '../device/opfs.ts';
import type { StoreDirectory } from '../store/directory.ts';

/** @param waitMs how long each file is waited for while another thread still holds it, in milliseconds. */
export function opfsDirectory(
  store: string,
  { waitMs }: { readonly waitMs: number },
): StoreDirectory {
  // Kept from the first file on: names are looked up in it at every commit.
  let folder: FileSystemDirectoryHandle | undefined;
  let storeIdOwed: Uint8Array | undefined;
  let gone = false;

  const open: StoreDirectory['open'] = async (file, { create }): Promise<Device> => {
    folder ??= await openDirectory(store, { create });
    const handle = await openFile(folder, file, { create, deadlineMs: waitMs });
    return openDevice(file, handle, () => !gone);
  };

  /** Labels of files that are being written to cannot always be read: then they are looked at the next time. */
  const probe: StoreDirectory['probe'] = async (files, storeId) => {
    storeIdOwed = storeId ?? storeIdOwed;
    const answer =
      folder !== undefined && storeIdOwed === undefined
        ? await probeNames(folder, files)
        : await probeFiles(store, files, storeIdOwed);
    if (answer === 'alive') storeIdOwed = undefined;
    gone = answer === 'gone';
    return gone ? 'gone' : 'alive';
  };

  const watch = async (file: string): Promise<() => boolean> => {
    folder ??= await openDirectory(store, { create: false });
    const isGone = await watchFile(folder, file);
    return () => {
      gone ||= isGone();
      return gone;
    };
  };

  return {
    list: () => listFiles(store),
    open,
    removeFile: (file) => removeFile(store, file, { deadlineMs: waitMs }),
    probe,
    watch,
  };
}
