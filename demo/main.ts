/**
 * The demo page: opens a store and connects its panels. One loop looks at the engine and draws; what happens to bytes
 * is in workloads.ts, block-field.ts and files.ts.
 */

import { deleteStore, type HealthEvent, type StoreStats } from '../src/index.ts';
import { ArenaMap } from './arena-map.ts';
import { mountBench } from './bench-panel.ts';
import { BlockFacts } from './block-facts.ts';
import { BreakPanel, tellFirstTab } from './break-panel.ts';
import { CachePanel } from './cache-panel.ts';
import { byId, prefersStillness, setText } from './dom.ts';
import { EpochPanel } from './epoch-panel.ts';
import { FileList, type FileRow } from './file-list.ts';
import type { FileEntry } from './files.ts';
import { FrameLoop } from './frames.ts';
import { type Session, StoreHost } from './host.ts';
import { reloadsForWish } from './isolation.ts';
import { LOG_PARTS, LogPanel } from './log-panel.ts';
import { Outcome } from './outcome.ts';
import { QueuePanel } from './queue-panel.ts';
import { Rota } from './rota.ts';
import { SAMPLE_MS, Sampler } from './sampler.ts';
import { save } from './save.ts';
import { sha256InWorker } from './sha256.ts';
import { recoveryText, StatusStrip } from './status-strip.ts';
import { codeOf, errorText } from './text.ts';
import { Throughput } from './throughput.ts';
import { addressOf, showStores, Tools } from './tools.ts';
import { Uploads } from './uploads.ts';
import { WorkPanel } from './work-panel.ts';
import { WorkerWatch } from './worker-watch.ts';

/** While nothing happens, the engine is looked at so often. */
const IDLE_MS = 500;
/** Something that has just happened may have consequences to see. */
const LIVELY_MS = 1500;
const STILL_SAMPLES = 4;
const BROWSER_MS = 5000;
/** A pointer that only passes over the list marks nothing. */
const POINT_MS = 120;
const MAX_MIB = 1024;
const WAIT_MS = 10_000;

const NO_CATALOGUE_TEXT =
  'IndexedDB does not work here, so the loss of the whole store would not be noticed.';

const HEALTH_TITLES = {
  poisoned: 'A write has failed, so nothing more is stored',
  evicted: 'The browser has removed the store',
  closed: 'The store is closed',
};

const address = new URL(location.href);
const storeName = address.searchParams.get('store') ?? 'demo';
const openedMs = performance.now();

/** What was last sampled, until it is all shown. */
interface Shown {
  readonly session: Session;
  readonly stats: StoreStats;
  readonly atMs: number;
}

class DemoPage {
  readonly #watch = new WorkerWatch();
  readonly #hasher = sha256InWorker();
  readonly #host = new StoreHost(storeName, this.#hasher, {
    maxBytes: numberIn('max', MAX_MIB) * 2 ** 20,
    blockSize: address.searchParams.has('block') ? numberIn('block', 16_384) : undefined,
    waitMs: numberIn('wait', WAIT_MS),
  });
  readonly #facts = new BlockFacts(this.#host);
  readonly #map = new ArenaMap({
    describe: (block) => this.#facts.describe(block),
    onZoom: () => this.#showFreeRanges(),
  });
  readonly #strip = new StatusStrip();
  readonly #throughput = new Throughput();
  readonly #outcome = new Outcome();
  readonly #work = new WorkPanel(this.#host);
  readonly #queues = new QueuePanel();
  readonly #log = new LogPanel(this.#host);
  readonly #epochs = new EpochPanel(this.#host);
  readonly #cache = new CachePanel(this.#host);
  readonly #break = new BreakPanel({
    host: this.#host,
    watch: this.#watch,
    outcome: this.#outcome,
    onDamage: () => this.#noteChange(),
  });
  readonly #list = new FileList({
    download: (entry, row) => void this.#download(entry, row),
    remove: (entry, row) => void this.#remove(entry, row),
    point: (entry) => this.#point(entry),
  });
  readonly #uploads = new Uploads({
    host: this.#host,
    throughput: this.#throughput,
    onStored: () => this.#refresh(),
  });
  readonly #tools = new Tools({
    host: this.#host,
    throughput: this.#throughput,
    hasher: this.#hasher,
  });
  readonly #loop = new FrameLoop((nowMs) => this.#frame(nowMs));
  #sampler = new Sampler();
  #pointed: FileEntry | undefined;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #sampledMs = 0;
  #changedMs = 0;
  #samples = 0;
  #looks = 0;
  #chartsNext = false;
  /** What a sample changes on the page is shown piece by piece, one a frame: no frame shows everything. */
  readonly #figures = new Rota<Shown>([
    ({ stats }) => this.#queues.showDisks(stats),
    ({ session, stats }) => this.#epochs.show(session, stats),
    ({ session, stats }) => this.#cache.show(session, stats),
    ({ session, atMs }) => this.#work.show(session, atMs),
    ({ session }) => this.#strip.showStore(session.store),
    () => this.#strip.showFrames(this.#loop.meter),
  ]);
  readonly #charts = new Rota<Shown>([
    ...[0, 1, 2].map((chart) => () => this.#queues.draw(chart)),
    () => this.#epochs.draw(),
    ...Array.from({ length: LOG_PARTS }, (_, part) => () => this.#log.draw(part)),
    () => this.#showFreeRanges(),
  ]);

  constructor() {
    this.#host.onOpen((session) => this.#takeSession(session));
    // For tests: the pixels of the map, and the store behind them.
    Object.assign(globalThis, { demo: { map: this.#map, host: this.#host } });
  }

  async start(): Promise<void> {
    const session = await this.#host.start();
    this.#takeFiles();
    await Promise.all([this.#refresh(), showStores(storeName)]);
    byId('board', HTMLElement).classList.remove('loading');
    this.#loop.start();
    setInterval(() => void this.#strip.showBrowser(), BROWSER_MS);
    await this.#break.tellFirst(session);
  }

  /** The store is open, for the first time or again. */
  #takeSession(session: Session): void {
    const { store, discarded } = session;
    byId('blocked', HTMLElement).hidden = true;
    enableControls(true);
    const memory = store.catalogue === 'ok' ? '' : ` ${NO_CATALOGUE_TEXT}`;
    setText(byId('recovery', HTMLElement), recoveryText(store.recovery, discarded) + memory);
    this.#sampler = new Sampler();
    this.#figures.stop();
    this.#charts.stop();
    this.#map.reset(store.blockStates(), store.telemetry().maxBytes);
    this.#noteChange();
    store.on('commit', ({ ms, transactions }) => {
      this.#sampler.noteCommit(ms, transactions);
      this.#noteChange();
    });
    store.on('health', (event) => this.#showHealth(event));
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
      if (this.#uploads.pending > 0 && !this.#break.busy) event.preventDefault();
    });
  }

  async #refresh(): Promise<void> {
    const { session } = this.#host;
    if (session === undefined) return;
    this.#list.show(await session.files.list());
    await this.#strip.showBrowser();
  }

  async #download(entry: FileEntry, row: FileRow): Promise<void> {
    const job = this.#throughput.start(`read “${entry.name}”`);
    try {
      await save({
        ...entry,
        hasher: this.#hasher,
        pieces: this.#host.open.files.read(entry),
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
      const { turns, files } = this.#host.open;
      await turns.change(() => files.delete(entry.id));
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
    const { session } = this.#host;
    if (this.#pointed !== entry || session === undefined) return;
    const addresses = new Set<number>();
    for await (const { address: block } of session.files.blocksOf(entry)) {
      addresses.add(block);
      if (this.#pointed !== entry) return;
    }
    this.#map.mark(addresses);
  }

  #noteChange(): void {
    this.#changedMs = performance.now();
  }

  /** Looks at the engine and draws: in every frame while something changes, else now and then. */
  #frame(nowMs: number): void {
    const { session } = this.#host;
    if (session === undefined) return;
    const { turns, workloads, store } = session;
    const isLively = turns.busy || workloads.anyRunning || nowMs - this.#changedMs < LIVELY_MS;
    if (isLively || nowMs - this.#lookedMs >= IDLE_MS) {
      this.#lookedMs = nowMs;
      this.#looks += 1;
      this.#map.update(store.blockStates(), nowMs);
      // Every other time: figures that are people's to read need not be those of each frame.
      if (this.#looks % 2 === 0) {
        const stats = store.telemetry();
        this.#sampler.look(stats);
        this.#log.look(stats, nowMs);
      }
    }
    this.#map.paint(nowMs);
    if (nowMs - this.#sampledMs >= SAMPLE_MS) this.#sample(session, nowMs);
    else this.#showNext();
  }

  /** Takes figures, four times a second; the frames that follow show them. */
  #sample(session: Session, nowMs: number): void {
    const stats = session.store.telemetry();
    const sample = this.#sampler.take(stats, nowMs);
    this.#queues.take(sample);
    this.#epochs.take(sample);
    this.#cache.take(sample);
    this.#sampledMs = nowMs;
    this.#samples += 1;
    const shown = { session, stats, atMs: nowMs };
    this.#figures.begin(shown);
    // People who asked for less motion see the charts move once a second.
    if (!prefersStillness() || this.#samples % STILL_SAMPLES === 0) this.#charts.begin(shown);
  }

  /** Figures and charts by turns, as long as there are both. */
  #showNext(): void {
    const [one, other] = this.#chartsNext
      ? [this.#charts, this.#figures]
      : [this.#figures, this.#charts];
    this.#chartsNext = !this.#chartsNext;
    if (!one.step()) other.step();
  }

  #showFreeRanges(): void {
    const { session } = this.#host;
    if (session === undefined) return;
    this.#log.showFreeRanges(session.store.blockStates(), this.#map.zoomed);
  }

  #showHealth({ health, reason }: HealthEvent): void {
    const { session } = this.#host;
    if (session !== undefined) this.#strip.showStore(session.store);
    if (health === 'ok' || health === 'stalled') return;
    if (this.#tools.deleting || this.#break.busy) return;
    enableControls(health === 'poisoned');
    byId('pick', HTMLInputElement).disabled = true;
    showBlocked(HEALTH_TITLES[health], reason ?? '');
  }
}

/** Controls that make no sense without a store. */
function enableControls(enabled: boolean): void {
  for (const control of document.querySelectorAll<HTMLButtonElement>('[data-needs-store]')) {
    control.disabled = !enabled;
  }
}

function numberIn(name: string, otherwise: number): number {
  const value = Number(address.searchParams.get(name) ?? otherwise);
  return Number.isFinite(value) && value > 0 ? value : otherwise;
}

function showBlocked(title: string, text: string): void {
  byId('blocked', HTMLElement).hidden = false;
  setText(byId('blocked-title', HTMLElement), title);
  setText(byId('blocked-text', HTMLElement), text);
  setText(byId('recovery', HTMLElement), '');
}

/** What can be done when the store is not open: try again, accept a loss, or go to another store. */
function connectWaysOut(): void {
  byId('retry', HTMLButtonElement).addEventListener('click', () => {
    address.searchParams.delete('wait');
    if (address.href === location.href) location.reload();
    else location.assign(address);
  });
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
mountBench(byId('bench', HTMLElement));
enableControls(false);
if (!(await reloadsForWish())) {
  try {
    await new DemoPage().start();
  } catch (error) {
    showBlocked('The store did not open', errorText(error));
    byId('board', HTMLElement).hidden = true;
    byId('accept-loss', HTMLElement).hidden = codeOf(error) !== 'EVICTED';
    const code = codeOf(error);
    if (code !== undefined)
      tellFirstTab({ store: storeName, code, ms: performance.now() - openedMs });
  }
}
