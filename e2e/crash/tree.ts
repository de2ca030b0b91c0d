/**
 * What crash tests in real browsers keep: a tree of pointer blocks, three levels above its leaves, under one root,
 * and the model of it. It must be that deep: opening verifies roots and recent blocks, so only what hangs below
 * shows that a fence held.
 *
 * The top block holds the number of the state, so a recovered store says which state it claims to be, and the model,
 * a function of seed and number, says what must be in it. Runs in pages (over the public API) and in Node (over an
 * engine).
 */
import { type BlockPointer, decodePointer, encodePointer } from '../../src/format/pointer.ts';
import { Random } from '../../src/sim/random.ts';

export const TREE_ROOT = 'tree';
const FANOUT = 4;
/** Levels of pointer blocks above the leaves. */
const DEPTH = 3;
const KEYS = FANOUT ** DEPTH;
const HEADER_BYTES = 8;
const CHILD_BYTES = 1 + 24;
const SECTOR_WORDS = 128;
/** Most transactions change little; some are larger than what one write can carry. */
const LARGE_CHANGES = 30;

/** By key. */
export type Content = ReadonlyMap<number, number>;

/**
 * From state `first` on, the states were made in this cycle. What a crash took away is made again by a later cycle with
 * other values, so that a leftover cannot pass for the real thing.
 */
export interface Segment {
  readonly first: number;
  readonly cycle: number;
}

export interface Change {
  readonly key: number;
  /** `undefined` takes the key away. */
  readonly value: number | undefined;
}

/** What makes state `state` of the one before. */
export function changesOf(seed: number, cycle: number, state: number): Change[] {
  const random = new Random(Math.imul(seed, 0x9e3779b1) ^ Math.imul(cycle, 0x85ebca6b) ^ state);
  const count = random.chance(0.05) ? LARGE_CHANGES : 1 + random.below(4);
  return Array.from({ length: count }, () => ({
    key: random.below(KEYS),
    value: random.chance(0.2) ? undefined : random.next(),
  }));
}

/** The model: what state `state` holds. */
export function contentAfter(seed: number, segments: readonly Segment[], state: number): Content {
  const content = new Map<number, number>();
  for (let made = 1; made <= state; made += 1) {
    const segment = segments.filter(({ first }) => first <= made).at(-1);
    if (segment === undefined) throw new Error(`state ${made} was never asked for`);
    for (const { key, value } of changesOf(seed, segment.cycle, made)) {
      if (value === undefined) content.delete(key);
      else content.set(key, value);
    }
  }
  return content;
}

export function contentText(content: Content): string {
  const sorted = [...content].sort(([one], [other]) => one - other);
  return sorted.map(([key, value]) => `${key}=${value}`).join(' ');
}

/** The part of the public `Transaction` that is needed. */
export interface TreeTransaction {
  root(name: string): BlockPointer | undefined;
  read(pointer: BlockPointer): Promise<Uint8Array>;
  write(bytes: Uint8Array): Promise<BlockPointer>;
  replace(old: BlockPointer, bytes: Uint8Array): Promise<BlockPointer>;
  free(pointer: BlockPointer): Promise<void>;
  setRoot(name: string, pointer: BlockPointer | undefined): Promise<void>;
}

type Children = (BlockPointer | undefined)[];

/** Makes the tree state `state`. Every block on the way to a changed leaf is written anew. */
export async function putState(
  tx: TreeTransaction,
  blockBytes: number,
  state: number,
  changes: readonly Change[],
): Promise<void> {
  const values = new Map(changes.map(({ key, value }) => [key, value]));
  const rewrite = async (
    old: BlockPointer | undefined,
    level: number,
    firstKey: number,
  ): Promise<BlockPointer | undefined> => {
    if (level === DEPTH) return putLeaf(tx, old, blockBytes, firstKey, values.get(firstKey));
    const children = old === undefined ? noChildren() : decodeNode(await tx.read(old)).children;
    const keysEach = FANOUT ** (DEPTH - level - 1);
    for (let n = 0; n < FANOUT; n += 1) {
      const first = firstKey + n * keysEach;
      const touched = [...values.keys()].some((key) => key >= first && key < first + keysEach);
      if (touched) children[n] = await rewrite(children[n], level + 1, first);
    }
    if (old !== undefined) void tx.free(old);
    if (level > 0 && children.every((child) => child === undefined)) return undefined;
    return tx.write(encodeNode(children, state));
  };
  await tx.setRoot(TREE_ROOT, await rewrite(tx.root(TREE_ROOT), 0, 0));
}

async function putLeaf(
  tx: TreeTransaction,
  old: BlockPointer | undefined,
  blockBytes: number,
  key: number,
  value: number | undefined,
): Promise<BlockPointer | undefined> {
  if (value === undefined) {
    if (old !== undefined) void tx.free(old);
    return undefined;
  }
  const bytes = leafBytes(blockBytes, key, value);
  return old === undefined ? tx.write(bytes) : tx.replace(old, bytes);
}

const noChildren = (): Children => new Array(FANOUT).fill(undefined);

function encodeNode(children: Children, state: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + FANOUT * CHILD_BYTES);
  new DataView(bytes.buffer).setUint32(0, state, true);
  for (const [n, child] of children.entries()) {
    if (child === undefined) continue;
    const at = HEADER_BYTES + n * CHILD_BYTES;
    bytes[at] = 1;
    encodePointer(child, bytes, at + 1);
  }
  return bytes;
}

function decodeNode(bytes: Uint8Array): { state: number; children: Children } {
  const children = noChildren();
  for (let n = 0; n < FANOUT; n += 1) {
    const at = HEADER_BYTES + n * CHILD_BYTES;
    if (bytes[at] === 1) children[n] = decodePointer(bytes, at + 1);
  }
  const state = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  return { state, children };
}

/** Every sector says whose it is, and which one. */
function leafBytes(blockBytes: number, key: number, value: number): Uint8Array {
  const words = new Uint32Array(blockBytes / 4);
  for (let n = 0; n < words.length; n += 4) {
    words[n] = key;
    words[n + 1] = value;
    words[n + 2] = Math.floor(n / SECTOR_WORDS);
    words[n + 3] = ~value;
  }
  return new Uint8Array(words.buffer);
}

export interface WalkedState {
  /** 0: nothing was ever put. */
  readonly state: number;
  readonly content: Content;
  readonly reachable: readonly BlockPointer[];
}

/** Reads everything that hangs on the root. Throws when a block is not what its place says, and what `read` throws. */
export async function walkState(
  root: BlockPointer | undefined,
  read: (pointers: readonly BlockPointer[]) => Promise<Uint8Array[]> | Uint8Array[],
): Promise<WalkedState> {
  if (root === undefined) return { state: 0, content: new Map(), reachable: [] };
  const reachable: BlockPointer[] = [];
  const content = new Map<number, number>();
  let state = 0;
  let level = new Map([[0, root]]);
  for (let depth = 0; depth <= DEPTH; depth += 1) {
    const pointers = [...level.values()];
    const blocks = await read(pointers);
    reachable.push(...pointers);
    const next = new Map<number, BlockPointer>();
    for (const [at, position] of [...level.keys()].entries()) {
      const bytes = blocks[at] as Uint8Array;
      if (depth === DEPTH) content.set(position, leafValue(bytes, position));
      else {
        const node = decodeNode(bytes);
        if (depth === 0) state = node.state;
        for (const [n, child] of node.children.entries()) {
          if (child !== undefined) next.set(position * FANOUT + n, child);
        }
      }
    }
    level = next;
  }
  return { state, content, reachable };
}

function leafValue(bytes: Uint8Array, key: number): number {
  const value = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
  const expected = leafBytes(bytes.length, key, value);
  const wrong = expected.findIndex((byte, n) => byte !== bytes[n]);
  if (wrong >= 0) throw new Error(`the leaf of key ${key} is torn at byte ${wrong}`);
  return value;
}
