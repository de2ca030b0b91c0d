/** Importing the package where there is no browser: in Node, while a server renders a page. */
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { ROOT } from './tarball.ts';

const ENTRIES = ['opfs-blocks', 'opfs-blocks/worker', 'opfs-blocks/testing'];

/** Runs in a process of its own, which must end by itself. The package names itself, so its `exports` are used. */
function run(script: string): unknown {
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 20_000,
  });
  return JSON.parse(output);
}

/** Every global of browsers becomes a trap that takes notes. */
const TRAPS = `
const touched = [];
for (const name of ['navigator', 'window', 'document', 'self', 'location', 'Worker', 'indexedDB',
  'localStorage', 'caches', 'crossOriginIsolated', 'isSecureContext', 'SharedArrayBuffer',
  'FileSystemFileHandle', 'StorageManager', 'postMessage', 'addEventListener']) {
  Object.defineProperty(globalThis, name, {
    configurable: true,
    get() { touched.push(name); return undefined; },
  });
}`;

describe('importing is harmless where there is no browser', () => {
  test.each(ENTRIES)('%s touches no global of browsers', (entry) => {
    const script = `${TRAPS}
      const names = Object.keys(await import(${JSON.stringify(entry)}));
      console.log(JSON.stringify({ touched, count: names.length }));`;
    const { touched, count } = run(script) as { touched: string[]; count: number };
    expect(touched).toEqual([]);
    expect(count).toBeGreaterThan(0);
  });

  test('the traps do notice', () => {
    const script = `${TRAPS} typeof navigator; console.log(JSON.stringify(touched));`;
    expect(run(script)).toEqual(['navigator']);
  });

  test('opfs-blocks/testing works there, engine and all', () => {
    const script = `
      const { TestOrigin } = await import('opfs-blocks/testing');
      const store = await new TestOrigin().openStore('notes');
      const pointer = await store.transaction((tx) => tx.write(Uint8Array.of(7)));
      const bytes = await store.read(pointer);
      await store.close();
      console.log(JSON.stringify(bytes[0]));`;
    expect(run(script)).toBe(7);
  });
});
