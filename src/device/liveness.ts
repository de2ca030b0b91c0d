/**
 * Are the files still there? When site data is cleared, or the origin evicted, Chromium lets reads, writes and
 * flushes on open handles go on succeeding, on files that nobody will find again; and another store may get their
 * names. Firefox closes the handles, as Safari now and then does for other reasons. Looking at the handles tells
 * nothing, so the names are looked up.
 *
 * Guarantees: `gone` is never said of files that are there and ours. It does not guarantee the reverse for the moment
 * after the answer.
 */
import { StoreError } from '../base/errors.ts';
import { LABEL, STORE_ID_BYTES } from '../format/label.ts';
import { openDirectory } from './opfs.ts';

/**
 * - `alive`: every name is found, and what was asked for was verified.
 * - `gone`: a name is not found, or is another store's.
 * - `unread`: every name is found, but no label could be read because all files are being written to. Chromium refuses
 *   to read a file that has changed since it was looked up (`NotReadableError`). Ask again later.
 */
export type Liveness = 'alive' | 'gone' | 'unread';

/** Between two tries to read a label that changes under us, in milliseconds; one try more than pauses. */
const LABEL_PAUSES_MS = [0, 2, 8];

/**
 * Looks the files up by name, from the root. With `storeId` (16 bytes), also reads their labels. Costs a few
 * milliseconds of waiting, mostly the browser's.
 *
 * @throws StoreError when the browser does not answer the question at all: UNSUPPORTED, IO
 */
export async function probeFiles(
  store: string,
  files: readonly string[],
  storeId?: Uint8Array,
): Promise<Liveness> {
  try {
    const directory = await openDirectory(store, { create: false });
    const entries = await lookUp(directory, files);
    if (storeId === undefined) return 'alive';
    const labels = await Promise.all(entries.map((entry) => probeLabel(entry, storeId)));
    if (labels.includes('gone')) return 'gone';
    // The labels of a store's files name the same store, so one that could be read speaks for all.
    return labels.includes('alive') ? 'alive' : 'unread';
  } catch (error) {
    return goneOrThrow(error, store);
  }
}

/**
 * The cheap question, of a directory handle kept since opening: one exchange with the browser (0.3 ms for one file)
 * where `probeFiles` takes four (1.9 ms). Storage is cleared and evicted as a whole, so one file speaks for all.
 *
 * Chromium ties such a handle to the storage that was there when it was made, so cleared data is noticed even when
 * the names have been made again. Firefox does not: ask `probeFiles`, with the store id, from time to time.
 *
 * @throws StoreError when the browser does not answer the question at all
 */
export async function probeNames(
  directory: FileSystemDirectoryHandle,
  files: readonly string[],
): Promise<'alive' | 'gone'> {
  try {
    await lookUp(directory, files);
    return 'alive';
  } catch (error) {
    return goneOrThrow(error, directory.name);
  }
}

/** Long enough for a browser to have to look, short enough to cost nothing. */
const LOOK_BYTES = 1;

/**
 * The question for a worker that does not return to its event loop: a way to ask, at once, whether the file's name is
 * known not to be found any more. Costs about 0.7 ms.
 *
 * Chromium reads a file object of this file system by its name, even when the file has changed since (then the read is
 * refused, which is answer enough). Firefox reads what is there now. In no browser is any other failure taken for a
 * name that is gone. A file of another store under the same name passes: only `probeFiles` tells that.
 */
export async function watchFile(
  directory: FileSystemDirectoryHandle,
  file: string,
): Promise<() => boolean> {
  try {
    const entry = await directory.getFileHandle(file);
    const look = (await entry.getFile()).slice(0, LOOK_BYTES);
    const reader = new FileReaderSync();
    return () => isMissing(reader, look);
  } catch (error) {
    goneOrThrow(error, directory.name);
    return () => true;
  }
}

/** The library of DOM types knows it for workers only. */
interface SyncReader {
  readAsArrayBuffer(blob: Blob): ArrayBuffer;
}
declare const FileReaderSync: new () => SyncReader;

function isMissing(reader: SyncReader, look: Blob): boolean {
  try {
    reader.readAsArrayBuffer(look);
    return false;
  } catch (error) {
    return error instanceof Error && error.name === 'NotFoundError';
  }
}

function lookUp(
  directory: FileSystemDirectoryHandle,
  files: readonly string[],
): Promise<FileSystemFileHandle[]> {
  return Promise.all(files.map((file) => directory.getFileHandle(file)));
}

async function probeLabel(entry: FileSystemFileHandle, storeId: Uint8Array): Promise<Liveness> {
  for (const pauseMs of [...LABEL_PAUSES_MS, undefined]) {
    try {
      const found = await readStoreId(entry);
      return found.length === STORE_ID_BYTES && found.every((byte, i) => byte === storeId[i])
        ? 'alive'
        : 'gone';
    } catch (error) {
      if (!isUnreadable(error)) throw error;
    }
    if (pauseMs !== undefined) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return 'unread';
}

/** Shorter than a store id when the file is too short for a label. */
async function readStoreId(entry: FileSystemFileHandle): Promise<Uint8Array> {
  const file = await entry.getFile();
  const start = LABEL.at.storeId;
  return new Uint8Array(await file.slice(start, start + STORE_ID_BYTES).arrayBuffer());
}

/** The file changed while it was read, or the browser does not read files that are open. */
function isUnreadable(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error.name === 'NotReadableError' || error.name === 'NoModificationAllowedError')
  );
}

function goneOrThrow(error: unknown, store: string): 'gone' {
  if (error instanceof StoreError) {
    if (error.code === 'NOT_FOUND') return 'gone';
    throw error;
  }
  const name = error instanceof Error ? error.name : '';
  // A folder where the file was, or a file where the folder was, is not ours either.
  if (name === 'NotFoundError' || name === 'TypeMismatchError') return 'gone';
  throw new StoreError(
    'IO',
    `The browser does not say whether the files are there. (${String(error)})`,
    {
      coordinates: { store },
      cause: error,
    },
  );
}
