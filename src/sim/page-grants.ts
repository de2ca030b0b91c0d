/** A page's half of granted blocks, without the page: it makes the pointers of its next blocks by itself. */
import type { BlockAddress } from '../base/brand.ts';
import type { Pointer } from '../format/pointer.ts';
import { type Grant, Grants } from '../store/grants.ts';
import type { MemoryStore } from './memory-store.ts';

export class PageGrants {
  readonly grants: Grants;
  /** What is granted and not used, in the order in which it was. */
  readonly left: Pick<Grant, 'address' | 'generation'>[] = [];
  private round = 0;
  private readonly store: MemoryStore;

  constructor(store: MemoryStore) {
    this.store = store;
    this.grants = new Grants(store.engine, (grant) => this.hear(grant));
  }

  private hear({ round, address, count, generation }: Grant): void {
    if (round !== this.round) return;
    const { blockBytes } = this.store.engine;
    for (let n = 0; n < count; n += 1) {
      this.left.push({ address: (address + n * blockBytes) as BlockAddress, generation });
    }
  }

  want(): void {
    this.grants.want(this.round);
  }

  /** Pointers for `blocks`, each of a whole block's bytes, of which the page has enough left. */
  use(blocks: readonly Uint8Array[]): Pointer[] {
    const { blockHasher } = this.store.opened;
    const pointers = this.left.splice(0, blocks.length).map(({ address, generation }, n) => {
      blockHasher.hashBlock(address, generation, blocks[n] as Uint8Array);
      return { address, generation, hashHigh: blockHasher.high, hashLow: blockHasher.low };
    });
    this.grants.use(pointers);
    return pointers;
  }

  giveBack(): void {
    this.left.length = 0;
    this.round += 1;
    this.grants.giveBack();
  }
}
