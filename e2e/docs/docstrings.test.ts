/** Nothing is public without a word about it. */
import { expect, test } from 'vitest';
import { ENTRIES, type PublicSymbol, publicSymbols } from './public-api.ts';

const symbols = publicSymbols(ENTRIES);

const at = ({ name, place }: PublicSymbol): string => `${name} (${place})`;

/** What can be called, with a name that can be spelled: disposal says itself what it does. */
function calls(): PublicSymbol[] {
  return symbols.filter(
    ({ kind, name }) => (kind === 'function' || kind === 'method') && !name.includes('['),
  );
}

test('every public symbol and every member has a docstring', () => {
  expect(symbols.length).toBeGreaterThan(100);
  expect(symbols.filter(({ text }) => text.trim().length < 8).map(at)).toEqual([]);
});

test('every call says which errors it throws, or that it throws none', () => {
  const silent = calls().filter(
    ({ throws, text }) => throws.length === 0 && !/\bnever\s(throws|rejects)\b/i.test(text),
  );
  expect(silent.map(at)).toEqual([]);
});

test('every call and every class shows an example', () => {
  const classes = symbols.filter(({ kind }) => kind === 'class');
  // The methods of memory files and of their handles are those of the browser's: one example a class will do.
  const own = calls().filter(
    ({ kind, place }) => kind === 'function' || !place.startsWith('src/device/'),
  );
  const bare = [...own, ...classes].filter(({ examples }) => examples.length === 0);
  expect(bare.map(at)).toEqual([]);
});

test('every number of bytes, milliseconds or counts says what it counts', () => {
  const sized = symbols.filter(
    ({ kind, name }) =>
      kind === 'member' && /(Bytes|\.bytes|[sS]ize|Ms|\.ms)(Last|Max)?$/.test(name),
  );
  expect(sized.length).toBeGreaterThan(20);
  const vague = sized.filter(({ text }) => !/\b(bytes?|milliseconds|MiB|GiB)\b/i.test(text));
  expect(vague.map(at)).toEqual([]);
});
