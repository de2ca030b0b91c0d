/** Bytes that the page has flipped and not flipped back, remembered beyond a reload; and how one is flipped. */
import type { BlockByte } from '../src/testing.ts';
import type { FlipAnswer, FlipRequest } from './flip-worker.ts';
import { OWN_WORKER_PREFIX } from './worker-watch.ts';

export class Flips {
  readonly #key: string;
  readonly #store: string;

  constructor(store: string) {
    this.#store = store;
    this.#key = `opfs-blocks demo: flipped in ${store}`;
  }

  get all(): readonly BlockByte[] {
    return JSON.parse(localStorage.getItem(this.#key) ?? '[]');
  }

  /** Inverts a byte of the closed store's file; done again, it is as before. Returns where that was. */
  async flip(place: BlockByte): Promise<string> {
    const { where, failure } = await ask({ store: this.#store, place });
    if (where === undefined) throw new Error(failure ?? 'The byte was not flipped.');
    const others = this.all.filter(
      ({ address, byte }) => address !== place.address || byte !== place.byte,
    );
    const wasFlipped = others.length < this.all.length;
    localStorage.setItem(this.#key, JSON.stringify(wasFlipped ? others : [...others, place]));
    return where;
  }

  /** The store is gone, and its damage with it. */
  forget(): void {
    localStorage.removeItem(this.#key);
  }
}

function ask(request: FlipRequest): Promise<FlipAnswer> {
  const worker = new Worker(new URL('./flip-worker.ts', import.meta.url), {
    type: 'module',
    name: `${OWN_WORKER_PREFIX}flip`,
  });
  return new Promise((resolve, reject) => {
    worker.onmessage = (event: MessageEvent<FlipAnswer>) => {
      worker.terminate();
      resolve(event.data);
    };
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage(request);
  });
}
