/**
 * Small transactions that leave whole: blocks written where the engine has granted it. Over the real engine, all
 * threads in one.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { BlockPointer, Store } from '../index.ts';
import { BLOCK_STATE } from '../index.ts';
import { TestOrigin } from '../testing.ts';
import { attachStoreIn } from './sharing.ts';

const BLOCK = 512;
const options = { blockSize: BLOCK, disks: 2, maxBytes: 2 ** 20, cacheBytes: 64 * BLOCK };

const block = (fill: number): Uint8Array => new Uint8Array(BLOCK).fill(fill);

afterEach(() => void vi.restoreAllMocks());

/** A store whose next small transaction needs no answer in its middle. */
async function granted(origin: TestOrigin): Promise<Store> {
  const store = await origin.openStore('a', options);
  await store.transaction((tx) => tx.write(block(1)));
  return store;
}

/** What the page asks of its workers from now on, as messages: Comlink's have a path, steps are notes. */
function watchRequests(): { readonly requests: unknown[]; stop(): void } {
  const requests: unknown[] = [];
  const { postMessage } = MessagePort.prototype;
  const spy = vi.spyOn(MessagePort.prototype, 'postMessage').mockImplementation(function (
    this: MessagePort,
    message: object,
    ...more: unknown[]
  ) {
    const isNote = 'note' in message && /^(steps|givenBack)$/.test(String(message.note));
    if (isNote || 'path' in message) requests.push(message);
    Reflect.apply(postMessage, this, [message, ...more]);
  });
  return { requests, stop: () => spy.mockRestore() };
}

describe('a small transaction', () => {
  test('is one message, with its blocks, its roots and its end', async () => {
    const origin = new TestOrigin('threaded');
    const store = await origin.openStore('a', options);
    const first = await store.transaction((tx) => tx.write(block(1)));
    const { requests, stop } = watchRequests();
    const pointer = await store.transaction(async (tx) => {
      const [left, right] = await tx.writeMany([block(2), new Uint8Array([3, 4])]);
      expect(left?.address).toBe((right as BlockPointer).address - BLOCK);
      await tx.setRoot('main', left);
      return right as BlockPointer;
    });
    stop();
    expect(requests).toMatchObject([
      { steps: [{ step: 'begin' }, { step: 'written' }, { step: 'root' }, { step: 'end' }] },
    ]);
    expect(await store.read(store.root('main') as BlockPointer)).toEqual(block(2));
    const rest = new Uint8Array(BLOCK);
    rest.set([3, 4]);
    expect(await store.read(pointer)).toEqual(rest);
    await store.close();
    await using again = await origin.openStore('a', options);
    expect(again.recovery.rolledBack).toBe(0);
    expect(await again.read(pointer)).toEqual(rest);
    expect((await again.check({ reachable: [first, pointer] })).problems).toEqual([]);
  });

  test('reads what it has written, before anything of it has left', async () => {
    const origin = new TestOrigin('threaded');
    const store = await granted(origin);
    await store.transaction(async (tx) => {
      const pointer = await tx.write(block(9));
      expect(await tx.read(pointer)).toEqual(block(9));
    });
    await store.close();
  });

  test('relaxed, resolves when it is on its way; what is asked next is asked behind it', async () => {
    const origin = new TestOrigin('threaded');
    const store = await granted(origin);
    const pointer = await store.transaction((tx) => tx.write(block(5)), { durability: 'relaxed' });
    expect(await store.read(pointer)).toEqual(block(5));
    expect((await store.check()).problems).toEqual([]);
    await store.close();
    await using again = await origin.openStore('a', options);
    expect(await again.read(pointer)).toEqual(block(5));
  });

  test('that throws gives its blocks back', async () => {
    const origin = new TestOrigin('threaded');
    const store = await granted(origin);
    const before = await store.stats();
    const failing = store.transaction(async (tx) => {
      await tx.write(block(6));
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    await store.transaction((tx) => tx.setRoot('nothing', undefined));
    expect((await store.stats()).freeBytes).toBe(before.freeBytes);
    await store.close();
  });

  test('with a root on a block that it frees is MISUSE, and nothing of it is applied', async () => {
    const origin = new TestOrigin('threaded');
    const store = await granted(origin);
    const failing = store.transaction(async (tx) => {
      const pointer = await tx.write(block(6));
      tx.setRoot('main', pointer);
      void tx.free(pointer);
    });
    await expect(failing).rejects.toMatchObject({ code: 'MISUSE' });
    expect(store.root('main')).toBeUndefined();
    expect((await store.check()).clean).toBe(true);
    await store.close();
  });

  test('of a store that may not be written, or is closed, says so', async () => {
    const origin = new TestOrigin('threaded');
    const store = await granted(origin);
    const closing = store.transaction(async (tx) => {
      await tx.write(block(1));
      await store.close();
    });
    await expect(closing).rejects.toMatchObject({ code: 'CLOSED' });
    await using again = await origin.openStore('a', { ...options, readOnly: true });
    await expect(again.transaction((tx) => tx.write(block(1)))).rejects.toMatchObject({
      code: 'READ_ONLY',
    });
  });
});

describe('I9: what is granted and not used', () => {
  test('is free for whoever asks: a store fills up to its last block, as one that grants nothing', async () => {
    const counts: number[] = [];
    for (const profile of ['threaded', 'inline'] as const) {
      const origin = new TestOrigin(profile);
      const store = await granted(origin);
      const pointers: BlockPointer[] = [];
      const fillWith = async (count: number): Promise<void> => {
        const blocks = Array.from({ length: count }, () => block(count));
        for (;;) pointers.push(...(await store.transaction((tx) => tx.writeMany(blocks))));
      };
      for (const count of [97, 3, 1]) {
        await expect(fillWith(count)).rejects.toMatchObject({ code: 'FULL' });
      }
      counts.push(pointers.length);
      await store.transaction((tx) => {
        for (const pointer of pointers) void tx.free(pointer);
      });
      expect((await store.check()).clean).toBe(true);
      await store.close();
    }
    expect(counts[0]).toBe(counts[1]);
  });

  test('is free in every census, and when it is shared with others', async () => {
    const origin = new TestOrigin('threaded');
    const store = await granted(origin);
    const { census } = await store.check();
    expect(census[BLOCK_STATE.data]).toBe(1);
    await store.transaction((tx) => tx.write(block(2)));
    await using shared = await attachStoreIn(origin.browser.environment, store.share());
    const other = await shared.transaction((tx) => tx.write(block(3)));
    const own = await store.transaction((tx) => tx.write(block(4)));
    expect(await shared.read(own)).toEqual(block(4));
    expect(await store.read(other)).toEqual(block(3));
    expect((await shared.check()).census[BLOCK_STATE.data]).toBe(4);
    await shared.close();
    await store.close();
  });

  test('is forgotten by a session that ends in its middle', async () => {
    const origin = new TestOrigin('threaded');
    const store = await granted(origin);
    const last = await store.transaction((tx) => tx.write(block(7)));
    origin.browser.killWorkers();
    await expect(store.transaction((tx) => tx.write(block(8)))).rejects.toMatchObject({
      code: 'SESSION_LOST',
    });
    await using again = await origin.openStore('a', options);
    expect(await again.read(last)).toEqual(block(7));
    const { census, clean } = await again.check();
    expect({ clean, data: census[BLOCK_STATE.data] }).toEqual({ clean: true, data: 2 });
  });
});

test('many at once, more than are granted, and large ones between them', async () => {
  const origin = new TestOrigin('threaded');
  await using store = await origin.openStore('a', { ...options, maxBytes: 2 ** 22 });
  const written: (readonly [BlockPointer, number])[] = [];
  for (let round = 0; round < 2; round += 1) {
    const durability = round % 2 === 0 ? 'strict' : 'relaxed';
    const all = Array.from({ length: 120 }, async (_, n) => {
      const fill = (round + n) % 251;
      const count = n % 40 === 39 ? 70 : 1;
      const blocks = Array.from({ length: count }, () => block(fill));
      const pointers = await store.transaction((tx) => tx.writeMany(blocks), { durability });
      for (const pointer of pointers) written.push([pointer, fill]);
    });
    await Promise.all(all);
  }
  for (const [pointer, fill] of written) expect(await store.read(pointer)).toEqual(block(fill));
  const reachable = written.map(([pointer]) => pointer);
  expect((await store.check({ reachable })).clean).toBe(true);
  expect(new Set(reachable.map(({ address }) => address)).size).toBe(written.length);
});
