/** The cache: how often it answers, what it lets go, and what a read costs with and without it. */
import type { StoreStats } from '../src/index.ts';
import { byId, setText, within } from './dom.ts';
import type { Session, StoreHost } from './host.ts';
import { measureReads, type ReadPrices } from './read-price.ts';
import { History, type Sample } from './sampler.ts';
import { binaryText, countOf, countText, errorText, percentText, shortTimeText } from './text.ts';

/** The rate is over so many samples: five seconds. */
const RECENT_SAMPLES = 20;
const POINTERS = 32;
/** The bars go from a tenth of a microsecond to ten milliseconds. */
const SHORTEST_MS = 0.0001;
const LONGEST_MS = 10;
const NEEDS_MEMORY = 'needs shared memory';

export class CachePanel {
  readonly #host: StoreHost;
  /** Hits, misses, evictions. */
  readonly #history = new History(3);
  readonly #button = byId('measure', HTMLButtonElement);
  readonly #note = byId('price-note', HTMLElement);

  constructor(host: StoreHost) {
    this.#host = host;
    this.#button.addEventListener('click', () => void this.#measure());
    host.onOpen(({ store }) => {
      const cached = within(document, '[data-price="cached"] output', HTMLElement);
      setText(cached, store.profile === 'inline' ? NEEDS_MEMORY : '–');
    });
  }

  take({ hits, misses, evictions }: Sample): void {
    this.#history.push(hits, misses, evictions);
  }

  show({ store }: Session, { cache }: StoreStats): void {
    const hits = this.#history.recent(0, RECENT_SAMPLES);
    const misses = this.#history.recent(1, RECENT_SAMPLES);
    const asked = hits + misses;
    setText(byId('hit-rate', HTMLElement), asked === 0 ? '–' : percentText(hits / asked));
    setText(byId('evictions', HTMLElement), countText(Math.round(this.#history.last(2))));
    const bar = byId('cache-bar', HTMLElement);
    within(bar, '.fill', HTMLElement).style.transform = `scaleX(${cache.used / cache.slots})`;
    within(bar, '.unsaved', HTMLElement).style.transform = `scaleX(${cache.dirty / cache.slots})`;
    const memory = binaryText(cache.slots * store.blockSize);
    const text =
      `${countText(cache.used)} of ${countOf(cache.slots, 'slot')} (${memory}) in use, ` +
      `${countText(cache.dirty)} not on the disk yet.`;
    setText(byId('cache-readout', HTMLElement), text);
    bar.setAttribute('aria-label', text);
  }

  async #measure(): Promise<void> {
    const session = this.#host.open;
    this.#button.disabled = true;
    setText(this.#note, 'Measuring …');
    try {
      const prices = await priceOf(session);
      showPrices(prices, session.store.profile === 'inline');
      const ratio = prices.indexedDbMs / (prices.cachedMs ?? prices.readMs);
      const size = binaryText(session.store.blockSize);
      setText(
        this.#note,
        `Blocks of ${size}. IndexedDB takes ${countText(Math.round(ratio))} times the shortest.`,
      );
    } catch (error) {
      setText(this.#note, errorText(error));
    } finally {
      this.#button.disabled = this.#host.session === undefined;
    }
  }
}

async function priceOf({ store, field, turns }: Session): Promise<ReadPrices> {
  if (field.blockCount < POINTERS) {
    const make = (count: number) =>
      Array.from({ length: count }, (_, n) => new Uint8Array(store.blockSize).fill(n));
    await turns.change(() => field.append(POINTERS, make));
  }
  // What is being read must not be replaced meanwhile: a workload waits for its turn.
  return turns.alone(() => measureReads(store, field.sample(POINTERS)));
}

function showPrices({ cachedMs, readMs, indexedDbMs }: ReadPrices, isInline: boolean): void {
  const show = (name: string, ms: number | undefined): void => {
    const line = within(document, `[data-price="${name}"]`, HTMLElement);
    const share = ms === undefined ? 0 : shareOf(ms);
    within(line, '.meter', HTMLElement).style.transform = `scaleX(${share})`;
    const text = ms === undefined ? (isInline ? NEEDS_MEMORY : '–') : shortTimeText(ms);
    setText(within(line, 'output', HTMLElement), text);
  };
  show('cached', cachedMs);
  show('read', readMs);
  show('indexeddb', indexedDbMs);
}

function shareOf(ms: number): number {
  const share = Math.log(ms / SHORTEST_MS) / Math.log(LONGEST_MS / SHORTEST_MS);
  return Math.min(1, Math.max(0.01, share));
}
