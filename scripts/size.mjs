/**
 * What the library costs a visitor to download, in bytes, minified and compressed (gzip), without the WebAssembly of the
 * checksum. `npm run size` prints it, the benchmarks judge it, and a test compares it with the budget.
 *
 * Every script counts in full, also what stands in another one too: Vite, and others unless told otherwise, put each
 * worker into a file of its own that shares nothing. A visitor downloads the page's own part and the workers of one
 * profile; the script for disks once, however many there are. Of the page's part bundlers leave out what is not imported:
 * the client is what comes with `openStore`, and all that a store can do is in it. Nothing is loaded later, because some
 * bundlers make a worker one classic script, which cannot be split, and all of this may be imported in workers.
 */
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const OPEN_STORE = '\0openStore';

/** The WebAssembly is text in base 64, in a module of its own. */
const withoutWasm = {
  name: 'without-wasm',
  transform: {
    filter: { id: /xxhash64-wasm\.ts$/ },
    handler: () => ({ code: "export const XXHASH64_WASM = '';", map: null }),
  },
};
const openStoreOnly = {
  name: 'open-store-only',
  resolveId: (id) => (id === OPEN_STORE ? id : undefined),
  load: (id) =>
    id === OPEN_STORE
      ? `export { openStore } from ${JSON.stringify(`${root}src/index.ts`)};`
      : null,
};

/** Bytes of all the code that these modules need, when they may share chunks. */
async function compressedBytes(...modules) {
  const bundle = await rolldown({
    cwd: root,
    input: modules,
    plugins: [withoutWasm, openStoreOnly],
  });
  const { output } = await bundle.generate({ format: 'esm', minify: true });
  await bundle.close();
  return output
    .filter(({ type }) => type === 'chunk')
    .reduce((bytes, { code }) => bytes + gzipSync(code, { level: 9 }).length, 0);
}

/** By what a user imports, starts, or has downloaded in the end. */
export async function packageSizes() {
  const client = await compressedBytes(OPEN_STORE);
  const store = await compressedBytes('workers/store.ts');
  const disk = await compressedBytes('workers/disk.ts');
  const inline = await compressedBytes('workers/inline.ts');
  return {
    'client: openStore, and the store it gives': client,
    'all that opfs-blocks exports': await compressedBytes('src/index.ts'),
    'workers/store': store,
    'workers/disk': disk,
    'workers/inline': inline,
    'workers/any': await compressedBytes('workers/any.ts'),
    'opfs-blocks/worker': await compressedBytes('src/worker.ts'),
    'opfs-blocks/testing': await compressedBytes('src/testing.ts'),
    'a visit, threaded: client, store and disk': client + store + disk,
    'a visit, inline: client and inline': client + inline,
    'a visit, threaded, by a bundler that shares chunks': await compressedBytes(
      ...[OPEN_STORE, 'workers/store.ts', 'workers/disk.ts'],
    ),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const [name, bytes] of Object.entries(await packageSizes())) {
    console.log(`${(bytes / 1000).toFixed(1).padStart(6)} kB  ${name}`);
  }
}
