import { describe, expect, test } from 'vitest';
import { createHasher, hashPlain } from './format/hasher.ts';
import { LABEL } from './format/label.ts';
import { viewOf, writeHash, writeU32 } from './format/layout.ts';
import type { BlockPointer } from './format/pointer.ts';
import { MemoryFile, TestOrigin } from './testing.ts';

const OPTIONS = { blockSize: 512, disks: 2, maxBytes: 2 ** 20, cacheBytes: 2 ** 15 };
const bytes = (fill: number, length = 512): Uint8Array => new Uint8Array(length).fill(fill);

describe('the real engine behind the real client, in memory', () => {
  test('what was acknowledged survives closing, and the death of the worker', async () => {
    const origin = new TestOrigin();
    const pointers: BlockPointer[] = [];
    for (let round = 0; round < 5; round += 1) {
      const store = await origin.openStore('a', OPTIONS);
      const blocks = await store.readMany(pointers);
      expect(blocks.map((block) => block[0])).toEqual(pointers.map((_, index) => index));
      const pointer = await store.transaction(async (tx) => {
        const written = await tx.write(bytes(round));
        tx.setRoot('last', written);
        return written;
      });
      pointers.push(pointer);
      if (round % 2 === 0) await store.close();
      else origin.browser.killWorkers();
    }
    await using store = await origin.openStore('a', { create: false });
    expect(store.root('last')).toEqual(pointers.at(-1));
    expect(await store.check({ reachable: pointers })).toMatchObject({ clean: true });
  });

  test('I2: a damaged block is noticed when it is read', async () => {
    const origin = new TestOrigin();
    const first = await origin.openStore('a', { ...OPTIONS, disks: 1 });
    const pointer = await first.transaction((tx) => tx.write(bytes(1)));
    // Two more commits, so that opening does not verify the block among the recent ones.
    for (let commit = 0; commit < 4; commit += 1) {
      await first.transaction((tx) => tx.write(bytes(2)));
    }
    await first.close();
    const size = origin.browser.folder('a')?.file('disk-0')?.size ?? 0;
    const image = origin.browser.folder('a')?.file('disk-0')?.bytes() ?? new Uint8Array(0);
    let offset = 0;
    while (offset < size && !image.subarray(offset, offset + 512).every((byte) => byte === 1)) {
      offset += 512;
    }
    origin.flipByte('a', 'disk-0', offset + 100);
    await using store = await origin.openStore('a');
    await expect(store.read(pointer)).rejects.toMatchObject({ code: 'CORRUPT' });
    expect((await store.check({ reachable: [pointer] })).clean).toBe(false);
  });

  test('an image makes a copy, and a damaged one leaves nothing', async () => {
    const origin = new TestOrigin();
    await using store = await origin.openStore('a', OPTIONS);
    const pointers = await store.transaction((tx) => tx.writeMany([bytes(1), bytes(2)]));
    const chunks: Uint8Array[] = [];
    for await (const chunk of store.exportImage() as unknown as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
    }
    const image = new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
    await origin.importStore('b', new Blob([image]).stream());
    const copy = await origin.openStore('b', { create: false });
    expect((await copy.readMany(pointers)).map((block) => block[0])).toEqual([1, 2]);
    await copy.close();
    image[image.length >> 1] = (image[image.length >> 1] as number) ^ 1;
    const damaged = origin.importStore('c', new Blob([image]).stream());
    await expect(damaged).rejects.toMatchObject({ code: 'CORRUPT' });
    expect((await origin.listStores()).map(({ name }) => name)).toEqual(['a', 'b']);
  });

  test('files that vanish under an open store are EVICTED at the next commit', async () => {
    const origin = new TestOrigin();
    const store = await origin.openStore('a', OPTIONS);
    origin.browser.evict('a');
    const writing = store.transaction((tx) => tx.write(bytes(1)));
    await expect(writing).rejects.toMatchObject({ code: 'EVICTED' });
    expect(store.health).toBe('evicted');
    await store.close();
    await expect(origin.openStore('a')).rejects.toMatchObject({ code: 'EVICTED' });
    await origin.deleteStore('a');
    await (await origin.openStore('a')).close();
  });

  test('files of others in its folder are nothing to a store', async () => {
    const origin = new TestOrigin();
    await (await origin.openStore('a', OPTIONS)).close();
    origin.browser.folder('a')?.put('notes.txt', MemoryFile.from(bytes(1)));
    origin.browser.folder('a')?.put('disk-7', MemoryFile.from(bytes(2)));
    const store = await origin.openStore('a', { create: false });
    expect(await store.check()).toMatchObject({ clean: true });
    await store.close();
    expect(origin.browser.folder('a')?.file('disk-7')?.bytes()).toEqual(bytes(2));
  });

  test('a store with a feature that we can read past, but not write, is opened readOnly only', async () => {
    const origin = new TestOrigin();
    const first = await origin.openStore('a', OPTIONS);
    const pointer = await first.transaction((tx) => tx.write(bytes(1)));
    await first.close();
    const hasher = await createHasher();
    for (const name of ['disk-0', 'disk-1']) {
      const file = origin.browser.folder('a')?.file(name);
      const label = new Uint8Array(4096);
      file?.read(label, 0);
      writeU32(viewOf(label), LABEL.at.readOnlyCompatible, 1);
      hashPlain(hasher, label, LABEL.at.checksum);
      writeHash(viewOf(label), LABEL.at.checksum, hasher.high, hasher.low);
      file?.write(label, 0);
    }
    await expect(origin.openStore('a')).rejects.toMatchObject({ code: 'VERSION' });
    await using store = await origin.openStore('a', { readOnly: true });
    expect(await store.read(pointer)).toEqual(bytes(1));
  });

  test('I2: a byte flipped in one block is found in that block, and twice is not at all', async () => {
    const origin = new TestOrigin();
    const options = { ...OPTIONS, arenaBytes: 2 ** 17 };
    const first = await origin.openStore('a', options);
    const pointers = await first.transaction((tx) =>
      tx.writeMany(Array.from({ length: 200 }, (_, n) => bytes(n))),
    );
    // So that the block is not a recent one: for such, opening would go back to the generation before it.
    for (let n = 0; n < 4; n += 1)
      pointers.push(await first.transaction((tx) => tx.write(bytes(n))));
    await first.close();
    const victim = pointers[123] as BlockPointer;
    const place = { address: victim.address, byte: 77 };
    const location = await origin.flipBlockByte('a', place);
    expect(location.file).toMatch(/^disk-[01]$/);
    const damaged = await origin.openStore('a', options);
    const report = await damaged.check({ reachable: pointers });
    expect(report.problems.map(({ address }) => address)).toEqual([victim.address]);
    await damaged.close();
    expect(await origin.flipBlockByte('a', place)).toEqual(location);
    await using healed = await origin.openStore('a', options);
    expect(await healed.check({ reachable: pointers })).toMatchObject({ clean: true });
    await expect(origin.flipBlockByte('a', { address: 1, byte: 0 })).rejects.toThrow('no byte');
  });
});
