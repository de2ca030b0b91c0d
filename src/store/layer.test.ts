import { describe, expect, test } from 'vitest';
import { StoreError } from '../base/errors.ts';
import type { Pointer } from '../format/pointer.ts';
import { checkStore } from '../sim/check-store.ts';
import { MemoryStore } from '../sim/memory-store.ts';
import type { Layer, LayerEngine } from './layer.ts';
import type { Transaction } from './transaction.ts';

const block = (fill: number) => new Uint8Array(512).fill(fill);
const coded = (code: string) => expect.objectContaining({ name: 'StoreError', code });

function writeOne(transaction: Transaction, fill: number): Pointer {
  const [pointer] = transaction.write([block(fill)]);
  if (pointer === undefined) throw new Error('no pointer');
  return pointer;
}

/** Keeps one node in memory, and writes it in place of the old one before each freeze, when it has changed. */
class NodeLayer implements Layer {
  readonly name = 'node';
  engine: LayerEngine | undefined;
  freezes = 0;
  dirty: number | undefined;

  opened(engine: LayerEngine): void {
    this.engine = engine;
  }

  beforeFreeze(transaction: Transaction): void {
    this.freezes += 1;
    if (this.dirty === undefined) return;
    const old = transaction.root('node');
    const node = writeOne(transaction, this.dirty);
    if (old !== undefined) transaction.free(old);
    transaction.setRoot('node', node);
    this.dirty = undefined;
  }

  /** What the layer reads of its node, through the cache. */
  value(): number | undefined {
    const pointer = this.engine?.roots.get('node');
    if (this.engine === undefined || pointer === undefined) return undefined;
    const slot = this.engine.hold(pointer);
    const value = this.engine.bytesOf(slot)[0];
    this.engine.drop(slot);
    return value;
  }
}

describe('a layer', () => {
  test('is asked before every freeze, and what it writes is in that very commit', () => {
    const layer = new NodeLayer();
    const store = new MemoryStore({ layers: [layer] });
    store.commit();
    expect(layer.freezes).toBe(1);
    for (let value = 1; value < 8; value += 1) {
      layer.dirty = value;
      store.commit();
      expect(layer.freezes).toBe(1 + value);
      expect(layer.value()).toBe(value);
      const reader = new MemoryStore({ directory: store.directory.clone() });
      expect(reader.engine.durableGeneration).toBe(store.engine.durableGeneration);
      expect(reader.read(reader.engine.roots.get('node') as Pointer)).toEqual(block(value));
      expect(checkStore(reader, []).problems).toEqual([]);
    }
  });

  test('finds its node when the store is opened again', () => {
    const layer = new NodeLayer();
    const store = new MemoryStore({ layers: [layer] });
    layer.dirty = 42;
    store.commit();
    const found = new NodeLayer();
    store.reopen({ layers: [found] });
    expect(found.value()).toBe(42);
  });

  test('freezes while a caller’s transaction is open, which neither sees nor spoils it', () => {
    const layer = new NodeLayer();
    const store = new MemoryStore({ layers: [layer] });
    const transaction = store.engine.begin();
    const own = writeOne(transaction, 1);
    transaction.setRoot('own', own);
    layer.dirty = 9;
    store.commit();
    const reader = new MemoryStore({ directory: store.directory.clone() });
    expect([...reader.engine.roots.keys()]).toEqual(['node']);
    expect(checkStore(reader, []).problems).toEqual([]);
    store.engine.end(transaction);
    store.commit();
    const later = store.reopen();
    expect([...later.engine.roots.keys()].sort()).toEqual(['node', 'own']);
    expect(later.read(own)).toEqual(block(1));
    expect(checkStore(later, []).problems).toEqual([]);
  });

  test('that cannot write its node keeps its commit from beginning, and harms nothing', () => {
    let refuses = true;
    const layer: Layer = {
      name: 'full',
      beforeFreeze(transaction) {
        writeOne(transaction, 3);
        if (refuses) throw new StoreError('FULL', 'no room for the nodes');
      },
    };
    const store = new MemoryStore({ layers: [layer] });
    const pointer = store.transact((tx) => writeOne(tx, 1));
    expect(() => store.engine.beginCommit()).toThrow(coded('FULL'));
    expect(store.engine.health).toBe('ok');
    expect(store.engine.committing).toBe(false);
    refuses = false;
    store.commit();
    expect(store.reopen({ layers: [] }).read(pointer)).toEqual(block(1));
  });

  test('may keep a freed block: it stays in use, now and after opening again', () => {
    const kept: Pointer[] = [];
    const layer: Layer = {
      name: 'snapshot',
      keeps(pointer) {
        if (pointer.generation > 2) return false;
        kept.push(pointer);
        return true;
      },
    };
    const store = new MemoryStore({ layers: [layer] });
    const old = store.transact((tx) => writeOne(tx, 1));
    store.commit();
    const young = store.transact((tx) => writeOne(tx, 2));
    store.commit();
    store.transact((tx) => {
      tx.free(old);
      tx.free(young);
    });
    for (let commits = 0; commits < 4; commits += 1) store.commit();
    expect(kept).toEqual([old]);
    expect(store.read(old)).toEqual(block(1));
    expect(() => store.read(young)).toThrow(coded('NOT_FOUND'));
    expect(checkStore(store, [old]).problems).toEqual([]);
    expect(store.reopen().read(old)).toEqual(block(1));
  });

  test('is asked once for a block, when its transaction ends: what is rolled back was never freed', () => {
    const kept: Pointer[] = [];
    const layer: Layer = { name: 'snapshot', keeps: (pointer) => kept.push(pointer) > 0 };
    const store = new MemoryStore({ layers: [layer] });
    const old = store.transact((tx) => writeOne(tx, 1));
    store.commit();
    const rolledBack = store.engine.begin();
    rolledBack.free(old);
    store.engine.abort(rolledBack);
    const doomed = store.engine.begin();
    doomed.free(old);
    expect(() => doomed.free(old)).toThrow(coded('NOT_FOUND'));
    expect(() => store.engine.end(doomed)).toThrow(coded('NOT_FOUND'));
    expect(kept).toEqual([]);
    store.transact((tx) => tx.free(old));
    expect(kept).toEqual([old]);
  });

  test('I3: and a caller who free the same block: the later one fails, the log stays readable', () => {
    let victim: Pointer | undefined;
    const layer: Layer = {
      name: 'greedy',
      beforeFreeze(transaction) {
        if (victim !== undefined) transaction.free(victim);
        victim = undefined;
      },
    };
    const store = new MemoryStore({ layers: [layer] });
    const pointer = store.transact((tx) => writeOne(tx, 1));
    store.commit();
    const transaction = store.engine.begin();
    transaction.free(pointer);
    victim = pointer;
    store.commit();
    expect(() => store.engine.end(transaction)).toThrow(coded('NOT_FOUND'));
    store.commit();
    const again = store.reopen({ layers: [] });
    expect(again.opened.recovered.rejected).toEqual([]);
    expect(checkStore(again, []).problems).toEqual([]);
  });

  test.each(['free', 'setRoot'] as const)(
    'I3: cannot %s a block of a caller’s open transaction, which may still roll back',
    (verb) => {
      let own: Pointer | undefined;
      const layer: Layer = {
        name: 'meddler',
        beforeFreeze(transaction) {
          if (own === undefined) return;
          if (verb === 'free') transaction.free(own);
          else transaction.setRoot('own', own);
        },
      };
      const store = new MemoryStore({ layers: [layer] });
      const transaction = store.engine.begin();
      own = writeOne(transaction, 1);
      expect(() => store.engine.beginCommit()).toThrow(coded('NOT_FOUND'));
      own = undefined;
      store.engine.end(transaction);
      store.commit();
      const again = store.reopen({ layers: [] });
      expect(again.opened.recovered.rejected).toEqual([]);
      expect(again.engine.roots.size).toBe(0);
    },
  );

  test('holds a block against eviction, for as long as it likes', () => {
    const layer = new NodeLayer();
    const store = new MemoryStore({ layers: [layer], cacheBytes: 16 * 512 });
    const pointers = store.transact((tx) => Array.from({ length: 60 }, (_, n) => writeOne(tx, n)));
    store.commit();
    const slot = store.engine.hold(pointers[3] as Pointer);
    const bytes = store.engine.bytesOf(slot);
    for (const [n, pointer] of pointers.entries()) expect(store.read(pointer)).toEqual(block(n));
    expect(bytes).toEqual(block(3));
    store.engine.drop(slot);
    expect(store.engine.io.cache.checkInvariants()).toBeUndefined();
  });
});
