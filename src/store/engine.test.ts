import { describe, expect, test } from 'vitest';
import type { Pointer } from '../format/pointer.ts';
import { MemoryStore } from '../sim/memory-store.ts';
import { scaled } from '../sim/scale.ts';

const block = (store: MemoryStore, fill: number) =>
  new Uint8Array(store.engine.blockBytes).fill(fill);

describe('engine', () => {
  test('a committed block comes back after reopening', () => {
    const store = new MemoryStore();
    const pointer = store.transact((tx) => {
      const [written] = tx.write([block(store, 7)]);
      if (written === undefined) throw new Error('no pointer');
      tx.setRoot('main', written);
      return written;
    });
    store.commit();
    expect(store.read(pointer)).toEqual(block(store, 7));
    const again = store.reopen();
    expect(again.opened.recovered.rejected).toEqual([]);
    expect(again.engine.roots.get('main')).toEqual(pointer);
    expect(again.read(pointer)).toEqual(block(store, 7));
  });

  test(`I9: ${scaled(1000)} rounds of fill, delete, fill`, () => {
    let store = new MemoryStore({ maxBytes: 2 * 128 * 512 });
    let capacity = 0;
    for (let round = 0; round < scaled(1000); round += 1) {
      const pointers: Pointer[] = [];
      for (let batch = 8; batch > 0; ) {
        const transaction = store.engine.begin();
        const room = store.engine.tryEnsureSpace(batch);
        if (room !== undefined) {
          expect(room.code).toBe('FULL');
          store.engine.abort(transaction);
          batch -= 1;
          continue;
        }
        const blocks = Array.from({ length: batch }, () => block(store, round % 251));
        pointers.push(...transaction.write(blocks));
        store.engine.end(transaction);
        store.commit();
      }
      store.commit();
      if (round === 0) capacity = pointers.length;
      expect(pointers.length).toBeGreaterThanOrEqual(capacity - 40);
      const wrong = pointers.filter((pointer) => store.read(pointer)[0] !== round % 251);
      expect(wrong).toEqual([]);
      store.transact((tx) => {
        for (const pointer of pointers) tx.free(pointer);
      });
      store.commit();
      store.commit();
      store.commit();
      if (round % 10 === 0) store = store.reopen();
    }
    expect(capacity).toBeGreaterThan(100);
  });
});
