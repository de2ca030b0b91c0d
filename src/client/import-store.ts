/**
 * Making a store of an image. The image is verified while it is read, the new store is opened once before the import is
 * acknowledged, and a failed import leaves nothing behind.
 */
import { proxy, transfer } from 'comlink';
import { StoreError } from '../base/errors.ts';
import { entryOf } from './catalogue.ts';
import { sessionLostError } from './connection.ts';
import { type FolderEnvironment, folderEnvironment } from './folders.ts';
import { Interruption } from './interruption.ts';
import { holdStore } from './locks.ts';
import { startConnection } from './open-store.ts';
import { checkSignal, inspectionSettings, resolveWaitMs, type WorkerSource } from './options.ts';
import { evictedError, recall } from './recollection.ts';
import { checkStoreName } from './store-name.ts';

/** How an image is imported. */
export interface ImportOptions {
  /** How long to wait for the name's lock and for the files, in milliseconds, then LOCKED; 5,000 by default. */
  readonly waitMs?: number | undefined;
  /** As for `openStore`. */
  readonly worker?: WorkerSource | undefined;
  /** Gives up, with ABORTED, and leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Creates the store `name` from what `exportImage` gave. Pointers inside stay valid.
 *
 * @param image Read to its end, or cancelled when the import fails.
 * @throws StoreError CORRUPT (truncated, damaged, or no image), VERSION, EXISTS, EVICTED, LOCKED, QUOTA, UNSUPPORTED,
 * ABORTED, MISUSE, SESSION_LOST, IO (the stream has failed; `cause` says how)
 * @example
 * const image = await new Response(store.exportImage()).blob(); // or a file that the user has picked
 * await importStore('copy', image.stream());
 */
export async function importStore(
  name: string,
  image: ReadableStream<Uint8Array>,
  options: ImportOptions = {},
): Promise<void> {
  checkStoreName(name);
  return importStoreIn(folderEnvironment(), name, image, options);
}

/** `importStore` with the browser given: for tests. */
export async function importStoreIn(
  environment: FolderEnvironment,
  name: string,
  image: ReadableStream<Uint8Array>,
  options: ImportOptions,
): Promise<void> {
  const waitMs = resolveWaitMs(options);
  const signal = checkSignal(options.signal);
  const source = new ImageSource(image);
  const interruption = new Interruption(name, signal, environment.onPageHide);
  try {
    const lock = await holdStore(environment.locks, name, { waitMs, signal: interruption.signal });
    try {
      await importLocked({ environment, name, waitMs, interruption, source }, options);
    } finally {
      await lock.release();
    }
  } catch (error) {
    await source.cancel(error);
    throw source.failure ?? error;
  } finally {
    interruption.dispose();
  }
}

interface Import {
  readonly environment: FolderEnvironment;
  readonly name: string;
  readonly waitMs: number;
  readonly interruption: Interruption;
  readonly source: ImageSource;
}

async function importLocked(
  { environment, name, waitMs, interruption, source }: Import,
  options: ImportOptions,
): Promise<void> {
  const memory = await recall(environment.catalogue, name);
  if ((await environment.listFolders()).includes(name)) throw existsError(name);
  if (memory.entry !== undefined) throw evictedError(name);
  interruption.signal.throwIfAborted();
  const connection = startConnection(environment, name, options.worker);
  const { remote, lifeline } = connection;
  interruption.ends(lifeline);
  const over = sessionLostError(name, 'its import is over');
  try {
    await connection.start();
    const request = { store: name, settings: inspectionSettings(), waitMs };
    const next = proxy(() => source.next());
    const opened = await remote.call((api) => api.importImage(request, next));
    if (memory.status === 'ok') await environment.catalogue.remember(name, entryOf(opened));
    await connection.destroy(over);
  } catch (error) {
    // Not the worker's task: it may have died. There was no store under this name, and the lock is still ours.
    await connection.destroy(over);
    await environment.removeFolder(name, { waitMs });
    throw error;
  }
}

function existsError(store: string): StoreError {
  return new StoreError(
    'EXISTS',
    `There is a store '${store}' already: import under another name, or call deleteStore first.`,
    { coordinates: { store } },
  );
}

/** The caller's stream, pulled chunk by chunk. */
class ImageSource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  /** Why the stream itself could not be read on. */
  failure: StoreError | undefined;

  constructor(image: ReadableStream<Uint8Array>) {
    if (typeof image?.getReader !== 'function') {
      throw new StoreError('MISUSE', 'An image is a ReadableStream, such as file.stream().');
    }
    this.#reader = image.getReader();
  }

  async next(): Promise<Uint8Array | undefined> {
    try {
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      if (!(value instanceof Uint8Array)) throw new TypeError('a chunk is not a Uint8Array');
      // A copy: the message would carry the whole buffer behind a view, and the chunk is the caller's.
      const chunk = value.slice();
      return transfer(chunk, [chunk.buffer]);
    } catch (cause) {
      const message = 'The stream of the image could not be read to its end; nothing was imported.';
      this.failure = new StoreError('IO', message, { cause });
      throw this.failure;
    }
  }

  /** Lets the stream's owner know. A stream that has failed, or that is at its end, has nothing to cancel. */
  async cancel(reason: unknown): Promise<void> {
    if (this.failure === undefined) await this.#reader.cancel(reason).catch(() => undefined);
    this.#reader.releaseLock();
  }
}
