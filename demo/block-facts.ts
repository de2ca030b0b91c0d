/**
 * What is known of one block beside its state: the generation and hash in the pointer that leads to it, as far as the
 * page has that pointer, and whether the block lies in the shared cache.
 */
import type { BlockPointer } from '../src/index.ts';
import type { FileEntry } from './files.ts';
import type { Session, StoreHost } from './host.ts';
import { countText, hashText } from './text.ts';

const COMMITS_ROOT = 'commits';

export class BlockFacts {
  readonly #host: StoreHost;
  /** Of files that were looked through already. */
  readonly #pointers = new Map<number, ReadonlyMap<number, BlockPointer>>();

  constructor(host: StoreHost) {
    this.#host = host;
    host.onOpen(() => this.#pointers.clear());
  }

  /** In words; empty when the page has no pointer to it. */
  async describe(address: number): Promise<string> {
    const { session } = this.#host;
    if (session === undefined) return '';
    const pointer = await this.#find(session, address);
    if (pointer === undefined) return '';
    const identity = `generation ${countText(pointer.generation)} · hash ${hashText(pointer.hash)}`;
    return `${identity}${cachedText(session, pointer)}`;
  }

  async #find(session: Session, address: number): Promise<BlockPointer | undefined> {
    const { field, files, store } = session;
    const own = field.pointerAt(address) ?? store.root(COMMITS_ROOT);
    if (own?.address === address) return own;
    for (const entry of await files.list()) {
      const found = (await this.#pointersOf(session, entry)).get(address);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async #pointersOf(
    { files }: Session,
    entry: FileEntry,
  ): Promise<ReadonlyMap<number, BlockPointer>> {
    const known = this.#pointers.get(entry.id);
    if (known !== undefined) return known;
    const pointers = new Map<number, BlockPointer>();
    for await (const pointer of files.blocksOf(entry)) pointers.set(pointer.address, pointer);
    this.#pointers.set(entry.id, pointers);
    return pointers;
  }
}

function cachedText({ store }: Session, pointer: BlockPointer): string {
  if (store.profile === 'inline') return '';
  const block = store.readCached(pointer, new Uint8Array(store.blockSize));
  return block === undefined ? ' · not in the cache' : ' · in the cache';
}
