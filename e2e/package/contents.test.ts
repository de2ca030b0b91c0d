/** What is in the package: all that the entries need, and nothing else. */
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { packedFiles, ROOT } from './tarball.ts';

interface Entry {
  readonly types: string;
  readonly default: string;
}
const manifest = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as {
  readonly exports: Readonly<Record<string, Entry | string>>;
  readonly dependencies?: unknown;
};

let packed: ReturnType<typeof packedFiles>;
beforeAll(() => {
  packed = packedFiles();
});

const text = (path: string): string => readFileSync(`${ROOT}${path}`, 'utf8');

/** Imports, exports, late imports, types, and the workers' addresses. */
const SPECIFIER = /(?:\bfrom\s*|\bimport\s*\(?\s*|new URL\()['"]([^'"]+)['"]/g;

function specifiers(path: string): string[] {
  const code = text(path).replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  return [...code.matchAll(SPECIFIER)].map(([, specifier]) => specifier as string);
}

/** All modules behind the entries, declarations counted with their modules: without their endings. */
function reachable(): Set<string> {
  const stem = (path: string): string => path.replace(/(\.d\.ts|\.js)$/, '');
  const found = new Set<string>();
  const descend = (module: string): void => {
    if (found.has(module)) return;
    found.add(module);
    for (const path of [`${module}.js`, `${module}.d.ts`]) {
      if (!packed.paths.includes(path)) continue;
      for (const specifier of specifiers(path)) {
        descend(stem(posix.join(posix.dirname(module), specifier)));
      }
    }
  };
  for (const path of entryFiles()) descend(stem(path));
  return found;
}

function entryFiles(): string[] {
  return Object.values(manifest.exports).flatMap((entry) => {
    if (typeof entry === 'string') return [];
    const path = entry.default.slice(2);
    if (!path.includes('*')) return [path];
    const [before = '', after = ''] = path.split('*');
    return packed.paths.filter((one) => one.startsWith(before) && one.endsWith(after));
  });
}

describe('the package holds', () => {
  test('its entries, each with declarations first', () => {
    for (const entry of Object.values(manifest.exports)) {
      if (typeof entry !== 'string') expect(Object.keys(entry)).toEqual(['types', 'default']);
    }
    const entries = entryFiles();
    expect(entries).toContain('dist/src/index.js');
    expect(entries).toContain('dist/workers/inline.js');
    expect(packed.paths).toEqual(expect.arrayContaining(entries));
    const declarations = entries.map((path) => path.replace(/\.js$/, '.d.ts'));
    expect(packed.paths).toEqual(expect.arrayContaining(declarations));
  });

  test('every module behind them, and no other', () => {
    const modules = packed.paths.filter((path) => /\.(js|d\.ts)$/.test(path));
    const needed = reachable();
    expect(modules.filter((path) => !needed.has(path.replace(/(\.d\.ts|\.js)$/, '')))).toEqual([]);
    const missing = [...needed].filter((module) => !packed.paths.includes(`${module}.d.ts`));
    expect(missing.filter((module) => !packed.paths.includes(`${module}.js`))).toEqual([]);
  });

  test('besides, only what a reader and a lawyer want', () => {
    const others = packed.paths.filter((path) => !/^dist\/.*\.(js|d\.ts)$/.test(path));
    expect([...others].sort()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'dist/vendor/LICENSES.txt',
      'package.json',
    ]);
    expect(packed.bytes).toBeLessThan(1_300_000);
  });

  test('nothing of our tests and tools', () => {
    const foreign = packed.paths.filter((path) => /\b(test|bench|fuzz|sim|e2e|demo)\b/.test(path));
    expect(foreign).toEqual([]);
  });
});

describe('modules stand on their own', () => {
  test('no specifier needs a package manager, and none is TypeScript’s', () => {
    const modules = packed.paths.filter((path) => /^dist\/.*\.(js|d\.ts)$/.test(path));
    const all = modules.flatMap((path) => specifiers(path).map((one) => `${path}: ${one}`));
    expect(all.length).toBeGreaterThan(200);
    expect(all.filter((one) => !/: \.\.?\/.*\.js$/.test(one))).toEqual([]);
    expect(manifest.dependencies).toBeUndefined();
  });

  // A page starts the engine's worker, of either kind, and those of the disks; an engine's worker only the latter.
  test.each([
    { module: 'environment', roles: ['inline', 'store', 'disk'] },
    { module: 'worker-environment', roles: ['disk'] },
  ])('$module: workers are started by the literal that bundlers look for', ({ module, roles }) => {
    const environment = text(`dist/src/client/${module}.js`);
    const literal =
      /new Worker\(new URL\('\.\.\/\.\.\/workers\/(\w+)\.js', import\.meta\.url\), \{\s*type: 'module'/g;
    const started = [...environment.matchAll(literal)].map(([, name]) => name);
    expect(started).toEqual(roles);
    const scripts = started.map((name) => `dist/workers/${name}.js`);
    expect(packed.paths).toEqual(expect.arrayContaining(scripts));
    expect(environment.match(/new URL\(/g)).toHaveLength(started.length);
  });

  test('there is a script for each role and one for all of them, and none waits before it listens', () => {
    const scripts = packed.paths.filter((path) => /^dist\/workers\/\w+\.js$/.test(path));
    const names = scripts.map((path) => path.slice('dist/workers/'.length, -'.js'.length));
    expect([...names].sort()).toEqual(['any', 'disk', 'inline', 'store']);
    // A message that comes while a module awaits something is lost in some browsers.
    for (const path of scripts) expect(text(path)).not.toMatch(/^(?:const .* = )?await\b/m);
  });
});
