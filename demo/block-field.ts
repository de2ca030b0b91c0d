/**
 * The blocks that the workloads write, replace and delete: a tree of three levels, grown for being changed at random.
 * It is an example, too, of an index that is copied on write:
 *
 *     root `field-0` ──▶ top ──▶ leaf ──▶ data block            up to 16 tops, each under a root of its own
 *                         │ │     │ │
 *                         ▼ ▼     ▼ ▼
 *
 * Tops and leaves are blocks full of pointers of 24 bytes; 24 zero bytes are an empty place. A change writes the data,
 * then the leaves that point to it, then the tops, then moves the roots: all in one transaction, so a crash leaves the
 * tree before it or the tree after it.
 *
 * Memory holds the leaves' bytes, nothing else. It is ahead of the store from the end of a transaction's callback to
 * the transaction's own end; if that one fails, memory goes back. Should it differ all the same, the next transaction
 * sees that by the root, which is not the one it expects, and reads the tree anew.
 */
import {
  type BlockPointer,
  decodePointer,
  encodePointer,
  type Store,
  type Transaction,
} from '../src/index.ts';
import { Ballast } from './ballast.ts';
import { RandomSource } from './random.ts';

const POINTER_BYTES = 24;
const GENERATION_OFFSET = 16;
const TOPS_MAX = 16;
/** Blocks in one message, so that no message takes long to put together: 1 MiB of blocks of 16 KiB. */
const BLOCKS_PER_MESSAGE = 64;
/** A random change touches few leaves: each of them is one block more to write. */
const LEAVES_PER_CHANGE = 4;

/** The part of a `Store` that the field needs. */
export type FieldStore = Pick<Store, 'blockSize' | 'root' | 'reader' | 'readMany' | 'transaction'>;

/** Makes the content of `count` blocks. It may use the same memory again: the store copies before it goes on. */
export type BlockMaker = (count: number) => Uint8Array[];

export interface ChangeOptions {
  readonly signal?: AbortSignal | undefined;
  /** Hears that everything is written and the commit is about to begin. */
  readonly onEnding?: (() => void) | undefined;
}

interface Leaf {
  /** `undefined`: not in the store yet. */
  pointer: BlockPointer | undefined;
  readonly bytes: Uint8Array;
  used: number;
}

interface Top {
  pointer: BlockPointer | undefined;
  leaves: Leaf[];
}

/** A transaction of ours, from its start to its end. */
interface Change {
  /** It was given up. Its callback may go on for a while, and must not touch anything any more. */
  over: boolean;
  /** Takes memory back to before it. */
  undo: () => void;
}

/** A change on its way: the leaves as they will be. */
interface Draft {
  readonly change: Change;
  readonly top: Top;
  readonly leaves: Map<number, Leaf>;
}

export class BlockField {
  /** Blocks that are known to be damaged: nobody can free them, so they are left alone. */
  readonly avoided = new Set<number>();
  readonly #store: FieldStore;
  readonly #fanOut: number;
  readonly #random: RandomSource;
  readonly #ballast: Ballast;
  #tops: Top[] = [];

  constructor(store: FieldStore, random = new RandomSource(1)) {
    this.#store = store;
    this.#fanOut = Math.floor(store.blockSize / POINTER_BYTES);
    this.#random = random;
    this.#ballast = new Ballast(store);
  }

  /** Data blocks, without the tree's own. */
  get blockCount(): number {
    return this.#leaves().reduce((count, { used }) => count + used, 0);
  }

  /** Reads the tree. Call it once after opening. */
  async load(): Promise<void> {
    using reader = this.#store.reader();
    const tops: Top[] = [];
    for (let n = 0; n < TOPS_MAX; n += 1) {
      const root = reader.root(rootName(n));
      if (root === undefined) break;
      tops.push(await this.#readTop(root, (pointers) => reader.readMany(pointers)));
    }
    this.#tops = tops;
  }

  /** Appends blocks in the first places that are empty. Returns how many, 0 when the tree is full. */
  async append(count: number, make: BlockMaker, options: ChangeOptions = {}): Promise<number> {
    await this.#ballast.keep();
    return this.#change(options, async (tx, change) => {
      const draft = this.#draftWithRoom(change);
      if (draft === undefined) return 0;
      const places = this.#emptyPlaces(draft, count);
      const pointers = await writeInParts(tx, places.length, make);
      places.forEach(({ leaf, slot }, n) => {
        encodePointer(pointers[n] as BlockPointer, leaf.bytes, slot * POINTER_BYTES);
        leaf.used += 1;
      });
      await this.#commit(tx, draft);
      return places.length;
    });
  }

  /** Writes new content for blocks chosen at random. Returns how many, 0 when there are none. */
  replace(count: number, make: BlockMaker, options: ChangeOptions = {}): Promise<number> {
    return this.#change(options, async (tx, change) => {
      const draft = this.#draftAtRandom(change);
      if (draft === undefined) return 0;
      const places = this.#usedPlaces(draft, count);
      const pointers = await writeInParts(tx, places.length, make);
      places.forEach(({ leaf, slot, pointer }, n) => {
        void tx.free(pointer);
        encodePointer(pointers[n] as BlockPointer, leaf.bytes, slot * POINTER_BYTES);
      });
      await this.#commit(tx, draft);
      return places.length;
    });
  }

  /** Frees blocks chosen at random, in a full store too. Returns how many, 0 when there are none. */
  delete(count: number, options: ChangeOptions = {}): Promise<number> {
    return this.#ballast.spend(() => this.#delete(count, options));
  }

  #delete(count: number, options: ChangeOptions): Promise<number> {
    return this.#change(options, async (tx, change) => {
      const draft = this.#draftAtRandom(change);
      if (draft === undefined) return 0;
      const places = this.#usedPlaces(draft, count);
      for (const { leaf, slot, pointer } of places) {
        void tx.free(pointer);
        leaf.bytes.fill(0, slot * POINTER_BYTES, (slot + 1) * POINTER_BYTES);
        leaf.used -= 1;
      }
      await this.#commit(tx, draft);
      return places.length;
    });
  }

  /** Every block of the tree, for `check`. */
  async *reachable(): AsyncGenerator<BlockPointer> {
    using reader = this.#store.reader();
    for (let n = 0; n < TOPS_MAX; n += 1) {
      const root = reader.root(rootName(n));
      if (root === undefined) return;
      yield root;
      for (const leaf of pointersIn(await reader.read(root))) {
        yield leaf;
        yield* pointersIn(await reader.read(leaf));
      }
    }
  }

  /** The pointer to the data block at an address, as far as memory knows. */
  pointerAt(address: number): BlockPointer | undefined {
    for (const { bytes } of this.#leaves()) {
      const view = viewOf(bytes);
      const [low, high] = [address >>> 0, Math.floor(address / 2 ** 32)];
      for (let at = 0; at + POINTER_BYTES <= bytes.length; at += POINTER_BYTES) {
        const isThere = view.getUint32(at, true) === low && view.getUint32(at + 4, true) === high;
        if (isThere && !isEmpty(view, at)) return decodePointer(bytes, at);
      }
    }
    return undefined;
  }

  /** Up to `count` data blocks chosen at random, each once. */
  sample(count: number): BlockPointer[] {
    const found = new Map<number, BlockPointer>();
    const leaves = this.#leaves().filter(({ used }) => used > 0);
    for (let tries = 0; tries < 8 * count && found.size < count && leaves.length > 0; tries += 1) {
      const { bytes } = leaves[this.#random.below(leaves.length)] as Leaf;
      const at = this.#random.below(this.#fanOut) * POINTER_BYTES;
      if (isEmpty(viewOf(bytes), at)) continue;
      const pointer = decodePointer(bytes, at);
      if (!this.avoided.has(pointer.address)) found.set(pointer.address, pointer);
    }
    return [...found.values()];
  }

  #leaves(): Leaf[] {
    return this.#tops.flatMap(({ leaves }) => leaves);
  }

  async #readTop(
    pointer: BlockPointer,
    read: (pointers: readonly BlockPointer[]) => Promise<readonly Uint8Array[]>,
  ): Promise<Top> {
    const [bytes] = await read([pointer]);
    const leafPointers = pointersIn(bytes as Uint8Array);
    const leaves: Leaf[] = [];
    for (let n = 0; n < leafPointers.length; n += BLOCKS_PER_MESSAGE) {
      const part = leafPointers.slice(n, n + BLOCKS_PER_MESSAGE);
      (await read(part)).forEach((block, m) => {
        leaves.push({ pointer: part[m], bytes: block, used: countUsed(block) });
      });
    }
    return { pointer, leaves };
  }

  /** Memory is brought up to date where it is not what the transaction sees. */
  async #refresh(tx: Transaction, change: Change): Promise<void> {
    for (let n = 0; n < TOPS_MAX; n += 1) {
      const root = tx.root(rootName(n));
      if (samePointer(root, this.#tops[n]?.pointer)) {
        if (root === undefined) return;
        continue;
      }
      if (root === undefined) {
        this.#tops.length = n;
        return;
      }
      const top = await this.#readTop(root, (pointers) => tx.readMany(pointers));
      assertUnderWay(change);
      this.#tops[n] = top;
    }
  }

  async #change(
    { signal, onEnding }: ChangeOptions,
    work: (tx: Transaction, change: Change) => Promise<number>,
  ): Promise<number> {
    const change: Change = { over: false, undo: () => {} };
    const callback = async (tx: Transaction): Promise<number> => {
      await this.#refresh(tx, change);
      const count = await work(tx, change);
      onEnding?.();
      return count;
    };
    try {
      return await this.#store.transaction(callback, signal === undefined ? {} : { signal });
    } catch (error) {
      change.over = true;
      change.undo();
      throw error;
    }
  }

  /** The first top with room for a block more, and a leaf in it that has some. */
  #draftWithRoom(change: Change): Draft | undefined {
    for (let n = 0; n < TOPS_MAX; n += 1) {
      const top = this.#tops[n] ?? { pointer: undefined, leaves: [] };
      const first = top.leaves.findIndex(({ used }) => used < this.#fanOut);
      if (first < 0 && top.leaves.length >= this.#fanOut) continue;
      this.#tops[n] = top;
      return { change, top, leaves: new Map() };
    }
    return undefined;
  }

  #draftAtRandom(change: Change): Draft | undefined {
    const filled = this.#tops.filter(({ leaves }) => leaves.some(({ used }) => used > 0));
    const top = filled[this.#random.below(filled.length)];
    return top === undefined ? undefined : { change, top, leaves: new Map() };
  }

  /** The leaf as it will be: a copy, so that rolling back is forgetting. */
  #drafted({ top, leaves }: Draft, index: number): Leaf {
    let leaf = leaves.get(index);
    if (leaf === undefined) {
      const old = top.leaves[index];
      const bytes = old?.bytes.slice() ?? new Uint8Array(this.#store.blockSize);
      leaf = { pointer: old?.pointer, bytes, used: old?.used ?? 0 };
      leaves.set(index, leaf);
    }
    return leaf;
  }

  #emptyPlaces(draft: Draft, count: number): { leaf: Leaf; slot: number }[] {
    const places: { leaf: Leaf; slot: number }[] = [];
    const { leaves } = draft.top;
    for (let index = 0; index < this.#fanOut && places.length < count; index += 1) {
      if ((leaves[index]?.used ?? 0) >= this.#fanOut) continue;
      const leaf = this.#drafted(draft, index);
      const view = viewOf(leaf.bytes);
      for (let slot = 0; slot < this.#fanOut && places.length < count; slot += 1) {
        if (isEmpty(view, slot * POINTER_BYTES)) places.push({ leaf, slot });
      }
    }
    return places;
  }

  #usedPlaces(draft: Draft, count: number) {
    const places: { leaf: Leaf; slot: number; pointer: BlockPointer }[] = [];
    const filled = [...draft.top.leaves.keys()].filter(
      (index) => (draft.top.leaves[index] as Leaf).used > 0,
    );
    const perLeaf = Math.ceil(count / LEAVES_PER_CHANGE);
    for (const index of this.#random.some(filled, LEAVES_PER_CHANGE)) {
      const { bytes, used } = draft.top.leaves[index] as Leaf;
      const slots: number[] = [];
      for (let slot = 0; slot < this.#fanOut && slots.length < used; slot += 1) {
        if (!isEmpty(viewOf(bytes), slot * POINTER_BYTES)) slots.push(slot);
      }
      const room = Math.min(perLeaf, count - places.length);
      for (const slot of this.#random.some(slots, room)) {
        const pointer = decodePointer(bytes, slot * POINTER_BYTES);
        if (this.avoided.has(pointer.address)) continue;
        places.push({ leaf: this.#drafted(draft, index), slot, pointer });
      }
    }
    return places;
  }

  /** Writes the drafted leaves and their top, frees the old ones, moves the root; then memory is the draft. */
  async #commit(tx: Transaction, { change, top, leaves }: Draft): Promise<void> {
    if (leaves.size === 0) return;
    const drafted = [...leaves].sort(([one], [other]) => one - other);
    const pointers = await tx.writeMany(drafted.map(([, leaf]) => leaf.bytes));
    const changed = [...top.leaves];
    drafted.forEach(([index, leaf], n) => {
      if (leaf.pointer !== undefined) void tx.free(leaf.pointer);
      changed[index] = { ...leaf, pointer: pointers[n] };
    });
    const bytes = new Uint8Array(changed.length * POINTER_BYTES);
    changed.forEach((leaf, n) => {
      encodePointer(leaf.pointer as BlockPointer, bytes, n * POINTER_BYTES);
    });
    const pointer = await tx.write(bytes);
    await tx.setRoot(rootName(this.#tops.indexOf(top)), pointer);
    if (top.pointer !== undefined) await tx.free(top.pointer);
    assertUnderWay(change);
    const before = { ...top };
    top.leaves = changed;
    top.pointer = pointer;
    change.undo = () => {
      if (top.pointer === pointer) Object.assign(top, before);
    };
  }
}

async function writeInParts(
  tx: Transaction,
  count: number,
  make: BlockMaker,
): Promise<BlockPointer[]> {
  const pointers: BlockPointer[] = [];
  while (pointers.length < count) {
    const part = make(Math.min(BLOCKS_PER_MESSAGE, count - pointers.length));
    pointers.push(...(await tx.writeMany(part)));
  }
  return pointers;
}

function assertUnderWay({ over }: Change): void {
  if (over) throw new Error('The transaction was given up.');
}

function rootName(top: number): string {
  return `field-${top}`;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Generations begin with 1. */
function isEmpty(view: DataView, at: number): boolean {
  const generation = at + GENERATION_OFFSET;
  return view.getUint32(generation, true) === 0 && view.getUint32(generation + 4, true) === 0;
}

function countUsed(bytes: Uint8Array): number {
  const view = viewOf(bytes);
  let used = 0;
  for (let at = 0; at + POINTER_BYTES <= bytes.length; at += POINTER_BYTES) {
    if (!isEmpty(view, at)) used += 1;
  }
  return used;
}

function pointersIn(bytes: Uint8Array): BlockPointer[] {
  const view = viewOf(bytes);
  const pointers: BlockPointer[] = [];
  for (let at = 0; at + POINTER_BYTES <= bytes.length; at += POINTER_BYTES) {
    if (!isEmpty(view, at)) pointers.push(decodePointer(bytes, at));
  }
  return pointers;
}

function samePointer(one: BlockPointer | undefined, other: BlockPointer | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return (
    one.address === other.address && one.hash === other.hash && one.generation === other.generation
  );
}
