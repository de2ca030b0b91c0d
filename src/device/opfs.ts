/**
 * The origin private file system: the only place that touches `navigator.storage` to reach files. Guarantees: a file
 * is opened exclusively or not at all (I11), with patience for handles that a dying worker still holds; of several
 * files all are opened or none stays open; every rejection is a `StoreError` that says what to do.
 *
 * What browsers do, and what we do about it:
 * - A killed worker that was busy holds its handle for about 2 s in Chromium and 20 ms in Firefox, a reloaded page for
 *   some milliseconds, and Safari calls that `InvalidStateError` now and then: we try again until the deadline.
 * - After site data was cleared under an open store, Chromium says for some moments that a file it has just created is
 *   not found: we create it again until the deadline.
 * - The first question after that may take Chromium 6 s to answer; no deadline of ours covers it.
 * - On a handle whose site data was cleared, Chromium 156 answers every call but `close`, which never returns. Such a
 *   handle must be left alone; terminating its worker frees it. See `mayClose` in `handle-device.ts`.
 * - Private windows hide the file system behind `SecurityError` (Firefox) or `UnknownError` (Safari): UNSUPPORTED.
 *
 * Rejected: opening several files at once. It saves a few milliseconds, and one that opens late, after another has
 * failed, stays locked until its worker ends.
 */
import { type ErrorCoordinates, StoreError, type StoreErrorCode } from '../base/errors.ts';
import { openDevice } from './handle-device.ts';
import type { SyncHandle } from './sync-handle.ts';

/** All stores are folders in this one, so that they do not mix with the app's own files. */
const HOME = 'opfs-blocks';
/** Encoded; file systems below take 255 bytes. */
const STORE_NAME_BYTES_MAX = 200;
/** A killed busy worker gives its handles back after about 2 s. */
const DEADLINE_MS = 5000;
const PAUSE_MS_MIN = 4;
const PAUSE_MS_MAX = 250;

export interface Patience {
  /** How long to go on trying, in milliseconds; 5,000 unless told. */
  readonly deadlineMs?: number | undefined;
  /** Rejects with ABORTED; nothing stays open. */
  readonly signal?: AbortSignal | undefined;
}

export interface OpenFileOptions extends Patience {
  readonly create: boolean;
}

/** With the part that only workers have; the types for the main thread know nothing of it. */
interface WorkerFileHandle extends FileSystemFileHandle {
  createSyncAccessHandle?(): Promise<SyncHandle>;
}

/**
 * The folder of a store. It says where to look and holds nothing: keep it as long as you like.
 *
 * @throws StoreError NOT_FOUND when there is none and `create` is false; UNSUPPORTED, QUOTA, MISUSE, IO
 */
export async function openDirectory(
  store: string,
  options: { readonly create: boolean },
): Promise<FileSystemDirectoryHandle> {
  const name = directoryName(store);
  try {
    const home = await (await storageRoot()).getDirectoryHandle(HOME, options);
    return await home.getDirectoryHandle(name, options);
  } catch (error) {
    throw asStoreError(error, { store });
  }
}

/**
 * Opens a file for this worker alone.
 *
 * @throws StoreError LOCKED when another still holds it at the deadline, NOT_FOUND when there is none and `create` is
 * false; ABORTED, UNSUPPORTED, QUOTA, IO
 */
export async function openFile(
  directory: FileSystemDirectoryHandle,
  file: string,
  options: OpenFileOptions,
): Promise<SyncHandle> {
  const { create, signal } = options;
  const open = async (): Promise<SyncHandle> => {
    const entry: WorkerFileHandle = await directory.getFileHandle(file, { create });
    if (entry.createSyncAccessHandle === undefined) throw unsupportedHandles();
    const handle = await entry.createSyncAccessHandle();
    if (signal?.aborted !== true) return handle;
    handle.close();
    throw abortedError({ file });
  };
  return patiently(open, (name) => isBusy(name) || (create && name === 'NotFoundError'), options, {
    file,
  });
}

/**
 * Opens all `files`, in order, within one deadline, or none: what was opened before a failure is closed.
 *
 * @throws StoreError as `openFile`
 */
export async function openFiles(
  directory: FileSystemDirectoryHandle,
  files: readonly string[],
  options: OpenFileOptions,
): Promise<SyncHandle[]> {
  const endsAtMs = performance.now() + (options.deadlineMs ?? DEADLINE_MS);
  const handles: SyncHandle[] = [];
  try {
    for (const file of files) {
      const left = { ...options, deadlineMs: Math.max(0, endsAtMs - performance.now()) };
      handles.push(await openFile(directory, file, left));
    }
    return handles;
  } catch (error) {
    // What a handle says to being closed is not told: the failure that led here is.
    for (const handle of handles) openDevice('', handle).close();
    throw error;
  }
}

/**
 * Names of the files of a store, sorted; none when there is no such store.
 *
 * @throws StoreError UNSUPPORTED, MISUSE, IO
 */
export async function listFiles(store: string): Promise<string[]> {
  const names: string[] = [];
  try {
    const directory = await openDirectory(store, { create: false });
    for await (const [name, entry] of directory.entries()) {
      if (entry.kind === 'file') names.push(name);
    }
  } catch (error) {
    if (isMissing(error)) return [];
    throw asStoreError(error, { store });
  }
  return names.sort();
}

/** Removes one closed file. @throws StoreError LOCKED while it is open, NOT_FOUND when there is none; IO */
export async function removeFile(
  store: string,
  file: string,
  patience: Patience = {},
): Promise<void> {
  const directory = await openDirectory(store, { create: false });
  await patiently(() => directory.removeEntry(file), isBusy, patience, { store, file });
}

/** Removes a store with all its files; fine when there is none. @throws StoreError LOCKED while it is open; IO */
export async function removeStore(store: string, patience: Patience = {}): Promise<void> {
  const name = directoryName(store);
  const remove = async (): Promise<void> => {
    const home = await (await storageRoot()).getDirectoryHandle(HOME);
    await home.removeEntry(name, { recursive: true });
  };
  try {
    await patiently(remove, isBusy, patience, { store });
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** Names of all stores that have a folder, sorted. @throws StoreError UNSUPPORTED, IO */
export async function listStoreNames(): Promise<string[]> {
  const stores: string[] = [];
  try {
    const home = await (await storageRoot()).getDirectoryHandle(HOME);
    for await (const [name, entry] of home.entries()) {
      const store = entry.kind === 'directory' ? storeName(name) : undefined;
      if (store !== undefined) stores.push(store);
    }
  } catch (error) {
    if (isMissing(error)) return [];
    throw asStoreError(error, {});
  }
  return stores.sort();
}

/**
 * Whether there is a folder of that name; what is in it is another question.
 *
 * @throws StoreError UNSUPPORTED, MISUSE, IO
 */
export async function storeExists(store: string): Promise<boolean> {
  try {
    await openDirectory(store, { create: false });
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/**
 * The folder's name: small letters, digits, `-` and `_` as they are, every other byte of the UTF-8 text as `%xx`. So
 * no name can leave the folder, and two names differ also where file names are case-insensitive or normalized.
 *
 * @throws StoreError MISUSE for an empty or too long name, or half a surrogate pair
 */
export function directoryName(store: string): string {
  let name = '';
  for (const byte of new TextEncoder().encode(store)) {
    const character = String.fromCharCode(byte);
    if (/[a-z0-9_-]/.test(character)) name += character;
    else name += `%${byte.toString(16).padStart(2, '0')}`;
  }
  if (name === '' || name.length > STORE_NAME_BYTES_MAX || /\p{Surrogate}/u.test(store)) {
    const limit = `1 to ${STORE_NAME_BYTES_MAX} plain characters, fewer of others`;
    throw new StoreError('MISUSE', `A store's name has ${limit}.`, { coordinates: { store } });
  }
  return name;
}

/** The store whose folder that is, or `undefined` when the folder is not one of ours. */
export function storeName(directory: string): string | undefined {
  if (!/^(?:[a-z0-9_-]|%[0-9a-f]{2})+$/.test(directory)) return undefined;
  const bytes: number[] = [];
  for (const [text] of directory.matchAll(/%..|./g)) {
    bytes.push(text.length === 1 ? text.charCodeAt(0) : Number.parseInt(text.slice(1), 16));
  }
  const store = new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes));
  return directory.length <= STORE_NAME_BYTES_MAX && directoryName(store) === directory
    ? store
    : undefined;
}

/** Why there is no origin private file system here, as a sentence that says what to do; `undefined` when there is. */
export function fileSystemFlaw(): string | undefined {
  const storage: Partial<StorageManager> | undefined = globalThis.navigator?.storage;
  if (typeof storage?.getDirectory === 'function') return undefined;
  return (
    'There is no origin private file system here: it needs https or localhost, a browser of 2023 or later, and ' +
    'in some browsers no private window.'
  );
}

async function storageRoot(): Promise<FileSystemDirectoryHandle> {
  const flaw = fileSystemFlaw();
  if (flaw !== undefined) throw new StoreError('UNSUPPORTED', flaw);
  return navigator.storage.getDirectory();
}

function unsupportedHandles(): StoreError {
  return new StoreError(
    'UNSUPPORTED',
    'There are no sync access handles here: they need a dedicated worker and a browser of 2023 or later.',
  );
}

/** Repeats `attempt` while `mayPass` says that its refusal may pass, with growing pauses, until the deadline. */
async function patiently<T>(
  attempt: () => Promise<T>,
  mayPass: (errorName: string) => boolean,
  { deadlineMs = DEADLINE_MS, signal }: Patience,
  coordinates: ErrorCoordinates,
): Promise<T> {
  const startedMs = performance.now();
  for (let pauseMs = PAUSE_MS_MIN; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
    if (signal?.aborted) throw abortedError(coordinates);
    try {
      return await attempt();
    } catch (error) {
      const leftMs = startedMs + deadlineMs - performance.now();
      if (!mayPass(nameOf(error)) || leftMs <= 0) throw asStoreError(error, coordinates);
      await pause(Math.min(pauseMs, leftMs), signal);
    }
  }
}

/** Ends early when `signal` is aborted; the caller looks at it. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
}

/** Someone holds the file, or held it a moment ago. */
function isBusy(errorName: string): boolean {
  return errorName === 'NoModificationAllowedError' || errorName === 'InvalidStateError';
}

function isMissing(error: unknown): boolean {
  return (
    nameOf(error) === 'NotFoundError' || (error instanceof StoreError && error.code === 'NOT_FOUND')
  );
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

function abortedError(coordinates: ErrorCoordinates): StoreError {
  return new StoreError('ABORTED', 'Opening was aborted by its signal.', { coordinates });
}

const LOCKED_TEXT =
  'The file is open elsewhere: close the other tab or window. A worker that was ended while busy gives it ' +
  'back after some seconds.';
const HIDDEN_TEXT =
  'The browser refuses its file system, as it does in private windows or when site data is blocked: leave ' +
  'private browsing, or allow site data.';

/** What the browser's exceptions mean, by name. */
const MEANINGS: Readonly<Record<string, readonly [StoreErrorCode, string]>> = {
  NoModificationAllowedError: ['LOCKED', LOCKED_TEXT],
  InvalidStateError: ['LOCKED', LOCKED_TEXT],
  NotFoundError: ['NOT_FOUND', 'There is no such file or store: open it with create.'],
  QuotaExceededError: [
    'QUOTA',
    'The browser grants no more space: free some, or ask for persistence.',
  ],
  SecurityError: ['UNSUPPORTED', HIDDEN_TEXT],
  UnknownError: ['UNSUPPORTED', HIDDEN_TEXT],
  NotAllowedError: ['UNSUPPORTED', HIDDEN_TEXT],
  NotSupportedError: ['UNSUPPORTED', HIDDEN_TEXT],
};

function asStoreError(error: unknown, coordinates: ErrorCoordinates): StoreError {
  if (error instanceof StoreError) return error;
  const [code, text] = MEANINGS[nameOf(error)] ?? [
    'IO',
    'The file system failed: try again, or reload the page.',
  ];
  return new StoreError(code, `${text} (${String(error)})`, { coordinates, cause: error });
}
