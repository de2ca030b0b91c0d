/**
 * Files on a block store: an example to copy from. A file is a chain of blocks; the catalogue is a chain too, and
 * the root `files` points to it. Nothing is overwritten: every change writes new blocks and then moves a root,
 * both in one transaction.
 *
 * - A file appears, or disappears, as a whole. Its bytes are written in transactions of about 32 MiB, each of which
 *   hangs what is there so far under the root `staging`; the last one puts the file into the catalogue and takes
 *   `staging` away, at once. Rejected: one transaction for a file of any size. It would keep every other change
 *   waiting until the last byte.
 * - A tab that dies in the middle leaks nothing: the next start finds `staging` and frees it.
 * - Memory does not grow with the file: 4 MiB are in flight, whatever its size.
 * - Reading pins a state of the store, so a file being downloaded may be deleted meanwhile.
 */
import { type BlockPointer, decodePointer, encodePointer, type Store } from '../src/index.ts';
import { Ballast } from './ballast.ts';
import {
  type BlockTarget,
  blocksOfChain,
  cutIntoBlocks,
  dataBlocksPerIndex,
  encodeIndex,
  freeChain,
  type ManyBlockSource,
  readChain,
  writeChain,
} from './chain.ts';
import type { Sha256, Sha256State } from './sha256.ts';

const FILES_ROOT = 'files';
const STAGING_ROOT = 'staging';
/** How much of a file is read and sent to the store at once. A multiple of every block size. */
const PIECE_BYTES = 4 * 2 ** 20;
const TRANSACTION_BYTES = 32 * 2 ** 20;

/** The part of a `Store` that files need. */
export type FileBlocks = Pick<
  Store,
  'blockSize' | 'root' | 'reader' | 'transaction' | 'blockStates'
>;

/** What the catalogue says about a file. */
export interface FileEntry {
  /** Unique in this store, and never used again. */
  readonly id: number;
  readonly name: string;
  /** The media type that the browser gave it, perhaps empty. */
  readonly type: string;
  readonly byteCount: number;
  /** Blocks it takes, its index blocks included. */
  readonly blockCount: number;
  /** The arenas that its blocks are in, ascending. */
  readonly arenas: readonly number[];
  /** Of its bytes, in hexadecimal, computed while they were stored. */
  readonly sha256: string;
  readonly head: BlockPointer;
}

export interface PutProgress {
  /** Bytes that the store has taken. */
  readonly written: number;
  /** Bytes that survive a power cut from now on, though not yet as a file. */
  readonly durable: number;
}

export interface PutOptions {
  /** Called first when the file's turn has come, then for each piece and each commit. */
  readonly onProgress?: (progress: PutProgress) => void;
  /** Gives up; what was written so far is freed, and the promise rejects with ABORTED. */
  readonly signal?: AbortSignal | undefined;
}

interface Catalogue {
  readonly nextId: number;
  readonly files: readonly FileEntry[];
}

/** A file on its way in: what is in the store so far. */
interface Upload {
  readonly file: File;
  readonly arenas: Set<number>;
  readonly onProgress: (progress: PutProgress) => void;
  head: BlockPointer | undefined;
  sha256: Sha256State | undefined;
  written: number;
  durable: number;
  blockCount: number;
}

export class FileStore {
  readonly #store: FileBlocks;
  readonly #sha256: Sha256;
  /** Bytes under one index block. */
  readonly #indexBytes: number;
  /** File bytes in one transaction: whole index blocks, at least one. */
  readonly #stepBytes: number;
  readonly #ballast: Ballast;
  #lastPut: Promise<unknown> = Promise.resolve();

  constructor(store: FileBlocks, sha256: Sha256, transactionBytes = TRANSACTION_BYTES) {
    this.#store = store;
    this.#sha256 = sha256;
    this.#ballast = new Ballast(store);
    this.#indexBytes = dataBlocksPerIndex(store.blockSize) * store.blockSize;
    const indexCount = Math.max(1, Math.floor(transactionBytes / this.#indexBytes));
    this.#stepBytes = indexCount * this.#indexBytes;
  }

  /** All files, in the order in which they came. */
  async list(): Promise<readonly FileEntry[]> {
    using reader = this.#store.reader();
    return (await readCatalogue(reader, reader.root(FILES_ROOT))).files;
  }

  /** Stores a file. Several at once take turns. A name may occur twice: files differ by `id`. */
  put(file: File, options: PutOptions = {}): Promise<FileEntry> {
    const put = this.#lastPut.then(() => this.#put(file, options));
    // Only the turn is waited for: how a put ended is the business of whoever asked for it.
    this.#lastPut = put.catch(() => undefined);
    return put;
  }

  /** The file's bytes from the start, about 1 MiB at a time, as the store verified them. */
  async *read(entry: FileEntry): AsyncGenerator<readonly Uint8Array[]> {
    using reader = this.#store.reader();
    yield* readChain(reader, entry.head);
  }

  /** Frees all blocks of a file in one transaction. Returns how many; 0 when the file is not there any more. */
  delete(id: number): Promise<number> {
    return this.#ballast.spend(() => this.#delete(id));
  }

  #delete(id: number): Promise<number> {
    return this.#store.transaction(async (tx) => {
      const root = tx.root(FILES_ROOT);
      const catalogue = await readCatalogue(tx, root);
      const entry = catalogue.files.find((file) => file.id === id);
      if (entry === undefined) return 0;
      const files = catalogue.files.filter((file) => file !== entry);
      tx.setRoot(FILES_ROOT, await this.#writeCatalogue(tx, { ...catalogue, files }));
      if (root !== undefined) await freeChain(tx, root);
      return freeChain(tx, entry.head);
    });
  }

  /** Frees what an interrupted `put` left behind. Call it once after opening. Returns how many blocks that were. */
  async discardStaged(): Promise<number> {
    if (this.#store.root(STAGING_ROOT) === undefined) return 0;
    return this.#store.transaction(async (tx) => {
      const head = tx.root(STAGING_ROOT);
      if (head === undefined) return 0;
      tx.setRoot(STAGING_ROOT, undefined);
      return freeChain(tx, head);
    });
  }

  /** Every block of one file, for maps. */
  async *blocksOf(entry: FileEntry): AsyncGenerator<BlockPointer> {
    using reader = this.#store.reader();
    yield* blocksOfChain(reader, entry.head);
  }

  /** Every block that is in use, for `store.check({ reachable })`. Whatever else is allocated has leaked. */
  async *reachable(): AsyncGenerator<BlockPointer> {
    using reader = this.#store.reader();
    const files = reader.root(FILES_ROOT);
    const staged = reader.root(STAGING_ROOT);
    if (staged !== undefined) yield* blocksOfChain(reader, staged);
    if (files === undefined) return;
    yield* blocksOfChain(reader, files);
    const catalogue = await readCatalogue(reader, files);
    for (const entry of catalogue.files) yield* blocksOfChain(reader, entry.head);
  }

  async #put(file: File, { onProgress = () => {}, signal }: PutOptions): Promise<FileEntry> {
    const start = { head: undefined, sha256: undefined, written: 0, durable: 0, blockCount: 0 };
    const upload: Upload = { file, arenas: new Set(), onProgress, ...start };
    const step = this.#stepBytes;
    onProgress(upload);
    try {
      while (file.size - upload.written > step) {
        await this.#store.transaction(
          async (tx) => {
            tx.setRoot(STAGING_ROOT, await this.#append(tx, upload, upload.written + step));
          },
          { signal },
        );
        upload.durable = upload.written;
        onProgress(upload);
      }
      return await this.#store.transaction(
        async (tx) => {
          const head = await this.#append(tx, upload, file.size);
          tx.setRoot(STAGING_ROOT, undefined);
          const root = tx.root(FILES_ROOT);
          const { nextId, files } = await readCatalogue(tx, root);
          const sha256 = await this.#sha256.finish(upload.sha256);
          const entry = entryOf(upload, { id: nextId, sha256, head });
          const changed = { nextId: nextId + 1, files: [...files, entry] };
          tx.setRoot(FILES_ROOT, await this.#writeCatalogue(tx, changed));
          if (root !== undefined) await freeChain(tx, root);
          return entry;
        },
        { signal },
      );
    } catch (error) {
      await this.#giveUp(error);
      throw error;
    }
  }

  /** Appends the file's bytes up to `end` to the upload's chain. Returns the chain's new head. */
  async #append(tx: BlockTarget, upload: Upload, end: number): Promise<BlockPointer> {
    let head: BlockPointer;
    do {
      const indexEnd = Math.min(end, upload.written + this.#indexBytes);
      const data: BlockPointer[] = [];
      while (upload.written < indexEnd) {
        const pieceEnd = Math.min(indexEnd, upload.written + PIECE_BYTES);
        data.push(...(await this.#writePiece(tx, upload, pieceEnd)));
      }
      const index = { previous: upload.head, byteCount: upload.written, data };
      head = await tx.write(encodeIndex(index));
      upload.head = head;
      upload.blockCount += data.length + 1;
      this.#noteArenas(upload, [...data, head]);
    } while (upload.written < end);
    return head;
  }

  async #writePiece(tx: BlockTarget, upload: Upload, end: number) {
    const { file } = upload;
    const bytes = new Uint8Array(await file.slice(upload.written, end).arrayBuffer());
    if (bytes.length !== end - upload.written) throw new Error(`“${file.name}” has changed.`);
    const blocks = cutIntoBlocks(bytes, this.#store.blockSize);
    const [pointers, sha256] = await Promise.all([
      tx.writeMany(blocks),
      this.#sha256.extend(upload.sha256, blocks),
    ]);
    upload.sha256 = sha256;
    upload.written = end;
    upload.onProgress(upload);
    return pointers;
  }

  #noteArenas({ arenas }: Upload, pointers: readonly BlockPointer[]): void {
    const { arenaBytes } = this.#store.blockStates();
    for (const { address } of pointers) arenas.add(Math.floor(address / arenaBytes));
  }

  #writeCatalogue(tx: BlockTarget, catalogue: Catalogue): Promise<BlockPointer> {
    const text = JSON.stringify(catalogue, (key, value) => (key === 'head' ? toHex(value) : value));
    return writeChain(tx, this.#store.blockSize, new TextEncoder().encode(text));
  }

  /** The space of a failed upload comes back at once if the store still works, else at the next start. */
  async #giveUp(error: unknown): Promise<void> {
    try {
      await this.discardStaged();
    } catch (later) {
      throw new AggregateError(
        [error, later],
        'What was stored of the file is freed at the next start.',
      );
    }
  }
}

function entryOf(
  { file, arenas, blockCount }: Upload,
  rest: Pick<FileEntry, 'id' | 'sha256' | 'head'>,
): FileEntry {
  return {
    ...rest,
    name: file.name,
    type: file.type,
    byteCount: file.size,
    blockCount,
    arenas: [...arenas].sort((a, b) => a - b),
  };
}

async function readCatalogue(
  source: ManyBlockSource,
  root: BlockPointer | undefined,
): Promise<Catalogue> {
  if (root === undefined) return { nextId: 1, files: [] };
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const blocks of readChain(source, root)) {
    for (const block of blocks) parts.push(new Uint8Array(block));
  }
  const text = await new Blob(parts).text();
  return JSON.parse(text, (key, value) => (key === 'head' ? fromHex(value) : value));
}

function toHex(pointer: BlockPointer): string {
  return Array.from(encodePointer(pointer), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function fromHex(text: string): BlockPointer {
  const pairs = text.match(/../g) ?? [];
  return decodePointer(Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16)));
}
