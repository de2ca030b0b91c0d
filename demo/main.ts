/**
 * The demo page: opens a store and connects its panels. Everything that happens to bytes is in files.ts and chain.ts.
 */
import { deleteStore, type HealthEvent, openStore, type Store } from '../src/index.ts';
import { ArenaMap } from './arena-map.ts';
import { byId, setText } from './dom.ts';
import { FileList, type FileRow } from './file-list.ts';
import { type FileEntry, FileStore } from './files.ts';
import { save } from './save.ts';
import { sha256InWorker } from './sha256.ts';
import { recoveryText, StatusStrip } from './status-strip.ts';
import { codeOf, errorText } from './text.ts';
import { Throughput } from './throughput.ts';
import { addressOf, showStores, Tools } from './tools.ts';
import { Turns } from './turns.ts';
import { Uploads } from './uploads.ts';

/** How often the map is drawn anew while something happens, and while nothing does. */
const BUSY_MS = 100;
const IDLE_MS = 1000;
/** A pointer that only passes over the list marks nothing. */
const POINT_MS = 120;

const NO_CATALOGUE_TEXT =
  'IndexedDB does not work here, so the loss of the whole store would not be noticed.';

const HEALTH_TITLES = {
  poisoned: 'A write has failed, so nothing more is stored',
  evicted: 'The browser has removed the store',
  closed: 'The store is closed',
};

const storeName = new URL(location.href).searchParams.get('store') ?? 'demo';

class DemoPage {
  readonly #store: Store;
  readonly #hasher = sha256InWorker();
  readonly #files: FileStore;
  readonly #map = new ArenaMap();
  readonly #strip = new StatusStrip();
  readonly #throughput = new Throughput();
  readonly #turns: Turns;
  readonly #list: FileList;
  readonly #uploads: Uploads;
  readonly #tools: Tools;
  #pointed: FileEntry | undefined;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #changedMs = 0;

  constructor(store: Store) {
    this.#store = store;
    this.#files = new FileStore(store, this.#hasher);
    this.#turns = new Turns(store.name, () => this.#noteChange());
    this.#list = new FileList({
      download: (entry, row) => void this.#download(entry, row),
      remove: (entry, row) => void this.#remove(entry, row),
      point: (entry) => this.#point(entry),
    });
    const parts = { turns: this.#turns, files: this.#files, throughput: this.#throughput };
    this.#uploads = new Uploads({ ...parts, onStored: () => this.#refresh() });
    this.#tools = new Tools({ ...parts, store, hasher: this.#hasher });
  }

  async start(): Promise<void> {
    const discarded = await this.#files.discardStaged();
    const found = recoveryText(this.#store.recovery, discarded);
    const memory = this.#store.catalogue === 'ok' ? '' : ` ${NO_CATALOGUE_TEXT}`;
    setText(byId('recovery', HTMLElement), `${found}${memory}`);
    this.#store.on('commit', () => this.#noteChange());
    this.#store.on('health', (event) => this.#showHealth(event));
    this.#takeFiles();
    setInterval(() => this.#look(), BUSY_MS);
    this.#look();
    await Promise.all([this.#refresh(), showStores(this.#store.name)]);
    byId('board', HTMLElement).classList.remove('loading');
  }

  #takeFiles(): void {
    const pick = byId('pick', HTMLInputElement);
    const drop = byId('drop', HTMLElement);
    pick.disabled = false;
    pick.addEventListener('change', () => {
      const files = [...(pick.files ?? [])];
      pick.value = '';
      void this.#uploads.add(files);
    });
    // Files may be dropped anywhere: missing the zone must not make the browser open them.
    addEventListener('dragover', (event) => {
      event.preventDefault();
      drop.classList.add('over');
    });
    addEventListener('dragleave', (event) => {
      if (event.relatedTarget === null) drop.classList.remove('over');
    });
    addEventListener('drop', (event) => {
      event.preventDefault();
      drop.classList.remove('over');
      void this.#uploads.add([...(event.dataTransfer?.files ?? [])]);
    });
    addEventListener('beforeunload', (event) => {
      if (this.#uploads.pending > 0) event.preventDefault();
    });
  }

  async #refresh(): Promise<void> {
    this.#list.show(await this.#files.list());
    await this.#strip.showBrowser();
  }

  async #download(entry: FileEntry, row: FileRow): Promise<void> {
    const job = this.#throughput.start(`read “${entry.name}”`);
    try {
      await save({
        ...entry,
        hasher: this.#hasher,
        pieces: this.#files.read(entry),
        onProgress: (bytes) => {
          job.moveTo(bytes);
          row.showProgress(bytes / entry.byteCount);
        },
      });
      job.finish();
      row.showVerified();
    } catch (error) {
      row.showFailure(errorText(error));
    }
  }

  async #remove(entry: FileEntry, row: FileRow): Promise<void> {
    this.#point(undefined);
    try {
      await this.#turns.change(() => this.#files.delete(entry.id));
      await this.#refresh();
    } catch (error) {
      row.showFailure(errorText(error));
    }
  }

  /** Lets the blocks of a file stand out in the map. */
  #point(entry: FileEntry | undefined): void {
    this.#pointed = entry;
    if (entry === undefined) this.#map.mark(undefined);
    else setTimeout(() => void this.#mark(entry), POINT_MS);
  }

  async #mark(entry: FileEntry): Promise<void> {
    const addresses = new Set<number>();
    if (this.#pointed !== entry) return;
    for await (const { address } of this.#files.blocksOf(entry)) {
      addresses.add(address);
      if (this.#pointed !== entry) return;
    }
    this.#map.mark(addresses);
  }

  #noteChange(): void {
    this.#changedMs = performance.now();
  }

  /** Looks at the engine: often while something changes, for a moment after, and else once in a second. */
  #look(): void {
    const now = performance.now();
    const lively = this.#turns.busy || now - this.#changedMs < IDLE_MS;
    if (document.hidden || this.#store.health === 'closed') return;
    if (!lively && now - this.#lookedMs < IDLE_MS) return;
    this.#lookedMs = now;
    this.#map.show(this.#store.blockStates());
    this.#strip.showStore(this.#store);
  }

  #showHealth({ health, reason }: HealthEvent): void {
    this.#strip.showStore(this.#store);
    if (health === 'ok' || health === 'stalled' || this.#tools.deleting) return;
    this.#tools.enable(health === 'poisoned');
    byId('pick', HTMLInputElement).disabled = true;
    showBlocked(HEALTH_TITLES[health], reason ?? '');
  }
}

function showBlocked(title: string, text: string): void {
  byId('blocked', HTMLElement).hidden = false;
  setText(byId('blocked-title', HTMLElement), title);
  setText(byId('blocked-text', HTMLElement), text);
  setText(byId('recovery', HTMLElement), '');
}

/** What can be done when the store is not open: try again, accept a loss, or go to another store. */
function connectWaysOut(): void {
  byId('retry', HTMLButtonElement).addEventListener('click', () => location.reload());
  byId('accept-loss', HTMLButtonElement).addEventListener('click', async () => {
    await deleteStore(storeName);
    location.reload();
  });
  const stores = byId('stores', HTMLSelectElement);
  stores.append(new Option(storeName, storeName, true, true));
  stores.addEventListener('change', () => location.assign(addressOf(stores.value)));
  // The browser may bring the page back as it was, but its store was closed when it left.
  addEventListener('pageshow', (event) => {
    if (event.persisted) location.reload();
  });
}

connectWaysOut();
try {
  await new DemoPage(await openStore(storeName)).start();
} catch (error) {
  showBlocked('The store did not open', errorText(error));
  byId('board', HTMLElement).hidden = true;
  byId('accept-loss', HTMLElement).hidden = codeOf(error) !== 'EVICTED';
}
