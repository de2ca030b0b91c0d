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
  /** Bytes of a block. */
  readonly blockBytes: number;
  /** The named roots, as of the last transaction that has ended. */
  readonly roots: ReadonlyMap<string, Pointer>;
  /**
   * The pointer's block, verified and in the cache; held until `drop`. What is held is not evicted, so hold few blocks
   * and not for long.
   *
   * @throws StoreError NOT_FOUND, CORRUPT, IO
   * @example
   * using laid = await openStore('laid', {
   *   layers: [
   *     {
   *       name: 'peek',
   *       opened(engine) {
   *         const root = engine.roots.get('main');
   *         if (root === undefined) return;
   *         const slot = engine.hold(root);
   *         console.log(engine.bytesOf(slot)[0]);
   *         engine.drop(slot);
   *       },
   *     },
   *   ],
   * });
   */
  hold(pointer: Pointer): SlotIndex;
  /**
   * Lets go of a slot that `hold` gave: once for every `hold`. Its bytes are not to be looked at any more. Never throws
   * for a slot that is held.
   *
   * @example
   * using laid = await openStore('laid', {
   *   layers: [
   *     {
   *       name: 'verify',
   *       opened: (engine) => engine.roots.forEach((root) => engine.drop(engine.hold(root))),
   *     },
   *   ],
   * });
   */
  drop(slot: SlotIndex): void;
  /**
   * The content of a held slot, `blockBytes` bytes of the cache itself: do not write to them, and copy what is to
   * outlive `drop`. Never throws for a slot that is held.
   *
   * @example
   * using laid = await openStore('laid', {
   *   layers: [
   *     {
   *       name: 'copy',
   *       opened(engine) {
   *         for (const root of engine.roots.values()) {
   *           const slot = engine.hold(root);
   *           console.log(engine.bytesOf(slot).slice(0, 24));
   *           engine.drop(slot);
   *         }
   *       },
   *     },
   *   ],
   * });
   */
  bytesOf(slot: SlotIndex): Uint8Array;
}

/** What stands on blocks and runs with the engine: a tree, a map, a volume. Its hooks are synchronous. */
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
  /**
   * `true`: the block stays allocated after this free, because a snapshot still needs it; the layer has noted it. Asked
   * once for a block, when the transaction that frees it ends.
   */
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
