import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BLOCK_STATE, type OpenOptions, type Store } from '../src/index.ts';
import { scaled } from '../src/sim/scale.ts';
import { TestOrigin } from '../src/testing.ts';
import { dataBlocksPerIndex, decodeIndex, encodeIndex, readChain, writeChain } from './chain.ts';
import { type FileEntry, FileStore, type PutProgress } from './files.ts';
import { sha256Here } from './sha256.ts';

const BLOCK_SIZE = 4096;
const MIB = 2 ** 20;
/** Of file bytes in the transactions of most tests: one index block of 4 KiB has 169 pointers. */
const TRANSACTION_BYTES = 169 * BLOCK_SIZE;

const sha256 = await sha256Here();

/** On the real engine, its disks in memory. */
function openStore(origin = new TestOrigin(), options: OpenOptions = {}): Promise<Store> {
  return origin.openStore('files', { blockSize: BLOCK_SIZE, arenaBytes: 16 * MIB, ...options });
}

function filesOf(store: Store): FileStore {
  return new FileStore(store, sha256, TRANSACTION_BYTES);
}

/** Bytes that differ everywhere, so that a lost or doubled block shows. */
function pattern(byteCount: number, seed = 1): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(byteCount / 4));
  let state = seed;
  for (let n = 0; n < words.length; n += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    words[n] = state;
  }
  return new Uint8Array(words.buffer, 0, byteCount);
}

function fileOf(bytes: Uint8Array<ArrayBuffer>, name = 'a.bin'): File {
  return new File([bytes], name, { type: 'application/x-test' });
}

async function contentOf(files: FileStore, entry: FileEntry): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const blocks of files.read(entry)) parts.push(...blocks);
  return Buffer.concat(parts);
}

/** Exactly what is reachable is allocated, once, with its hash. Returns how many blocks that are. */
async function expectClean(store: Store): Promise<number> {
  const report = await store.check({ reachable: filesOf(store).reachable() });
  expect(report.problems).toEqual([]);
  return report.census[BLOCK_STATE.data] as number;
}

describe('a chain of blocks', () => {
  test('an index block holds as many pointers as fit, and comes back as it was', () => {
    const pointer = (n: number) => ({
      address: n * BLOCK_SIZE,
      hash: 2n ** 64n - BigInt(n + 1),
      generation: n,
    });
    const data = Array.from({ length: dataBlocksPerIndex(BLOCK_SIZE) }, (_, n) => pointer(n));
    const index = { previous: pointer(7), byteCount: 2 ** 52 + 1, data };
    expect(dataBlocksPerIndex(16_384)).toBe(681);
    expect(encodeIndex(index).length).toBeLessThanOrEqual(BLOCK_SIZE);
    const block = new Uint8Array(BLOCK_SIZE);
    block.set(encodeIndex(index));
    expect(decodeIndex(block)).toEqual(index);
    expect(() => decodeIndex(new Uint8Array(BLOCK_SIZE).fill(255))).toThrow('not an index');
  });

  test('bytes of any length come back (replay: seed and path as fast-check prints them)', async () => {
    const indexBytes = dataBlocksPerIndex(BLOCK_SIZE) * BLOCK_SIZE;
    await using store = await openStore();
    const lengths = fc.oneof(
      fc.integer({ min: 0, max: 3 * BLOCK_SIZE }),
      fc.constantFrom(
        indexBytes - 1,
        indexBytes,
        indexBytes + 1,
        2 * indexBytes,
        2 * indexBytes + 5,
      ),
    );
    await fc.assert(
      fc.asyncProperty(lengths, async (length) => {
        const bytes = pattern(length);
        const head = await store.transaction((tx) => writeChain(tx, BLOCK_SIZE, bytes));
        const parts: Uint8Array[] = [];
        for await (const part of readChain(store, head)) parts.push(...part);
        expect(Buffer.compare(Buffer.concat(parts), bytes)).toBe(0);
      }),
      { numRuns: scaled(40) },
    );
  });
});

describe('files', () => {
  test('a file comes back byte for byte, with its SHA-256, its blocks and its arenas', async () => {
    await using store = await openStore(undefined, { blockSize: 16_384 });
    const files = new FileStore(store, sha256);
    const bytes = pattern(40 * MIB + 123);
    const entry = await files.put(fileOf(bytes));
    expect(entry.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(entry).toMatchObject({ id: 1, name: 'a.bin', type: 'application/x-test' });
    expect(entry.byteCount).toBe(bytes.length);
    expect(entry.arenas).toEqual([0, 1, 2]);
    expect(Buffer.compare(await contentOf(files, entry), bytes)).toBe(0);
    expect(await files.list()).toEqual([entry]);
    const catalogueBlocks = 2;
    expect(await expectClean(store)).toBe(entry.blockCount + catalogueBlocks);
  });

  test('the empty file is a file', async () => {
    await using store = await openStore();
    const files = filesOf(store);
    const entry = await files.put(fileOf(new Uint8Array()));
    expect(entry).toMatchObject({ byteCount: 0, blockCount: 1 });
    expect(await contentOf(files, entry)).toHaveLength(0);
    await expectClean(store);
  });

  test('progress says what is written and what is durable, and neither goes back', async () => {
    await using store = await openStore();
    const seen: PutProgress[] = [];
    const onProgress = ({ written, durable }: PutProgress) => seen.push({ written, durable });
    await filesOf(store).put(fileOf(pattern(5 * MIB)), { onProgress });
    expect(seen[0]).toEqual({ written: 0, durable: 0 });
    expect(seen.at(-1)?.written).toBe(5 * MIB);
    expect(new Set(seen.map(({ durable }) => durable)).size).toBe(
      Math.ceil((5 * MIB) / TRANSACTION_BYTES),
    );
    for (let n = 1; n < seen.length; n += 1) {
      expect(seen[n]?.written).toBeGreaterThanOrEqual(seen[n - 1]?.written ?? 0);
      expect(seen[n]?.durable).toBeLessThanOrEqual(seen[n]?.written ?? 0);
    }
  });

  test('deleting frees every block; the others stay; ids are never used again', async () => {
    await using store = await openStore();
    const files = filesOf(store);
    const [a, b] = await Promise.all([
      files.put(fileOf(pattern(3 * MIB, 1), 'a')),
      files.put(fileOf(pattern(2 * MIB, 2), 'a')),
    ]);
    expect(await files.delete(a.id)).toBe(a.blockCount);
    expect(await files.delete(a.id)).toBe(0);
    expect(await files.list()).toEqual([b]);
    expect(Buffer.compare(await contentOf(files, b), pattern(2 * MIB, 2))).toBe(0);
    await expectClean(store);
    expect(await files.delete(b.id)).toBe(b.blockCount);
    expect((await files.put(fileOf(pattern(10)))).id).toBe(3);
    await expectClean(store);
  });

  test('I4: a file that is being read may be deleted, and its space reused: the reader still sees it', async () => {
    await using store = await openStore();
    const files = filesOf(store);
    const entry = await files.put(fileOf(pattern(5 * MIB)));
    const pieces = files.read(entry);
    const parts = [...((await pieces.next()).value ?? [])];
    await files.delete(entry.id);
    for (let n = 0; n < 3; n += 1) await files.put(fileOf(pattern(MIB, n)));
    for await (const blocks of pieces) parts.push(...blocks);
    expect(Buffer.compare(Buffer.concat(parts), pattern(5 * MIB))).toBe(0);
    await expectClean(store);
  });

  test('a catalogue of many files, with long names, takes several blocks and leaks none', async () => {
    const origin = new TestOrigin();
    const store = await openStore(origin);
    const files = filesOf(store);
    for (let n = 0; n < 40; n += 1) {
      await files.put(fileOf(pattern(n * 100, n), `${n} ${'ж'.repeat(120)}`));
    }
    await expectClean(store);
    await store.close();
    await using again = await openStore(origin);
    const entries = await filesOf(again).list();
    expect(entries.map(({ id }) => id)).toEqual(Array.from({ length: 40 }, (_, n) => n + 1));
    expect(entries[39]?.name.startsWith('39 жж')).toBe(true);
    await expectClean(again);
  });
});

describe('a file that does not get in as a whole', () => {
  /** A put that is cut off at its `n`-th sign of progress: by then, something may be under the root `staging`. */
  async function cutOff(origin: TestOrigin, n: number): Promise<boolean> {
    const store = await openStore(origin);
    let signs = 0;
    const onProgress = () => {
      signs += 1;
      if (signs === n) origin.browser.killWorkers();
    };
    const put = filesOf(store).put(fileOf(pattern(2.5 * MIB), 'b.bin'), { onProgress });
    const wasCut = await put.then(
      () => false,
      () => true,
    );
    await store.close();
    return wasCut;
  }

  test('is not there after a crash at any step, and leaks nothing', async () => {
    const origin = new TestOrigin();
    const first = await openStore(origin);
    const before = await filesOf(first).put(fileOf(pattern(1000)));
    const blocksBefore = await expectClean(first);
    await first.close();
    const discards: number[] = [];
    for (let n = 1; await cutOff(origin, n); n += 1) {
      await using store = await openStore(origin);
      await expectClean(store);
      const files = filesOf(store);
      discards.push(await files.discardStaged());
      expect(await files.list()).toEqual([before]);
      expect(await expectClean(store)).toBe(blocksBefore);
    }
    const transactionBlocks = TRANSACTION_BYTES / BLOCK_SIZE;
    expect(discards[0]).toBe(0);
    expect(discards.at(-1)).toBeGreaterThan(2.9 * transactionBlocks);
    expect(discards.length).toBeGreaterThan(6);
  });

  test('is freed at once when its signal gives it up, and when it changes while it is read', async () => {
    await using store = await openStore();
    const files = filesOf(store);
    const abort = new AbortController();
    const onProgress = ({ written }: PutProgress) => {
      if (written > 3 * MIB) abort.abort();
    };
    const given = files.put(fileOf(pattern(5 * MIB)), { signal: abort.signal, onProgress });
    await expect(given).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await expectClean(store)).toBe(0);

    const changed = fileOf(pattern(3 * MIB));
    Object.defineProperty(changed, 'size', { value: 4 * MIB });
    await expect(files.put(changed)).rejects.toThrow('has changed');
    expect(await expectClean(store)).toBe(0);
    expect(await files.list()).toEqual([]);
  });

  test('I9: is freed at once when the store is full, and what fits afterwards gets in', async () => {
    await using store = await openStore(undefined, { maxBytes: 8 * MIB, arenaBytes: MIB });
    const files = filesOf(store);
    const kept = await files.put(fileOf(pattern(MIB)));
    const tooMuch = files.put(fileOf(pattern(10 * MIB)));
    await expect(tooMuch).rejects.toMatchObject({ code: 'FULL' });
    expect(await files.list()).toEqual([kept]);
    await files.put(fileOf(pattern(4 * MIB)));
    await expectClean(store);
  });
});
