/**
 * A file of pages with synchronous reads and writes, for code in a worker: what a database's file layer needs.
 *
 * A page is a block. The file's root points to its head: its size and pointers to tables, each of which has the
 * pointers to the next so many pages. A page that was never written has none, and reads as zeroes. A change writes the
 * pages, the tables and the head on its way anew, in one transaction: a crash leaves the file as it was before a
 * change, or as it was after it.
 *
 * With blocks of 16 KiB a file has room for 7 GB. Its tables are kept in memory as well: a cached page is one copy.
 */
import {
  type BlockPointer,
  decodePointer,
  encodePointer,
  type SyncStore,
  type SyncTransaction,
} from 'opfs-blocks/worker';

const POINTER_BYTES = 24;
const SIZE_BYTES = 8;

type Slots = (BlockPointer | undefined)[];

/** What head and tables say. */
interface Index {
  size: number;
  readonly pages: Slots;
  readonly tables: Slots;
  /** Numbers of the tables that are no longer what is in their blocks. */
  readonly changed: Set<number>;
}

export class PagedFile {
  readonly #store: SyncStore;
  readonly #name: string;
  readonly #pagesPerTable: number;
  readonly #tablesMax: number;
  /** Read again when a transaction was rolled back. */
  #index: Index | undefined;
  #tx: SyncTransaction | undefined;

  /** @param name of the root that holds the file; there is an empty file when there is no such root. */
  constructor(store: SyncStore, name: string) {
    this.#store = store;
    this.#name = name;
    this.#pagesPerTable = Math.floor(store.blockSize / POINTER_BYTES);
    this.#tablesMax = Math.floor((store.blockSize - SIZE_BYTES) / POINTER_BYTES);
  }

  get size(): number {
    return this.#loaded().size;
  }

  /** Shorter than `length` where the file ends. */
  read(offset: number, length: number): Uint8Array {
    const { size, pages } = this.#loaded();
    const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
    for (const { page, from, to, at } of this.#pieces(offset, bytes.length)) {
      const pointer = pages[page];
      if (pointer === undefined) continue;
      bytes.set((this.#tx ?? this.#store).read(pointer).subarray(from, to), at);
    }
    return bytes;
  }

  /** Seen by every read from now on; durable after `sync`. */
  write(offset: number, bytes: Uint8Array): void {
    this.#change((tx, index) => {
      for (const { page, from, to, at } of this.#pieces(offset, bytes.length)) {
        const old = index.pages[page];
        const block = old === undefined ? new Uint8Array(this.#store.blockSize) : tx.read(old);
        block.set(bytes.subarray(at, at + to - from), from);
        this.#setPage(index, page, put(tx, old, block));
      }
      if (bytes.length > 0) index.size = Math.max(index.size, offset + bytes.length);
    });
  }

  truncate(size: number): void {
    this.#change((tx, index) => {
      const [kept, rest] = [Math.ceil(size / this.#store.blockSize), size % this.#store.blockSize];
      for (let page = kept; page < index.pages.length; page += 1) {
        const pointer = index.pages[page];
        if (pointer === undefined) continue;
        tx.free(pointer);
        this.#setPage(index, page, undefined);
      }
      index.pages.length = Math.min(kept, index.pages.length);
      const last = index.pages[kept - 1];
      if (rest > 0 && last !== undefined && size < index.size) {
        // What was cut off does not come back when the file grows.
        this.#setPage(index, kept - 1, tx.replace(last, tx.read(last).fill(0, rest)));
      }
      index.size = size;
    });
  }

  /** All changes in `work` together, or none when it throws: SQLite calls that a batch-atomic write. */
  atomically(work: () => void): void {
    this.#change(work);
  }

  /** Returns when all changes are durable. */
  sync(): void {
    this.#store.sync();
  }

  /** All pointers in use, for `store.check({ reachable })`. */
  *reachable(): Generator<BlockPointer> {
    const { pages, tables } = this.#loaded();
    for (const pointer of [this.#store.root(this.#name), ...tables, ...pages]) {
      if (pointer !== undefined) yield pointer;
    }
  }

  #change(work: (tx: SyncTransaction, index: Index) => void): void {
    if (this.#tx !== undefined) {
      work(this.#tx, this.#loaded());
      return;
    }
    try {
      this.#store.transaction(
        (tx) => {
          this.#tx = tx;
          work(tx, this.#loaded());
          this.#save(tx, this.#loaded());
        },
        { durability: 'relaxed' },
      );
    } catch (error) {
      this.#index = undefined;
      throw error;
    } finally {
      this.#tx = undefined;
    }
  }

  /** Which part of which page each part of a range of bytes is; `at` counts from the range's beginning. */
  *#pieces(offset: number, length: number) {
    const { blockSize } = this.#store;
    for (let at = 0; at < length; ) {
      const from = (offset + at) % blockSize;
      const to = Math.min(blockSize, from + length - at);
      yield { page: Math.floor((offset + at) / blockSize), from, to, at };
      at += to - from;
    }
  }

  #setPage(index: Index, page: number, pointer: BlockPointer | undefined): void {
    index.pages[page] = pointer;
    index.changed.add(Math.floor(page / this.#pagesPerTable));
  }

  #loaded(): Index {
    this.#index ??= this.#load();
    return this.#index;
  }

  #load(): Index {
    const root = this.#store.root(this.#name);
    if (root === undefined) return { size: 0, pages: [], tables: [], changed: new Set() };
    const head = this.#store.read(root);
    const size = new DataView(head.buffer).getFloat64(0);
    const count = Math.ceil(size / this.#store.blockSize / this.#pagesPerTable);
    const tables = decodeSlots(head.subarray(SIZE_BYTES), count);
    const pages = tables.flatMap((table) =>
      table === undefined
        ? Array.from({ length: this.#pagesPerTable }, () => undefined)
        : decodeSlots(this.#store.read(table), this.#pagesPerTable),
    );
    return { size, pages, tables, changed: new Set() };
  }

  #save(tx: SyncTransaction, { size, pages, tables, changed }: Index): void {
    const { blockSize } = this.#store;
    if (size > blockSize * this.#pagesPerTable * this.#tablesMax) {
      throw new RangeError('the file is too large');
    }
    for (const table of changed) {
      const first = table * this.#pagesPerTable;
      const slots = pages.slice(first, first + this.#pagesPerTable);
      const old = tables[table];
      if (slots.some(Boolean)) {
        tables[table] = put(tx, old, encodeSlots(slots, blockSize));
      } else if (old !== undefined) {
        tx.free(old);
        tables[table] = undefined;
      }
    }
    changed.clear();
    const head = new Uint8Array(blockSize);
    new DataView(head.buffer).setFloat64(0, size);
    head.set(encodeSlots(tables, blockSize - SIZE_BYTES), SIZE_BYTES);
    tx.setRoot(this.#name, put(tx, tx.root(this.#name), head));
  }
}

function put(tx: SyncTransaction, old: BlockPointer | undefined, bytes: Uint8Array): BlockPointer {
  return old === undefined ? tx.write(bytes) : tx.replace(old, bytes);
}

/** Pointers one after the other; all zeroes where there is none, which no pointer is: generations begin at 1. */
function encodeSlots(slots: Slots, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (const [slot, pointer] of slots.entries()) {
    if (pointer !== undefined) encodePointer(pointer, bytes, slot * POINTER_BYTES);
  }
  return bytes;
}

function decodeSlots(bytes: Uint8Array, count: number): Slots {
  return Array.from({ length: count }, (_, slot) => {
    const pointer = decodePointer(bytes, slot * POINTER_BYTES);
    return pointer.generation === 0 ? undefined : pointer;
  });
}
