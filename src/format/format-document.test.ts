import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type DocumentTable, documentTables } from './format-document.ts';
import { Layout } from './layout.ts';

const modules = import.meta.glob<Record<string, unknown>>(['./*.ts', '!./*.{test,bench}.ts'], {
  eager: true,
});
const exported = new Map(Object.values(modules).flatMap((module) => Object.entries(module)));
const tables = documentTables(readFileSync(new URL('../FORMAT.md', import.meta.url), 'utf8'));

function withColumns(...columns: string[]): DocumentTable[] {
  return tables.filter((table) => table.columns.join() === columns.join());
}

/** A layout, as its table must say it. */
function layoutRows(value: unknown): string[][] {
  if (!(value instanceof Layout)) return [['not a layout']];
  return value.fields.map(({ offset, size, name }) => [`${offset}`, `${size}`, name]);
}

/** Codes, as their table must say them. */
function codeRows(value: unknown): string[][] {
  if (typeof value !== 'object' || value === null) return [['not codes']];
  return Object.entries(value)
    .map(([name, code]): [number, string] => [Number(code), name])
    .sort(([one], [other]) => one - other)
    .map(([code, name]) => [`${code}`, name]);
}

function constantText(value: unknown): string {
  if (typeof value === 'number') return `${value}`;
  if (!(value instanceof Uint8Array)) return 'not a constant';
  return [...value].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

function firstCells(table: DocumentTable, count: number): string[][] {
  return table.rows.map((row) => row.slice(0, count));
}

/** Names among the exports, in order. */
function exportedNames(pick: (name: string, value: unknown) => boolean): string[] {
  return [...exported]
    .filter(([name, value]) => pick(name, value))
    .map(([name]) => name)
    .sort();
}

describe('FORMAT.md', () => {
  const layouts = withColumns('offset', 'size', 'field', 'meaning');
  const codes = withColumns('value', 'name', 'meaning');
  const constants = withColumns('constant', 'value', 'meaning');

  test.each(layouts)('$heading has the fields of the code, at their offsets', (table) => {
    expect(firstCells(table, 3)).toEqual(layoutRows(exported.get(table.heading)));
  });

  test.each(codes)('$heading has the codes of the code', (table) => {
    expect(firstCells(table, 2)).toEqual(codeRows(exported.get(table.heading)));
  });

  test.each(constants.flatMap(({ rows }) => rows))('%s is %s', (name, value) => {
    expect(constantText(exported.get(name as string))).toBe(value);
  });

  test('has a table for every layout, and one only', () => {
    const names = exportedNames((_, value) => value instanceof Layout);
    expect(names.length).toBeGreaterThan(15);
    expect(layouts.map(({ heading }) => heading).sort()).toEqual(names);
  });

  test('has a table for all codes that are on disk', () => {
    const names = exportedNames((name) => /_(OP|TYPE|KIND)$/.test(name));
    expect(codes.map(({ heading }) => heading).sort()).toEqual(names);
  });

  test('has every magic number and every version', () => {
    const named = constants.flatMap(({ rows }) => rows.map(([name]) => name as string));
    const wanted = exportedNames((name) => /_(MAGIC|FORMAT|VERSION)$/.test(name));
    expect(named).toEqual(expect.arrayContaining(wanted));
  });

  test('every layout is exported, so that the tests above see it', () => {
    const sources = import.meta.glob<string>(['./*.ts', '!./*.{test,bench}.ts'], {
      eager: true,
      query: '?raw',
      import: 'default',
    });
    const made = Object.values(sources).flatMap((source) => [
      ...source.matchAll(/^(?:export )?const (\w+) = layout\(/gm),
    ]);
    expect(made.map(([, name]) => name).sort()).toEqual(
      exportedNames((_, value) => value instanceof Layout),
    );
  });
});

test('a table that says something else than the code is noticed', () => {
  const [table] = documentTables(
    '### `POINTER`\n\n| offset | size | field | meaning |\n|---|---|---|---|\n| 0 | 8 | `hash` | |\n',
  );
  expect(table).toEqual({
    heading: 'POINTER',
    columns: ['offset', 'size', 'field', 'meaning'],
    rows: [['0', '8', 'hash', '']],
  });
  expect(table?.rows).not.toEqual(layoutRows(exported.get('POINTER')));
  expect(documentTables('## Text\n| a |\n|---|\n| b |\n')[0]?.heading).toBe('');
});
