/** Every example that we print does what it says: those above the public symbols, and those of the README. */
import { describe, expect, test } from 'vitest';
import { TestOrigin } from '../../src/testing.ts';
import {
  asModule,
  compilerErrors,
  type Example,
  libraryIn,
  readmeBlocks,
  run,
  type World,
} from './examples.ts';
import { ENTRIES, publicSymbols } from './public-api.ts';

interface DocExample extends Example {
  readonly world: World;
}

const docstrings = publicSymbols(ENTRIES).flatMap(({ name, entry, examples }): DocExample[] => {
  const world = entry === 'src/worker.ts' ? 'opfs-blocks/worker' : 'opfs-blocks';
  return examples.map((code) => ({ title: name, code, world }));
});
const inWorld = (wanted: World) => docstrings.filter(({ world }) => world === wanted);
const readme = readmeBlocks();

test('the compiler accepts all of them, and nothing but nonsense is refused', async () => {
  expect(docstrings.length).toBeGreaterThan(40);
  const modules = docstrings.map((example) => ({
    ...example,
    code: asModule(example, example.world),
  }));
  const nonsense = {
    title: 'nonsense',
    code: asModule({ title: '', code: 'store.reed();' }, 'opfs-blocks'),
  };
  const errors = compilerErrors([...modules, ...readme, nonsense]);
  expect(errors).toEqual([expect.stringMatching(/^nonsense: .*'reed'/)]);
  await expect(run('throw new RangeError();', {})).rejects.toThrow(RangeError);
}, 60_000);

const bytes = Uint8Array.of(1, 2, 3, 4, 5);

describe('above the public symbols of pages', () => {
  test.each(inWorld('opfs-blocks'))('$title', async ({ code }) => {
    // Shared memory: there, everything works.
    const origin = new TestOrigin('threaded');
    const modules = libraryIn(origin);
    const store = await origin.openStore('example', { cacheBytes: 2 ** 21 });
    const pointers = await store.transaction(async (tx) => {
      tx.setRoot('old draft', await tx.write(bytes));
      return tx.writeMany([bytes, bytes]);
    });
    const heard: Promise<unknown>[] = [];
    const scope = {
      ...{ store, pointers, pointer: pointers[0], bytes, worker: { postMessage() {} } },
      // What a worker is told that the page has shared its store with.
      addEventListener: (_type: string, listener: (event: object) => Promise<unknown>) =>
        void heard.push(listener({ data: { handle: store.share() } })),
    };
    await run(code, { ...modules['opfs-blocks/testing'], ...modules['opfs-blocks'], ...scope });
    await Promise.all(heard);
    expect(store.health).toBe('ok');
    await store.close();
  });
});

describe('above the public symbols of workers', () => {
  test.each(inWorld('opfs-blocks/worker'))('$title', async ({ code }) => {
    const origin = new TestOrigin();
    const modules = libraryIn(origin);
    await using store = await origin.openSyncStore('example', { cacheBytes: 2 ** 21 });
    const pointers = store.transaction((tx) => {
      tx.setRoot('old draft', tx.write(bytes));
      return tx.writeMany([bytes, bytes]);
    });
    const scope = { store, pointers, pointer: pointers[0], bytes };
    const own = modules['opfs-blocks/worker'];
    await run(code, { ...modules['opfs-blocks/testing'], ...own, ...scope });
    expect(store.health).toBe('ok');
    expect(store.check().problems).toEqual([]);
  });
});

describe('in the README', () => {
  test('one after the other, as a reader would', async () => {
    const modules = libraryIn(new TestOrigin());
    expect(readme.length).toBeGreaterThan(1);
    const printed: string[][] = [];
    for (const { code } of readme) printed.push(await run(code, {}, modules));
    expect(printed[0]).toEqual(['hello, block']);
  });
});
