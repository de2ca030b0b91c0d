import { describe, expect, test } from 'vitest';
import { StoreError } from '../base/errors.ts';
import type { BlockPointer } from '../format/pointer.ts';
import { FAKE_BLOCK_BYTES, fakeOrigin } from './fake-session.ts';
import type { Store } from './store.ts';

const pause = (ms = 1): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('reading', () => {
  test('an error keeps its code and coordinates on its way from the worker', async () => {
    const { open } = fakeOrigin();
    await using store = await open();
    const error = await store.read({ address: 4096, hash: 1n, generation: 1 }).catch((e) => e);
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({
      code: 'CORRUPT',
      coordinates: { address: 4096, arena: 3 },
      mayBeStale: true,
    });
  });

  test('readCached misses in this profile, and still refuses nonsense', async () => {
    const { open } = fakeOrigin();
    await using store = await open();
    const pointer = { address: 4096, hash: 1n, generation: 1 };
    expect(store.readCached(pointer, new Uint8Array(FAKE_BLOCK_BYTES))).toBeUndefined();
    expect(() => store.readCached(pointer, new Uint8Array(1))).toThrow(/no room/);
    expect(() => store.readCached({ ...pointer, address: 1 }, new Uint8Array(4096))).toThrow(
      /multiple/,
    );
  });
});

describe('I4: readers', () => {
  test('a reader keeps its roots and generation, and holds the engine back until it is disposed', async () => {
    const { open, last } = fakeOrigin();
    await using store = await open();
    await store.transaction(async (tx) => tx.setRoot('main', await tx.write(new Uint8Array(1))));
    const before = store.root('main');
    const pinned = store.reader();
    await store.transaction((tx) => tx.setRoot('main', undefined));
    expect(store.root('main')).toBeUndefined();
    expect(pinned.root('main')).toEqual(before);
    expect([pinned.generation, store.generation]).toEqual([2, 3]);
    await store.stats();
    expect(last().seenPublications).toEqual([1]);
    pinned[Symbol.dispose]();
    pinned[Symbol.dispose]();
    await store.stats();
    expect(last().seenPublications).toEqual([1, 2]);
    expect(() => pinned.root('main')).toThrow(/disposed/);
    await expect(pinned.read(before as BlockPointer)).rejects.toMatchObject({ code: 'MISUSE' });
  });
});

describe('events', () => {
  test('commits, pressure and health are told until one stops listening', async () => {
    const { open, last } = fakeOrigin();
    await using store = await open();
    const heard: unknown[] = [];
    const stop = store.on('commit', (commit) => heard.push(commit.generation));
    store.on('health', (event) => heard.push(event));
    await store.transaction(() => 1);
    stop();
    await store.transaction(() => 1);
    last().publish({ health: 'poisoned', reason: 'A write failed.' });
    await store.stats();
    expect(heard).toEqual([2, { health: 'poisoned', reason: 'A write failed.' }]);
    expect([store.health, store.healthReason]).toEqual(['poisoned', 'A write failed.']);
  });

  test('an unknown event is MISUSE', async () => {
    const { open } = fakeOrigin();
    await using store = await open();
    expect(() => store.on('comit' as 'commit', () => {})).toThrow(/health, commit or pressure/);
  });
});

test('telemetry answers at once with the newest figures, one question at a time', async () => {
  const { open, last } = fakeOrigin();
  await using store = await open();
  expect(store.telemetry().generation).toBe(1);
  await store.transaction(() => 1);
  await expect.poll(() => store.telemetry().generation).toBe(2);
  let questions = 0;
  last().stats = () => {
    questions += 1;
    return new Promise(() => {});
  };
  await expect.poll(() => store.telemetry() && questions).toBe(1);
  for (let frame = 0; frame < 10; frame += 1) store.telemetry();
  await pause(10);
  expect(questions).toBe(1);
  expect(store.blockStates().bytes).toHaveLength(4);
});

test('check takes any iterable of pointers, and tells its progress without flooding', async () => {
  const { open } = fakeOrigin();
  await using store = await open();
  const pointer = { address: 4096, hash: 1n, generation: 1 };
  async function* live(): AsyncGenerator<BlockPointer> {
    yield pointer;
    yield pointer;
  }
  const progress: number[] = [];
  const onProgress = (done: number): void => void progress.push(done);
  expect((await store.check({ reachable: live(), onProgress })).blocksRead).toBe(2);
  expect(progress.at(-1)).toBe(1000);
  expect(progress.length).toBeLessThanOrEqual(201);
  expect((await store.check({ reachable: new Set([pointer]) })).blocksRead).toBe(1);
  const bad = store.check({ reachable: [{ ...pointer, address: 3 }] });
  await expect(bad).rejects.toMatchObject({ code: 'MISUSE' });
});

describe('what waits for the transaction that runs is MISUSE inside it, and right after it', () => {
  const calls: readonly [string, (store: Store) => unknown][] = [
    ['check', (store) => store.check()],
    ['compactLogs', (store) => store.compactLogs()],
    ['exportImage', (store) => new Response(store.exportImage()).arrayBuffer()],
  ];

  test.each(calls)('%s', async (name, call) => {
    const { open } = fakeOrigin();
    await using store = await open();
    const answers: unknown[] = [];
    await store.transaction(async (tx) => {
      const ask = async () => answers.push(await caughtFrom(() => call(store)));
      await ask();
      await tx.write(new Uint8Array(1));
      await ask();
    });
    answers.push(await caughtFrom(() => call(store)));
    const refusal = expect.objectContaining({
      code: 'MISUSE',
      message: expect.stringContaining(`store.${name} was called inside a transaction`),
    });
    expect(answers).toEqual([refusal, refusal, undefined]);
  });

  async function caughtFrom(call: () => unknown): Promise<unknown> {
    try {
      await call();
      return undefined;
    } catch (error) {
      return error;
    }
  }
});

describe('exportImage', () => {
  test('asks for a chunk when one is wanted', async () => {
    const { open, last } = fakeOrigin();
    await using store = await open();
    const stream = store.exportImage();
    await pause(5);
    expect(last().calls).not.toContain('exportStart');
    const chunks: number[] = [];
    for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) {
      chunks.push(chunk[0] as number);
    }
    expect(chunks).toEqual([1, 2, 3]);
  });

  test('a stream that is cancelled is given up in the engine', async () => {
    const { open, last } = fakeOrigin();
    await using store = await open();
    const reader = store.exportImage().getReader();
    await reader.read();
    await reader.cancel();
    expect(last().calls.at(-1)).toBe('exportCancel');
  });
});

test('share needs shared memory, and says so', async () => {
  const { open } = fakeOrigin();
  await using store = await open();
  expect(() => store.share()).toThrow(
    expect.objectContaining({ code: 'UNSUPPORTED', message: expect.stringMatching(/threaded/) }),
  );
});
