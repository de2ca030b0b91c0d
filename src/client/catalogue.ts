/**
 * What this origin has stored before, remembered outside OPFS: so that a store whose files the browser has removed is
 * noticed, and not silently created anew and empty. It is a memory aid, not a part of the store: it may be missing, and
 * then the store says so (`catalogue: 'unavailable'`).
 */
import { createStore, del, entries, get, set, type UseStore } from 'idb-keyval';
import type { Geometry } from '../format/geometry.ts';
import type { OpenedStore } from '../store/verbs.ts';

/** What is remembered of a store outside OPFS, so that its loss is noticed. */
export interface CatalogueEntry {
  /** 32 hexadecimal digits. */
  readonly storeId: string;
  /** What was fixed when the store was created: bytes of a block, bytes of an arena, number of files. */
  readonly geometry: Pick<Geometry, 'blockBytes' | 'arenaBytes' | 'diskCount'>;
  /** The newest durable generation seen; a little behind the store's own. */
  readonly generation: number;
}

/** Every method rejects when the catalogue is not available. */
export interface Catalogue {
  recall(store: string): Promise<CatalogueEntry | undefined>;
  remember(store: string, entry: CatalogueEntry): Promise<void>;
  forget(store: string): Promise<void>;
  list(): Promise<readonly (readonly [store: string, entry: CatalogueEntry])[]>;
}

const DATABASE = 'opfs-blocks';
const TABLE = 'stores';
/** Safari's IndexedDB sometimes answers nothing at all. */
const ANSWER_MS_MAX = 3000;

export function indexedDbCatalogue(): Catalogue {
  let table: UseStore | undefined;
  const stores = (): UseStore => {
    table ??= createStore(DATABASE, TABLE);
    return table;
  };
  return {
    recall: (store) => answered(() => get<CatalogueEntry>(store, stores())),
    remember: (store, entry) => answered(() => set(store, entry, stores())),
    forget: (store) => answered(() => del(store, stores())),
    list: () => answered(() => entries<string, CatalogueEntry>(stores())),
  };
}

/** A promise that rejects when the database throws, rejects, or stays silent. */
function answered<T>(ask: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const silent = new Error(`IndexedDB has not answered for ${ANSWER_MS_MAX} ms`);
    const timer = setTimeout(() => reject(silent), ANSWER_MS_MAX);
    const answer = async (): Promise<T> => ask();
    answer()
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}

export function entryOf(opened: OpenedStore): CatalogueEntry {
  return {
    storeId: hexOf(opened.storeId),
    geometry: {
      blockBytes: opened.blockBytes,
      arenaBytes: opened.arenaBytes,
      diskCount: opened.diskCount,
    },
    generation: opened.state.generation,
  };
}

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** `'unavailable'`: IndexedDB does not work here, so a loss of the files would not be noticed. */
export type CatalogueStatus = 'ok' | 'unavailable';

/** Commits are noted at most this often. */
const NOTE_MS = 2000;

/** Keeps one open store's entry: written at once when opened, every 2 s at most while it commits, and when closed. */
export class CatalogueKeeper {
  readonly #catalogue: Catalogue;
  readonly #store: string;
  #entry: CatalogueEntry;
  #status: CatalogueStatus;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #written = -1;

  constructor(
    catalogue: Catalogue,
    store: string,
    first: { readonly entry: CatalogueEntry; readonly status: CatalogueStatus },
  ) {
    this.#catalogue = catalogue;
    this.#store = store;
    this.#entry = first.entry;
    this.#status = first.status;
  }

  get status(): CatalogueStatus {
    return this.#status;
  }

  note(generation: number): void {
    if (generation <= this.#entry.generation) return;
    this.#entry = { ...this.#entry, generation };
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.write();
    }, NOTE_MS);
  }

  /** Never rejects: what goes wrong is the status. */
  async write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const entry = this.#entry;
    if (entry.generation === this.#written) return;
    try {
      await this.#catalogue.remember(this.#store, entry);
      this.#written = entry.generation;
      this.#status = 'ok';
    } catch {
      this.#status = 'unavailable';
    }
  }

  /** Forgets what is not written yet. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
