/**
 * Sixteen blocks that hang on the root 'top' by two levels of pointer blocks: what the tests of the engine keep.
 * Opening verifies roots and recent blocks, so only what hangs deeper shows whether a fence held and a free was
 * deferred.
 *
 * Keys 0 … 15, values 1 … 255: a byte that fills the key's block.
 */
import { assert } from '../base/assert.ts';
import { POINTER_BYTES, type Pointer, readPointer, writePointer } from '../format/pointer.ts';
import type { Transaction } from '../store/transaction.ts';

export const TOP = 'top';
export const KEYS = 16;
const FANOUT = 4;

export type Read = (pointer: Pointer) => Uint8Array;
export type Content = ReadonlyMap<number, number>;

type Children = (Pointer | undefined)[];

function childrenOf(node: Pointer | undefined, read: Read): Children {
  const children: Children = new Array(FANOUT).fill(undefined);
  if (node === undefined) return children;
  const bytes = read(node);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let n = 0; n < FANOUT; n += 1) {
    if (bytes[n] !== 1) continue;
    const pointer = readPointer(view, FANOUT + n * POINTER_BYTES);
    assert(pointer.ok, 'a verified node holds pointers');
    children[n] = pointer.value;
  }
  return children;
}

function encode(children: Children): Uint8Array {
  const bytes = new Uint8Array(FANOUT * (1 + POINTER_BYTES));
  for (const [n, child] of children.entries()) {
    if (child === undefined) continue;
    bytes[n] = 1;
    writePointer(new DataView(bytes.buffer), FANOUT + n * POINTER_BYTES, child);
  }
  return bytes;
}

/** A new block with `bytes` in place of `old`. */
function put(transaction: Transaction, old: Pointer | undefined, bytes: Uint8Array): Pointer {
  if (old !== undefined) return transaction.replace(old, bytes);
  const [pointer] = transaction.write([bytes]);
  assert(pointer !== undefined, 'writing one block gives one pointer');
  return pointer;
}

/** Sets a key, or takes it away, with new nodes on the way to it. */
export function putKey(
  transaction: Transaction,
  read: Read,
  key: number,
  value: number | undefined,
  blockBytes = 512,
): void {
  assert(key >= 0 && key < KEYS, 'there are sixteen keys');
  const top = transaction.root(TOP);
  const middles = childrenOf(top, read);
  const middleAt = Math.floor(key / FANOUT);
  const leaves = childrenOf(middles[middleAt], read);
  const leaf = leaves[key % FANOUT];
  if (value !== undefined) {
    leaves[key % FANOUT] = put(transaction, leaf, new Uint8Array(blockBytes).fill(value));
  } else if (leaf !== undefined) {
    transaction.free(leaf);
    leaves[key % FANOUT] = undefined;
  }
  middles[middleAt] = put(transaction, middles[middleAt], encode(leaves));
  transaction.setRoot(TOP, put(transaction, top, encode(middles)));
}

/** All that hangs on the root: the keys, and every pointer on the way. Throws what `read` throws. */
export function walk(
  roots: ReadonlyMap<string, Pointer>,
  read: Read,
): { content: Content; reachable: Pointer[] } {
  const content = new Map<number, number>();
  const top = roots.get(TOP);
  const reachable: Pointer[] = top === undefined ? [] : [top];
  for (const [m, middle] of childrenOf(top, read).entries()) {
    if (middle === undefined) continue;
    reachable.push(middle);
    for (const [l, leaf] of childrenOf(middle, read).entries()) {
      if (leaf === undefined) continue;
      reachable.push(leaf);
      const bytes = read(leaf);
      const value = bytes[0] as number;
      for (const byte of bytes) assert(byte === value, 'a leaf is of one byte');
      content.set(m * FANOUT + l, value);
    }
  }
  return { content, reachable };
}

export function contentText(content: Content): string {
  const entries = [...content].sort(([one], [other]) => one - other);
  return entries.map(([key, value]) => `${key}=${value}`).join(' ');
}
