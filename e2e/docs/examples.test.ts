/** Every example that we print does what it says: those above the public symbols, and those of the README. */
import { describe, expect, test } from 'vitest';
import { TestOrigin } from '../../src/testing.ts';
import { asModule, compilerErrors, libraryIn, readmeBlocks, run } from './examples.ts';
import { ENTRIES, publicSymbols } from './public-api.ts';

const docstrings = publicSymbols(ENTRIES).flatMap(({ name, examples }) =>
  examples.map((code) => ({ title: name, code })),
);
const readme = readmeBlocks();

test('the compiler accepts all of them', () => {
  expect(docstrings.length).toBeGreaterThan(40);
  const modules = docstrings.map((example) => ({ ...example, code: asModule(example) }));
  expect(compilerErrors([...modules, ...readme])).toEqual([]);
}, 60_000);

test('and would not accept nonsense', async () => {
  const nonsense = { title: 'nonsense', code: asModule({ title: '', code: 'store.reed();' }) };
  expect(compilerErrors([nonsense])).toEqual([expect.stringMatching(/^nonsense: .*'reed'/)]);
  await expect(run('throw new RangeError();', {})).rejects.toThrow(RangeError);
});

describe('above the public symbols', () => {
  test.each(docstrings)('$title', async ({ code }) => {
    const origin = new TestOrigin();
    const modules = libraryIn(origin);
    const store = await origin.openStore('example', { cacheBytes: 2 ** 21 });
    const bytes = Uint8Array.of(1, 2, 3, 4, 5);
    const pointers = await store.transaction(async (tx) => {
      tx.setRoot('old draft', await tx.write(bytes));
      return tx.writeMany([bytes, bytes]);
    });
    const scope = { store, pointers, pointer: pointers[0], bytes, worker: { postMessage() {} } };
    await run(code, { ...modules['opfs-blocks/testing'], ...modules['opfs-blocks'], ...scope });
    expect(store.health).toBe('ok');
    await store.close();
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
