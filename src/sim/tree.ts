/**
 * A small tree of pointer blocks on a store, three levels deep under the root 'tree': what crash tests keep. It must
 * be that deep, because opening verifies the roots and the newest blocks: only what hangs below shows whether a fence
 * held.
 *
 * Keys 0 … 63, values a byte that fills a block. A changed leaf means a new leaf, a new middle and a new top. Keys
 * from 64 on are single blocks under roots of their own.
 */
import { fail } from '../base/assert.ts';
import { POINTER_BYTES, type Pointer, readPointer, writePointer } from '../format/pointer.ts';
import type { Transaction } from '../store/transaction.ts';

export const TREE_ROOT = 'tree';
export const TREE_FANOUT = 8;
export const TREE_KEYS = TREE_FANOUT * TREE_FANOUT;

export type Read = (pointer: Pointer) => Uint8Array;
/** Keys that are there, and what fills their blocks. */
export type TreeContent = ReadonlyMap<number, number>;

type Children = (Pointer | undefined)[];

function decodeChildren(bytes: Uint8Array): Children {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const children = noChildren();
  for (let n = 0; n < TREE_FANOUT; n += 1) {
    if (bytes[n] === 0) continue;
    const pointer = readPointer(view, TREE_FANOUT + n * POINTER_BYTES);
    if (!pointer.ok) throw new NotATree('a node holds pointers');
    children[n] = pointer.value;
  }
  return children;
}

function encodeChildren(children: Children): Uint8Array {
  const bytes = new Uint8Array(TREE_FANOUT * (1 + POINTER_BYTES));
  const view = new DataView(bytes.buffer);
  for (const [n, child] of children.entries()) {
    if (child === undefined) continue;
    bytes[n] = 1;
    writePointer(view, TREE_FANOUT + n * POINTER_BYTES, child);
  }
  return bytes;
}

/** A verified block is no block of a tree. Only a forged store has such. */
export class NotATree extends Error {}

const noChildren = (): Children => new Array(TREE_FANOUT).fill(undefined);

/** The name of the root that a key from 64 on has to itself. */
const rootOf = (key: number): string => `key-${key}`;

/** Sets a key, or takes it away (`undefined`), rewriting the path to it. */
export function putKey(
  transaction: Transaction,
  read: Read,
  key: number,
  value: number | undefined,
  blockBytes: number,
): void {
  if (key >= TREE_KEYS) {
    const old = transaction.root(rootOf(key));
    transaction.setRoot(rootOf(key), putLeaf(transaction, old, value, blockBytes));
    return;
  }
  const top = transaction.root(TREE_ROOT);
  const middles = top === undefined ? noChildren() : decodeChildren(read(top));
  const middleAt = Math.floor(key / TREE_FANOUT);
  const middle = middles[middleAt];
  const leaves = middle === undefined ? noChildren() : decodeChildren(read(middle));
  const leaf = leaves[key % TREE_FANOUT];
  if (leaf === undefined && value === undefined) return;
  leaves[key % TREE_FANOUT] = putLeaf(transaction, leaf, value, blockBytes);
  middles[middleAt] = rewrite(transaction, middle, leaves);
  transaction.setRoot(TREE_ROOT, rewrite(transaction, undefined, middles));
  if (top !== undefined) transaction.free(top);
}

function putLeaf(
  transaction: Transaction,
  leaf: Pointer | undefined,
  value: number | undefined,
  blockBytes: number,
): Pointer | undefined {
  if (value === undefined) {
    if (leaf !== undefined) transaction.free(leaf);
    return undefined;
  }
  const bytes = new Uint8Array(blockBytes).fill(value);
  return leaf === undefined ? transaction.write([bytes])[0] : transaction.replace(leaf, bytes);
}

/** Inner nodes are metadata, so that both kinds of blocks meet every crash. */
function rewrite(
  transaction: Transaction,
  old: Pointer | undefined,
  children: Children,
): Pointer | undefined {
  if (old !== undefined) transaction.free(old);
  if (children.every((child) => child === undefined)) return undefined;
  return transaction.write([encodeChildren(children)], 'metadata')[0];
}

export interface WalkedTree {
  readonly content: TreeContent;
  readonly reachable: readonly Pointer[];
}

/** Everything that hangs on the roots, read and verified. Throws what `read` throws. */
export function walkRoots(roots: ReadonlyMap<string, Pointer>, read: Read): WalkedTree {
  const content = new Map<number, number>();
  const reachable: Pointer[] = [];
  const take = (pointer: Pointer): Uint8Array => {
    reachable.push(pointer);
    return read(pointer);
  };
  for (const [name, root] of roots) {
    if (name !== TREE_ROOT) {
      content.set(Number(name.slice('key-'.length)), leafValue(take(root)));
      continue;
    }
    for (const [m, middle] of decodeChildren(take(root)).entries()) {
      if (middle === undefined) continue;
      for (const [l, leaf] of decodeChildren(take(middle)).entries()) {
        if (leaf !== undefined) content.set(m * TREE_FANOUT + l, leafValue(take(leaf)));
      }
    }
  }
  return { content, reachable };
}

function leafValue(leaf: Uint8Array): number {
  const value = leaf[0] as number;
  let same = true;
  for (let at = 0; at < leaf.length; at += 1) same &&= leaf[at] === value;
  if (!same) throw new NotATree('a leaf is of one byte');
  return value;
}

export function expectContent(actual: TreeContent, expected: TreeContent): void {
  let same = actual.size === expected.size;
  for (const [key, value] of expected) same &&= actual.get(key) === value;
  if (!same)
    fail(`the content is [${contentText(actual)}], the model’s [${contentText(expected)}]`);
}

function contentText(content: TreeContent): string {
  return [...content]
    .sort(([one], [other]) => one - other)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}
