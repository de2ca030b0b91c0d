/**
 * Named roots as bytes: in superblocks and in the head of an image. Each is {length of the name, name, pointer},
 * strictly ascending by the bytes of the name, so names are unique and one set of roots has one encoding.
 */
import { assert } from '../base/assert.ts';
import { type Decoded, decoded, flawed } from './decoded.ts';
import {
  arenaOf,
  blockIndexOf,
  type Geometry,
  ROOT_NAME_BYTES_MAX,
  ROOTS_MAX,
  SUPERBLOCK_ROOT_BYTES_MAX,
} from './geometry.ts';
import { viewOf } from './layout.ts';
import { POINTER_BYTES, type Pointer, readPointer, writePointer } from './pointer.ts';
import { compareRootNames, decodeRootName, encodeRootName, rootNameFlaw } from './root-name.ts';

export type Roots = ReadonlyMap<string, Pointer>;

assert(
  1 + ROOT_NAME_BYTES_MAX + POINTER_BYTES === SUPERBLOCK_ROOT_BYTES_MAX,
  'the geometry knows how long a root can be',
);

/** Writes roots from `offset` on, in the order of their names' bytes. Returns the offset behind them. */
export function encodeRoots(roots: Roots, into: Uint8Array, offset: number): number {
  assert(roots.size <= ROOTS_MAX, 'there are at most 64 roots');
  const view = viewOf(into);
  const entries = [...roots].map(([name, pointer]) => {
    assert(rootNameFlaw(name) === undefined, 'a root has a sound name');
    return { name: encodeRootName(name), pointer };
  });
  entries.sort((left, right) => compareRootNames(left.name, right.name));
  let at = offset;
  for (const { name, pointer } of entries) {
    into[at] = name.length;
    into.set(name, at + 1);
    writePointer(view, at + 1 + name.length, pointer);
    at += 1 + name.length + POINTER_BYTES;
  }
  return at;
}

/** Reads `count` roots from `offset` on; `end` is the offset behind them. */
export function decodeRoots(
  bytes: Uint8Array,
  offset: number,
  count: number,
): Decoded<{ readonly roots: Roots; readonly end: number }> {
  if (count > ROOTS_MAX) return flawed('count', offset, `${count} roots`);
  const view = viewOf(bytes);
  const roots = new Map<string, Pointer>();
  let at = offset;
  let before: Uint8Array | undefined;
  for (let root = 0; root < count; root += 1) {
    const nameEnd = at + 1 + (bytes[at] ?? 0);
    if (nameEnd + POINTER_BYTES > bytes.length) return flawed('length', at, `root ${root}`);
    const nameBytes = bytes.subarray(at + 1, nameEnd);
    const name = decodeRootName(nameBytes);
    const flaw = name === undefined ? 'is not UTF-8' : rootNameFlaw(name);
    if (name === undefined || flaw !== undefined) return flawed('name', at, `root ${root} ${flaw}`);
    if (before !== undefined && compareRootNames(before, nameBytes) >= 0) {
      return flawed('order', at, `root ${root}`);
    }
    const pointer = readPointer(view, nameEnd);
    if (!pointer.ok) return pointer;
    roots.set(name, pointer.value);
    before = nameBytes;
    at = nameEnd + POINTER_BYTES;
  }
  return decoded({ roots, end: at });
}

/** What the roots of a state have to agree with. */
export interface RootSurroundings {
  readonly generation: number;
  readonly geometry: Geometry;
  readonly arenas: readonly { readonly grownBlocks: number }[];
}

/** Says which root points to where no block can be, or to one from the future; `undefined` when none does. */
export function rootsFlaw(roots: Roots, around: RootSurroundings): string | undefined {
  for (const [name, { address, generation }] of roots) {
    if (generation < 1 || generation > around.generation) {
      return `root '${name}' was born in generation ${generation}`;
    }
    const arena = around.arenas[arenaOf(address, around.geometry)];
    const block = blockIndexOf(address, around.geometry);
    if (arena === undefined || !Number.isInteger(block) || block >= arena.grownBlocks) {
      return `root '${name}' points to address ${address}`;
    }
  }
  return undefined;
}
