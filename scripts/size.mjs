/**
 * What the package costs a user to download: each entry bundled, minified and compressed, without the WebAssembly of the
 * checksum (its text is taken out before the bundling). `npm run size` prints it; a test compares it with the budget.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';

const dist = fileURLToPath(new URL('../dist', import.meta.url));

/** Long texts in base 64 are WebAssembly; nothing else in here is long and in base 64. */
const withoutWasm = {
  name: 'without-wasm',
  transform: (code) => code.replace(/"[A-Za-z0-9+/=]{256,}"/g, '""'),
};

/** Bytes of all the code that these modules need, when they may share chunks. */
async function compressedBytes(...modules) {
  const bundle = await rolldown({
    input: modules.map((module) => join(dist, module)),
    plugins: [withoutWasm],
  });
  const { output } = await bundle.generate({ format: 'esm', minify: true });
  await bundle.close();
  return output
    .filter(({ type }) => type === 'chunk')
    .reduce((bytes, { code }) => bytes + gzipSync(code, { level: 9 }).length, 0);
}

/** By what a user imports or starts: bytes, minified and compressed. */
export async function packageSizes() {
  const scripts = (await readdir(join(dist, 'workers'))).filter((name) => name.endsWith('.js'));
  const workers = scripts.map((name) => `workers/${name}`);
  const entries = (await readdir(join(dist, 'src'))).filter((name) => name.endsWith('.js'));
  const sizes = {};
  for (const module of [...entries.map((name) => `src/${name}`), ...workers]) {
    sizes[module] = await compressedBytes(module);
  }
  sizes['src/index.js and all workers'] = await compressedBytes('src/index.js', ...workers);
  return sizes;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const [name, bytes] of Object.entries(await packageSizes())) {
    console.log(`${(bytes / 1000).toFixed(1).padStart(6)} kB  ${name.replace(/^src\//, '')}`);
  }
}
