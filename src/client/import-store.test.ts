import { describe, expect, test } from 'vitest';
import { type FakeOrigin, fakeOrigin } from './fake-session.ts';
import { importStoreIn } from './import-store.ts';

function streamOf(...chunks: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      const chunk = chunks.shift();
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
  });
}

const bring = (fake: FakeOrigin, image: ReadableStream<Uint8Array>, signal?: AbortSignal) =>
  importStoreIn(fake.origin.environment, 'a', image, { waitMs: 0, signal });

describe('importing', () => {
  test('makes a store that opens, and that the catalogue knows from now on', async () => {
    const fake = fakeOrigin();
    const whole = new Uint8Array(100);
    await bring(fake, streamOf(whole.subarray(1, 3), whole));
    expect(whole.buffer.byteLength).toBe(100);
    expect(fake.origin.workerCount).toBe(0);
    await (await fake.open({ create: false, waitMs: 0 })).close();
    fake.origin.evict('a');
    await expect(fake.open()).rejects.toMatchObject({ code: 'EVICTED' });
  });

  test('a damaged image is CORRUPT and leaves nothing behind', async () => {
    const fake = fakeOrigin();
    const image = streamOf(new Uint8Array(4), Uint8Array.of(0xbd), new Uint8Array(4));
    await expect(bring(fake, image)).rejects.toMatchObject({ code: 'CORRUPT' });
    expect(fake.origin.folder('a')).toBeUndefined();
    expect(image.locked).toBe(false);
    await bring(fake, streamOf());
  });

  test('an existing store is left alone: EXISTS', async () => {
    const fake = fakeOrigin();
    await (await fake.open()).close();
    await expect(bring(fake, streamOf())).rejects.toMatchObject({ code: 'EXISTS' });
    expect(fake.origin.folder('a')?.list()).toEqual(['disk-0']);
  });

  test('an evicted store is not covered up', async () => {
    const fake = fakeOrigin();
    await (await fake.open()).close();
    fake.origin.evict('a');
    await expect(bring(fake, streamOf())).rejects.toMatchObject({ code: 'EVICTED' });
  });

  test('a stream that fails is IO, with its own error as the cause', async () => {
    const fake = fakeOrigin();
    const image = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.error(new RangeError('network'));
      },
    });
    await expect(bring(fake, image)).rejects.toMatchObject({
      code: 'IO',
      cause: { message: 'network' },
    });
    expect(fake.origin.folder('a')).toBeUndefined();
  });

  test('a stream of something else is refused', async () => {
    const fake = fakeOrigin();
    const image = new ReadableStream({ start: (controller) => controller.enqueue('text') });
    await expect(bring(fake, image)).rejects.toMatchObject({ code: 'IO' });
    await expect(bring(fake, 'text' as never)).rejects.toMatchObject({ code: 'MISUSE' });
  });

  test('a signal gives up, the source is cancelled, and everything is free again', async () => {
    const fake = fakeOrigin();
    const controller = new AbortController();
    let cancelled = false;
    const image = new ReadableStream<Uint8Array>({
      pull: (sink) => {
        sink.enqueue(new Uint8Array(1));
        controller.abort();
      },
      cancel: () => {
        cancelled = true;
      },
    });
    const importing = bring(fake, image, controller.signal);
    await expect(importing).rejects.toMatchObject({ code: 'ABORTED' });
    expect(cancelled).toBe(true);
    expect(fake.origin.workerCount).toBe(0);
  });
});
