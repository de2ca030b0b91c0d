/**
 * Builds what is published, into `dist/`: the compiler's own output, one `.js` and one `.d.ts` a module, not bundled, so that
 * the user's bundler finds the workers by their literal `new URL(…, import.meta.url)`. Then every specifier is made to
 * stand on its own:
 *
 * - our few dependencies are put beside it, shaken down to what is used (`dist/vendor`). An import map does not reach
 *   into workers, Node cannot import names from one of the two, and bundlers meet a dependency of a worker too late:
 *   without bare specifiers there is nothing of that to explain;
 * - what the compiler leaves in TypeScript's spelling (the workers' addresses, imports in declarations) ends in `.js`.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const vendor = join(dist, 'vendor');

/** By package: its module for browsers, its declarations (where ours mention it), its licence. */
const VENDORED = {
  comlink: {
    module: 'dist/esm/comlink.mjs',
    declarations: ['dist/esm/comlink.d.ts', 'dist/esm/protocol.d.ts'],
  },
  'idb-keyval': { module: 'dist/index.js', declarations: [] },
};
/** What we have copied from into our own modules; its licence goes with it. */
const COPIED_FROM = ['hash-wasm'];

const IMPORT = /^(?:import|export)\b([^'";]*?)\bfrom\s*['"]([^'"]+)['"]/gm;
const LATE_IMPORT = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

async function emittedFiles() {
  const names = await readdir(dist, { recursive: true });
  return names.filter((name) => /\.(js|d\.ts)$/.test(name)).map((name) => join(dist, name));
}

/** The names that our modules import from a package, for the shaking. */
function importedNames(texts, name) {
  const names = new Set();
  for (const text of texts) {
    for (const [, clause, specifier] of text.matchAll(IMPORT)) {
      if (specifier !== name) continue;
      const list = /^\s*\{([^}]*)\}\s*$/.exec(clause)?.[1];
      if (list === undefined) throw new Error(`import names from ${name}, not${clause}`);
      for (const one of list.split(',')) names.add(one.trim().split(/\s/)[0]);
    }
  }
  names.delete('');
  return [...names].sort();
}

async function bundlePackage(name, names) {
  const entry = `\0vendor:${name}`;
  const module = join(root, 'node_modules', name, VENDORED[name].module);
  const bundle = await rolldown({
    input: entry,
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === entry ? id : undefined),
        load: (id) =>
          id === entry
            ? `export { ${names.join(', ')} } from ${JSON.stringify(module)};`
            : undefined,
      },
    ],
  });
  await bundle.write({ file: join(vendor, `${name}.js`), format: 'esm', comments: true });
  await bundle.close();
}

async function licenceOf(name) {
  const folder = join(root, 'node_modules', name);
  const file = (await readdir(folder)).find((one) => /^licen[cs]e/i.test(one));
  if (file === undefined) throw new Error(`${name} has no licence file`);
  const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  return `${name} ${version}\n\n${await readFile(join(folder, file), 'utf8')}`;
}

async function putDependenciesBeside(texts) {
  await mkdir(vendor, { recursive: true });
  for (const [name, { declarations }] of Object.entries(VENDORED)) {
    await bundlePackage(name, importedNames(texts, name));
    for (const path of declarations) {
      const text = await readFile(join(root, 'node_modules', name, path), 'utf8');
      await writeFile(
        join(vendor, basename(path)),
        text.replace(/(['"])\.\/protocol\1/g, "'./protocol.js'"),
      );
    }
  }
  const names = [...Object.keys(VENDORED), ...COPIED_FROM].sort();
  const licences = await Promise.all(names.map(licenceOf));
  await writeFile(join(vendor, 'LICENSES.txt'), licences.join(`\n${'-'.repeat(78)}\n\n`));
}

/** A specifier as it stands in the package. Throws for what nobody has put beside it. */
function published(file, specifier) {
  if (specifier.startsWith('.')) return specifier.replace(/\.ts$/, '.js');
  if (!(specifier in VENDORED))
    throw new Error(`${file} imports ${specifier}, which is not vendored`);
  const path = relative(dirname(file), join(vendor, `${specifier}.js`));
  return path.startsWith('.') ? path : `./${path}`;
}

function respell(file, text) {
  const spelled = (match, specifier) =>
    match.replace(/(['"]).*\1/, `'${published(file, specifier)}'`);
  return text
    .replace(IMPORT, (match, _, specifier) => spelled(match, specifier))
    .replace(LATE_IMPORT, spelled)
    .replace(/(new URL\('\.[^']*)\.ts(', import\.meta\.url\))/g, '$1.js$2');
}

await rm(dist, { recursive: true, force: true });
const tsc = join(root, 'node_modules/typescript/bin/tsc');
execFileSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], {
  stdio: 'inherit',
});
const files = await emittedFiles();
const modules = files.filter((file) => file.endsWith('.js'));
await putDependenciesBeside(await Promise.all(modules.map((file) => readFile(file, 'utf8'))));
for (const file of files) {
  await writeFile(file, respell(file, await readFile(file, 'utf8')));
}
