/**
 * The seam for what will stand on blocks: trees, maps, volumes. A layer runs in the engine's own thread, on the
 * engine, not over messages: it holds and drops blocks, writes through transactions, and is asked before every
 * freeze.
 */

import type { SlotIndex } from '../base/brand.ts';
import { StoreError } from '../base/errors.ts';
import type { Pointer } from '../format/pointer.ts';
import type { Transaction } from './transaction.ts';

/** What a layer may do with the engine. */
export interface LayerEngine {
  readonly blockBytes: number;
  readonly roots: ReadonlyMap<string, Pointer>;
  /** The pointer's block, verified and in the cache; held until `drop`. Throws NOT_FOUND, CORRUPT or IO. */
  hold(pointer: Pointer): SlotIndex;
  drop(slot: SlotIndex): void;
  /** The content of a held slot. It is immutable. */
  bytesOf(slot: SlotIndex): Uint8Array;
}

export interface Layer {
  /** Unique among the layers of a worker. */
  readonly name: string;
  /** The store is open; nothing has changed yet. */
  opened?(engine: LayerEngine): void;
  /**
   * Before every freeze, even while a caller’s transaction is open: writes the layer's dirty nodes and sets its
   * roots.
   */
  beforeFreeze?(transaction: Transaction): void;
  /** `true`: the block stays allocated after this free, because a snapshot still needs it; the layer has noted it. */
  keeps?(pointer: Pointer): boolean;
}

/**
 * What a caller hands in as layers; none when left out.
 *
 * @throws StoreError MISUSE
 */
export function checkLayers(layers: readonly Layer[] | undefined): readonly Layer[] {
  if (layers === undefined) return [];
  if (!Array.isArray(layers)) throw new StoreError('MISUSE', 'layers must be an array of layers.');
  const names = new Set<string>();
  for (const layer of layers as readonly Layer[]) {
    const name: unknown = layer?.name;
    if (typeof name !== 'string' || name === '') {
      throw new StoreError('MISUSE', 'Every layer is an object with a name.');
    }
    if (names.has(name)) throw new StoreError('MISUSE', `Two layers are called '${name}'.`);
    names.add(name);
  }
  return [...layers];
}
