/**
 * What is known of one block beside its state: its generation and hash, and whether it lies in the shared cache. Out of
 * the cache, where it is there; else out of the pointer that leads to it, where the page has that pointer.
 */
import type { BlockPointer } from '../src/index.ts';
import { cachedPointer } from '../src/testing.ts';
import type { FileEntry } from './files.ts';
import type { Session, StoreHost } from './host.ts';
import { countText, hashText } from './text.ts';
import { COMMITS_ROOT } from './workloads.ts';

export class BlockFacts {
  readonly #host: StoreHost;
  /** Of files that were looked through already. */
  readonly #pointers = new Map<number, ReadonlyMap<number, BlockPointer>>();

  constructor(host: StoreHost) {
    this.#host = host;
    host.onOpen(() => this.#pointers.clear());
  }

  /** In words; empty when it is not in the cache and the page has no pointer to it. */
  async describe(address: number): Promise<string> {
    const { session } = this.#host;
    if (session === undefined) return '';
    const cached = cachedPointer(session.store, address);
    if (cached !== undefined) return `${identityText(cached)} · in the cache`;
    const pointer = await this.#find(session, address);
    if (pointer === undefined) return '';
    const isInline = session.store.profile === 'inline';
    return `${identityText(pointer)}${isInline ? '' : ' · not in the cache'}`;
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

function identityText({ generation, hash }: BlockPointer): string {
  return `generation ${countText(generation)} · hash ${hashText(hash)}`;
}
