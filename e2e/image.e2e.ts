/** Export and import on real files. */
import { describe, expect, test } from 'vitest';
import { useBrowser } from './fixture.ts';

const fixture = useBrowser();

describe('an image', () => {
  test('makes the same store under another name, and pointers inside stay valid', async () => {
    const result = await fixture.page.evaluate(async () => {
      const store = await lib.openStore('source', { blockSize: 4096, disks: 2 });
      const blocks = Array.from({ length: 700 }, (_, seed) => pattern(seed, 4096));
      const pointers = await store.transaction(async (tx) => {
        const written = await tx.writeMany(blocks);
        for (const pointer of written.splice(0, 100)) tx.free(pointer);
        const index = new Uint8Array(24);
        lib.encodePointer(written[0] ?? { address: 0, hash: 0n, generation: 0 }, index);
        tx.setRoot('main', await tx.write(index));
        return written;
      });
      const image = await new Response(store.exportImage()).blob();
      await store.close();
      await lib.importStore('copy', image.stream());
      const copy = await lib.openStore('copy', { create: false });
      const same = (await copy.readMany(pointers)).every(
        (block, index) => block.join() === blocks[index + 100]?.join(),
      );
      const root = copy.root('main');
      const inside = root === undefined ? undefined : lib.decodePointer(await copy.read(root));
      const through = inside === undefined ? undefined : await copy.read(inside);
      const live = root === undefined ? pointers : [...pointers, root];
      const { clean, problems } = await copy.check({ reachable: live });
      await copy.transaction((tx) => tx.write(pattern(1, 1)));
      await copy.close();
      return {
        same,
        through: through?.join() === blocks[100]?.join(),
        clean,
        problems,
        bytes: image.size,
      };
    });
    expect(result).toMatchObject({ same: true, through: true, clean: true, problems: [] });
    expect(result.bytes).toBeGreaterThan(600 * 4096);
    expect(result.bytes).toBeLessThan(700 * 4096);
  });

  test('truncated, flipped, foreign or empty it is CORRUPT, and nothing is left behind', async () => {
    const result = await fixture.page.evaluate(async () => {
      const store = await lib.openStore('whole', { blockSize: 4096 });
      await store.transaction(async (tx) => {
        const written = await tx.writeMany(
          Array.from({ length: 50 }, (_, seed) => pattern(seed, 4096)),
        );
        tx.setRoot('main', written[7]);
      });
      const image = new Uint8Array(await new Response(store.exportImage()).arrayBuffer());
      await store.close();
      const flipped = (at: number) => image.map((byte, index) => (index === at ? byte ^ 1 : byte));
      const attempts = {
        empty: new Uint8Array(0),
        foreign: pattern(1, 100_000),
        'cut in the middle': image.slice(0, image.length / 2),
        'cut at its last byte': image.slice(0, -1),
        'longer than it should be': new Uint8Array([...image, 0]),
        'flipped at the start': flipped(3),
        'flipped in the middle': flipped(image.length >> 1),
        'flipped at the end': flipped(image.length - 1),
      };
      const refused: Record<string, string> = {};
      for (const [what, bytes] of Object.entries(attempts)) {
        const error = await caught(() => lib.importStore('broken', new Blob([bytes]).stream()));
        refused[what] =
          error.isStoreError && error.message.endsWith('.') ? error.code : error.message;
      }
      const names = (await lib.listStores()).map(({ name }) => name);
      await lib.importStore('broken', new Blob([image]).stream());
      const whole = await lib.openStore('broken', { create: false });
      const { clean } = await whole.check();
      await whole.close();
      return { refused, names, clean };
    });
    expect(new Set(Object.values(result.refused))).toEqual(new Set(['CORRUPT']));
    expect(result.names).not.toContain('broken');
    expect(result.clean).toBe(true);
  });

  test('given up in the middle it leaves nothing behind, and an export can be cancelled', async () => {
    const result = await fixture.page.evaluate(async () => {
      const store = await lib.openStore('big', { blockSize: 4096 });
      await store.transaction((tx) =>
        tx.writeMany(Array.from({ length: 1000 }, (_, seed) => pattern(seed, 4096))),
      );
      const reader = store.exportImage().getReader();
      await reader.read();
      await reader.cancel();
      const controller = new AbortController();
      let chunks = 0;
      const slow = store.exportImage().pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
          transform(chunk, sink) {
            chunks += 1;
            if (chunks === 3) controller.abort();
            sink.enqueue(chunk);
          },
        }),
      );
      const error = await caught(() =>
        lib.importStore('given up', slow, { signal: controller.signal }),
      );
      const names = (await lib.listStores()).map(({ name }) => name);
      const { clean } = await store.check();
      await store.close();
      return { code: error.code, names, clean };
    });
    expect(result).toMatchObject({ code: 'ABORTED', clean: true });
    expect(result.names).not.toContain('given up');
  });
});
