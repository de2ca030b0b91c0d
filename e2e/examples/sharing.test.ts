/** Page and workers of the sharing example in one thread, joined by real message channels. */
import { readFileSync } from 'node:fs';
import type { StoreHandle } from 'opfs-blocks';
import { TestOrigin } from 'opfs-blocks/testing';
import { expect, test } from 'vitest';
import { attachStoreIn } from '../../src/client/sharing.ts';
import { run } from '../docs/examples.ts';
import { count } from './sharing/page.ts';

const OPTIONS = { blockSize: 512, disks: 2, maxBytes: 2 ** 20, cacheBytes: 64 * 512 };

const SOURCE = readFileSync(new URL('sharing/worker.ts', import.meta.url), 'utf8');

/** `worker.ts` with the globals of a worker of its own; ports and shared memory reach it as they do in a browser. */
async function startWorker(origin: TestOrigin): Promise<{ worker: Worker; stop: () => void }> {
  const { port1, port2 } = new MessageChannel();
  const locks = origin.browser.locks.owner();
  const library = { attachStore: (handle: StoreHandle) => attachStoreIn({ locks }, handle) };
  const globals = {
    addEventListener: port2.addEventListener.bind(port2),
    postMessage: (message: unknown) => port2.postMessage(message),
  };
  await run(SOURCE.replace(/^import type .*$/m, ''), globals, { 'opfs-blocks': library });
  for (const port of [port1, port2]) port.start();
  return { worker: port1 as unknown as Worker, stop: () => port1.close() };
}

test('three workers count in the blocks of one store, and their results are roots of it', async () => {
  const origin = new TestOrigin('threaded');
  await using store = await origin.openStore('shared', OPTIONS);
  // More than the cache has room for: some are hits, and some come from their disks.
  const blocks = Array.from({ length: 200 }, (_, n) => new Uint8Array(512).fill(7, 0, n));
  const pointers = await store.transaction((tx) => tx.writeMany(blocks));
  const started = [];
  for (let n = 0; n < 3; n += 1) started.push(await startWorker(origin));
  const workers = started.map(({ worker }) => worker);
  expect(await count(store, workers, pointers, 7)).toBe((199 * 200) / 2);
  // Once more: six places in all, whether or not those who let go have given theirs back.
  expect(await count(store, workers, pointers.slice(0, 10), 7)).toBe(45);
  const roots = ['count-0', 'count-1', 'count-2'].map((name) => store.root(name));
  const reachable = [...pointers, ...roots.filter((root) => root !== undefined)];
  expect((await store.check({ reachable })).problems).toEqual([]);
  expect(store.health).toBe('ok');
  for (const { stop } of started) stop();
});
