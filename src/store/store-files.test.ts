import { describe, expect, test } from 'vitest';
import type { MemoryDirectory } from '../device/memory-handle.ts';
import { TINY_GEOMETRY } from '../sim/memory-store.ts';
import { MemoryStoreDirectory } from '../sim/memory-store-directory.ts';
import { crashedDirectory, WatchedDirectory } from '../sim/watched-directory.ts';
import { openSession, Session } from './session.ts';
import type { StoreSettings } from './settings.ts';

const SETTINGS: StoreSettings = {
  geometry: TINY_GEOMETRY,
  demanded: [],
  maxBytes: 4 * TINY_GEOMETRY.arenaBytes,
  cacheBytes: 32 * 512,
  create: true,
  exclusive: false,
  readOnly: false,
};
const block = (fill: number) => new Uint8Array(512).fill(fill);

function open(files: MemoryDirectory, settings: Partial<StoreSettings> = {}): Promise<Session> {
  const directory = new MemoryStoreDirectory(files);
  return openSession({ directory, settings: { ...SETTINGS, ...settings } });
}

function contents(files: MemoryDirectory): Buffer {
  return Buffer.concat(files.list().map((name) => files.file(name)?.bytes() ?? new Uint8Array()));
}

const withDisks = (diskCount: number) => ({ geometry: { ...TINY_GEOMETRY, diskCount } });

/** Commits one block under the root 'main' and reads it. */
async function use(session: Session): Promise<void> {
  const { transaction } = await session.begin(0);
  const [pointer] = await session.transactionWrite(transaction, [block(7)]);
  await session.transactionSetRoot(transaction, 'main', pointer);
  await session.end(transaction, 'strict');
  if (pointer === undefined) throw new Error('no pointer');
  expect(await session.read([pointer])).toEqual([block(7)]);
}

/** Everything that creating a store does to its files. */
async function creation(settings: Partial<StoreSettings> = {}) {
  const files = new WatchedDirectory();
  await (await open(files, settings)).close();
  return files.seen;
}

describe('a creation that was cut short', () => {
  test.each([
    ['of one disk, keeping everything', 1, []],
    ['of two, keeping everything', 2, []],
    ['of two, each file as at its last flush', 2, ['disk-0', 'disk-1']],
    ['of two, disk-0 as at its last flush', 2, ['disk-0']],
    ['of two, disk-1 as at its last flush', 2, ['disk-1']],
    ['of three, disk-1 and disk-2 as at their last flush', 3, ['disk-1', 'disk-2']],
  ])('%s: is done again, or was done; never CORRUPT', async (_, disks, losing) => {
    const seen = await creation(withDisks(disks));
    expect(seen.length).toBeGreaterThan(4);
    for (let operation = 0; operation <= seen.length; operation += 1) {
      const files = crashedDirectory(seen.slice(0, operation), new Set(losing));
      const found = await open(files.clone(), { create: false }).catch((error: unknown) => error);
      if (found instanceof Session) await found.close();
      else expect(found).toMatchObject({ name: 'StoreError', code: 'NOT_FOUND' });
      const session = await open(files, withDisks(disks));
      await use(session);
      await session.close();
      const again = await open(files, { create: false });
      expect(again.opened.state.roots.map(([name]) => name)).toEqual(['main']);
      expect((await again.check({ reachable: [] })).problems).toEqual([]);
      await again.close();
    }
  });

  test('a name that was lost as well is made anew', async () => {
    const seen = await creation();
    for (let operation = 0; operation <= seen.length; operation += 1) {
      const files = crashedDirectory(seen.slice(0, operation), new Set());
      if (files.file('disk-1') !== undefined) files.remove('disk-1');
      const session = await open(files);
      expect(session.opened.recovery.created).toBe(true);
      await use(session);
      await session.close();
    }
  });

  test('a label without any superblock is CORRUPT: nobody knows what was in the file that is lost', async () => {
    const files = crashedDirectory(await creation(), new Set());
    files.remove('disk-0');
    await expect(open(files)).rejects.toMatchObject({ code: 'CORRUPT' });
  });

  test('may be done again with fewer disks, or with more: what is left over harms nobody', async () => {
    for (const [before, after] of [
      [4, 2],
      [3, 1],
      [2, 4],
    ] as const) {
      const seen = await creation(withDisks(before));
      const marks = seen.map((operation, n) => (operation.kind === 'flush' ? n + 1 : 0));
      for (const operation of [...marks.filter((mark) => mark > 0), seen.length - before - 1]) {
        if (operation === seen.length) continue;
        const files = crashedDirectory(seen.slice(0, operation), new Set());
        const session = await open(files, withDisks(after));
        if (!session.opened.recovery.created) continue;
        await use(session);
        await session.close();
        const again = await open(files, { create: false });
        expect(again.opened.diskCount).toBe(after);
        expect(again.opened.state.roots).toHaveLength(1);
        await again.close();
        expect(files.list().sort()).toEqual(Array.from({ length: after }, (_, n) => `disk-${n}`));
      }
    }
  });

  test('a file beyond the last disk that has no label does not keep a store from opening', async () => {
    const files = new WatchedDirectory();
    await use(await open(files));
    const copy = files.clone();
    copy.open('disk-5').close();
    copy.file('disk-5')?.write(block(1), 0);
    const session = await open(copy, { create: false });
    expect(session.opened.diskCount).toBe(2);
    await use(session);
    await session.close();
    expect(copy.file('disk-5')?.isOpen).toBe(false);
  });
});

describe('files of a store that has been used', () => {
  async function used(commits: number): Promise<MemoryDirectory> {
    const files = new WatchedDirectory();
    const session = await open(files);
    for (let n = 0; n < commits; n += 1) await use(session);
    await session.close();
    return files.clone();
  }

  test.each([1, 2, 3, 4, 5])(
    'are never created anew, after %i commits, whichever is lost',
    async (commits) => {
      for (const name of ['disk-0', 'disk-1']) {
        const missing = await used(commits);
        missing.remove(name);
        const before = contents(missing);
        await expect(open(missing)).rejects.toMatchObject({
          code: 'CORRUPT',
          coordinates: { file: name },
        });
        expect(contents(missing).equals(before)).toBe(true);
        const empty = await used(commits);
        empty.file(name)?.truncate(0);
        await expect(open(empty)).rejects.toMatchObject({ code: 'CORRUPT' });
        expect(empty.file(name)?.isOpen).toBe(false);
      }
    },
  );

  test('with all labels gone, or all superblocks', async () => {
    const unlabelled = await used(3);
    for (const name of unlabelled.list()) unlabelled.file(name)?.write(new Uint8Array(4096), 0);
    await expect(open(unlabelled)).rejects.toMatchObject({ code: 'CORRUPT' });
    const beheaded = await used(3);
    for (const name of beheaded.list()) beheaded.file(name)?.write(new Uint8Array(8192), 4096);
    await expect(open(beheaded)).rejects.toMatchObject({ code: 'CORRUPT' });
  });

  test('of a later version are refused by its name', async () => {
    const later = await used(1);
    later.file('disk-1')?.write(Uint8Array.of(2), 8);
    await expect(open(later)).rejects.toMatchObject({
      code: 'VERSION',
      coordinates: { file: 'disk-1' },
    });
  });

  test('the label that names more disks than there are files', async () => {
    const files = await used(2);
    files.open('disk-7').close();
    files.put('disk-7', (await used(1)).file('disk-0') as never);
    await expect(open(files)).rejects.toMatchObject({
      code: 'CORRUPT',
      coordinates: { file: 'disk-7' },
    });
  });
});

describe('how a store is asked for', () => {
  test('NOT_FOUND without create, and when it may not be written; nothing is made', async () => {
    const files = new WatchedDirectory();
    await expect(open(files, { create: false })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(open(files, { readOnly: true })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(files.list()).toEqual([]);
  });

  test('EXISTS when it must not be there', async () => {
    const files = new WatchedDirectory();
    await (await open(files, { exclusive: true })).close();
    await expect(open(files, { exclusive: true })).rejects.toMatchObject({ code: 'EXISTS' });
    expect(files.file('disk-0')?.isOpen).toBe(false);
  });

  test('another geometry is MISUSE where it was asked for by name, else it is the store’s', async () => {
    const files = new WatchedDirectory();
    await (await open(files)).close();
    const geometry = { ...TINY_GEOMETRY, blockBytes: 1024, diskCount: 4 };
    for (const field of ['blockBytes', 'diskCount'] as const) {
      await expect(open(files, { geometry, demanded: [field] })).rejects.toMatchObject({
        code: 'MISUSE',
      });
    }
    const session = await open(files, { geometry });
    expect(session.opened).toMatchObject({ blockBytes: 512, diskCount: 2 });
    await session.close();
  });

  test('an unsound geometry is MISUSE, and creates nothing', async () => {
    const files = new WatchedDirectory();
    const unsound = { ...TINY_GEOMETRY, arenaBytes: 1000 };
    await expect(open(files, { geometry: unsound })).rejects.toMatchObject({ code: 'MISUSE' });
    expect(files.list()).toEqual([]);
  });

  test('QUOTA while it is created; the files are given back, and it can be tried again', async () => {
    const files = new WatchedDirectory();
    files.plan = ({ operation, offset }) =>
      operation === 'truncate' && offset > 0 ? { throw: 'QuotaExceededError' } : 'ok';
    await expect(open(files)).rejects.toMatchObject({
      code: 'QUOTA',
      coordinates: { file: 'disk-0' },
    });
    expect(files.list().map((name) => files.file(name)?.isOpen)).toEqual([false, false]);
    files.plan = () => 'ok';
    await use(await open(files));
  });

  test.each(['read', 'write', 'flush', 'truncate', 'getSize'] as const)(
    'whichever %s fails while it is created: a typed error, all files closed, and it can be done again',
    async (failing) => {
      for (let nth = 0; ; nth += 1) {
        const files = new WatchedDirectory();
        files.plan = (call) =>
          call.operation === failing && call.nth === nth ? { throw: 'UnknownError' } : 'ok';
        const outcome = await open(files).then(
          (session) => session,
          (error: unknown) => error,
        );
        if (files.calls[failing] <= nth) break;
        expect(outcome).toMatchObject({ name: 'StoreError', code: 'IO' });
        for (const name of files.list()) expect(files.file(name)?.isOpen).toBe(false);
        files.plan = () => 'ok';
        const session = await open(files);
        await use(session);
        await session.close();
      }
    },
  );

  test('LOCKED files are not kept half open', async () => {
    const files = new WatchedDirectory();
    await (await open(files)).close();
    const other = files.open('disk-1');
    await expect(open(files)).rejects.toMatchObject({ code: 'LOCKED' });
    expect(files.file('disk-0')?.isOpen).toBe(false);
    other.close();
    await (await open(files)).close();
  });
});
