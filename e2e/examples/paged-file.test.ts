import fc from 'fast-check';
import { TestOrigin } from 'opfs-blocks/testing';
import type { SyncStore } from 'opfs-blocks/worker';
import { expect, test } from 'vitest';
import { PagedFile } from './paged-file.ts';

// A table has room for 21 pages, a head for 21 tables: a file ends at 225,792 bytes.
const OPTIONS = { blockSize: 512, maxBytes: 2 ** 20, cacheBytes: 2 ** 16 };
const SIZE_MAX = 512 * 21 * 21;
/** Around the borders of pages and of tables. */
const OFFSETS = [0, 1, 511, 512, 700, 5000, 512 * 21 - 3, 512 * 21, 512 * 50 + 7];
const LENGTHS = [0, 1, 100, 512, 513, 2000, 512 * 22];

const open = (origin: TestOrigin): Promise<SyncStore> => origin.openSyncStore('files', OPTIONS);
const filled = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => 1 + ((seed * 31 + index * 7) % 255));

/** What a file is: bytes. */
class Model {
  bytes = new Uint8Array(0);

  write(offset: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.truncate(Math.max(this.bytes.length, offset + bytes.length));
    this.bytes.set(bytes, offset);
  }

  truncate(size: number): void {
    const bytes = new Uint8Array(size);
    bytes.set(this.bytes.subarray(0, size));
    this.bytes = bytes;
  }
}

function expectSame(store: SyncStore, file: PagedFile, { bytes }: Model): void {
  expect(file.size).toBe(bytes.length);
  expect(Buffer.compare(file.read(0, bytes.length + 9), bytes)).toBe(0);
  for (const offset of OFFSETS) {
    expect(Buffer.compare(file.read(offset, 600), bytes.subarray(offset, offset + 600))).toBe(0);
  }
  expect(store.check({ reachable: file.reachable() }).problems).toEqual([]);
}

const change = fc.record({
  verb: fc.constantFrom('write', 'write', 'truncate'),
  offset: fc.constantFrom(...OFFSETS),
  length: fc.constantFrom(...LENGTHS),
  seed: fc.nat({ max: 250 }),
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

function apply(file: Pick<PagedFile, 'write' | 'truncate'>, changes: readonly Change[]): void {
  for (const { verb, offset, length, seed } of changes) {
    if (verb === 'write') file.write(offset, filled(length, seed));
    else file.truncate(offset);
  }
}

const step = fc.record({
  kind: fc.constantFrom('apart', 'together', 'rolled back', 'reopened'),
  changes: fc.array(change, { minLength: 1, maxLength: 4 }),
});

test('any life of a file is that of its bytes: apart, together, rolled back and reopened', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const origin = new TestOrigin();
      let store = await open(origin);
      let file = new PagedFile(store, 'database');
      const model = new Model();
      for (const { kind, changes } of steps) {
        if (kind === 'apart') apply(file, changes);
        if (kind === 'together') file.atomically(() => apply(file, changes));
        if (kind === 'rolled back') {
          const failing = (): void => {
            apply(file, changes);
            throw new RangeError('on purpose');
          };
          expect(() => file.atomically(failing)).toThrow('on purpose');
        } else if (kind !== 'reopened') {
          apply(model, changes);
        } else {
          await store[Symbol.asyncDispose]();
          store = await open(origin);
          file = new PagedFile(store, 'database');
        }
        expectSame(store, file, model);
      }
      store.close();
    }),
    { numRuns: 40 },
  );
});

test('a change that does not fit throws, and the file is as before', async () => {
  await using store = await open(new TestOrigin());
  const file = new PagedFile(store, 'database');
  file.write(SIZE_MAX - 1, Uint8Array.of(7));
  expect(() => file.write(SIZE_MAX, Uint8Array.of(8))).toThrow(RangeError);
  expect(() => file.truncate(SIZE_MAX + 1)).toThrow(RangeError);
  expect(file.size).toBe(SIZE_MAX);
  expect(file.read(SIZE_MAX - 2, 9)).toEqual(Uint8Array.of(0, 7));
  expect(store.check({ reachable: file.reachable() }).problems).toEqual([]);
});

test('what was written is read inside an atomic change, and by nobody once that has failed', async () => {
  await using store = await open(new TestOrigin());
  const file = new PagedFile(store, 'database');
  file.write(0, Uint8Array.of(1, 2, 3));
  const failing = (): void => {
    file.write(1, Uint8Array.of(9));
    expect(file.read(0, 3)).toEqual(Uint8Array.of(1, 9, 3));
    throw new RangeError('on purpose');
  };
  expect(() => file.atomically(failing)).toThrow('on purpose');
  expect(file.read(0, 3)).toEqual(Uint8Array.of(1, 2, 3));
});

test('a crash keeps what was synced, and the next file of the store is not touched', async () => {
  const origin = new TestOrigin();
  const before = await open(origin);
  const file = new PagedFile(before, 'database');
  new PagedFile(before, 'journal').write(0, filled(600, 2));
  file.write(300, filled(5000, 1));
  file.sync();
  origin.browser.killWorkers();
  await using store = await open(origin);
  const again = new PagedFile(store, 'database');
  expect(again.read(300, 5000)).toEqual(filled(5000, 1));
  const journal = new PagedFile(store, 'journal');
  expect(journal.read(0, 600)).toEqual(filled(600, 2));
  const reachable = [...again.reachable(), ...journal.reachable()];
  expect(store.check({ reachable }).problems).toEqual([]);
});
