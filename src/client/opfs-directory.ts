/** A store's files in the origin private file system, for the worker that runs the engine. */
import type { Device } from '../device/device.ts';
import { openDevice } from '../device/handle-device.ts';
import { probeFiles, probeNames, watchFile } from '../device/liveness.ts';
import { listFiles, openDirectory, openFile, removeFile } from '../device/opfs.ts';
import type { StoreDirectory } from '../store/directory.ts';

export interface DirectoryOptions {
  /** How long each file is waited for while another thread still holds it, in milliseconds. */
  readonly waitMs: number;
  /** Opens a file in a thread of its own; left out, in this one. */
  readonly openElsewhere?: StoreDirectory['open'] | undefined;
  /** How an engine gets at files that were opened elsewhere. */
  readonly disks?: StoreDirectory['disks'];
  /** Told whenever it is found out whether the files are still there. */
  readonly onGone?: ((gone: boolean) => void) | undefined;
}

export function opfsDirectory(store: string, options: DirectoryOptions): StoreDirectory {
  const { waitMs, openElsewhere, disks, onGone } = options;
  // Kept from the first file on: names are looked up in it at every commit.
  let folder: FileSystemDirectoryHandle | undefined;
  let storeIdOwed: Uint8Array | undefined;
  let gone = false;

  const open: StoreDirectory['open'] = async (file, { create }): Promise<Device> => {
    folder ??= await openDirectory(store, { create });
    if (openElsewhere !== undefined) return openElsewhere(file, { create });
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
    onGone?.(gone);
    return gone ? 'gone' : 'alive';
  };

  const watch = async (file: string): Promise<() => boolean> => {
    folder ??= await openDirectory(store, { create: false });
    const isGone = await watchFile(folder, file);
    return () => {
      gone ||= isGone();
      onGone?.(gone);
      return gone;
    };
  };

  return {
    list: () => listFiles(store),
    open,
    removeFile: (file) => removeFile(store, file, { deadlineMs: waitMs }),
    probe,
    watch,
    ...(disks === undefined ? {} : { disks }),
  };
}

export interface OwnFileOptions {
  readonly create: boolean;
  /** How long the file is waited for while another thread still holds it, in milliseconds. */
  readonly waitMs: number;
  /** As `openDevice` asks it. */
  readonly mayClose: () => boolean;
}

/** One file, in the thread that is to own it. */
export async function openOpfsFile(
  store: string,
  file: string,
  { create, waitMs, mayClose }: OwnFileOptions,
): Promise<Device> {
  const folder = await openDirectory(store, { create });
  return openDevice(file, await openFile(folder, file, { create, deadlineMs: waitMs }), mayClose);
}
