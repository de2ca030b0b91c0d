/**
 * Examples out of docstrings and of the README: checked by the compiler as a user's code would be, and run in Node over
 * an origin in memory.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { attachStoreIn } from '../../src/client/sharing.ts';
import * as library from '../../src/index.ts';
import { checkLayers } from '../../src/store/layer.ts';
import * as testing from '../../src/testing.ts';
import * as workerLibrary from '../../src/worker.ts';
import { compilerOptions, ROOT } from './public-api.ts';

export interface Example {
  /** Where it stands, for messages. */
  readonly title: string;
  readonly code: string;
}

/** The README's blocks of TypeScript, in order. */
export function readmeBlocks(path = 'README.md'): Example[] {
  const text = readFileSync(join(ROOT, path), 'utf8');
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match, index) => ({
    title: `${path}, block ${index + 1}, line ${text.slice(0, match.index).split('\n').length}`,
    code: match[1] as string,
  }));
}

/** Where an example runs: on a page, or in a worker with the engine in it. */
export type World = 'opfs-blocks' | 'opfs-blocks/worker';

const STORE_TYPES: Readonly<Record<World, string>> = {
  'opfs-blocks': 'Store',
  'opfs-blocks/worker': 'SyncStore',
};

/** What an example in a docstring may use without a word: its world's store, the library, and these. */
const GIVEN = `
declare const pointer: import('opfs-blocks').BlockPointer;
declare const pointers: import('opfs-blocks').BlockPointer[];
declare const bytes: Uint8Array;
declare const worker: Worker;
`;

/** An example of a docstring as a module of its own. */
export function asModule({ code }: Example, world: World): string {
  const own = world === 'opfs-blocks' ? library : workerLibrary;
  const imports = Object.entries({ [world]: own, 'opfs-blocks/testing': testing }).map(
    ([specifier, module]) => `import { ${Object.keys(module).join(', ')} } from '${specifier}';`,
  );
  const store = `declare const store: import('${world}').${STORE_TYPES[world]};`;
  return `${imports.join('\n')}${GIVEN}${store}\nexport async function example() {\n${code}\n}\n`;
}

/** What the compiler says of these modules, as `title: message`. */
export function compilerErrors(modules: readonly Example[]): string[] {
  const options: ts.CompilerOptions = {
    ...compilerOptions(),
    noUnusedLocals: false,
    noUncheckedIndexedAccess: false,
  };
  const paths = modules.map((_, index) => join(ROOT, `e2e/docs/example-${index}.ts`));
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (path) => paths.includes(path) || fileExists.call(host, path);
  host.getSourceFile = (path, ...rest) => {
    const module = modules[paths.indexOf(path)];
    if (module === undefined) return getSourceFile.call(host, path, ...rest);
    return ts.createSourceFile(path, module.code, ts.ScriptTarget.ESNext, true);
  };
  const program = ts.createProgram(paths, options, host);
  return ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
    const title = modules[paths.indexOf(file?.fileName ?? '')]?.title ?? file?.fileName;
    return `${title}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
}

/** A statement that imports names from us; others cannot be resolved here, and need not be. */
const OUR_IMPORT = /^import (?:type )?(\{[^}]*\}) from '(opfs-blocks[^']*)';$/gm;

/**
 * Runs `code` with these names in scope; imports of the library become those of `modules`. Returns what was printed,
 * a line each.
 */
export async function run(
  code: string,
  scope: Readonly<Record<string, unknown>>,
  modules: Readonly<Record<string, object>> = {},
): Promise<string[]> {
  const printed: string[] = [];
  const print = (...values: unknown[]): void => void printed.push(values.map(String).join(' '));
  const given: Record<string, unknown> = {
    ...scope,
    modules,
    console: { log: print, warn: print },
  };
  const body = code.replace(OUR_IMPORT, "const $1 = modules['$2'];");
  const { outputText } = ts.transpileModule(`async function example() {\n${body}\n}`, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  const example = new Function(...Object.keys(given), `${outputText}\nreturn example();`) as (
    ...values: unknown[]
  ) => Promise<void>;
  await example(...Object.values(given));
  return printed;
}

/** The library, with an origin in memory in place of the browser's. */
export function libraryIn(origin: testing.TestOrigin): Record<string, object> {
  const { browser } = origin;
  return {
    'opfs-blocks': {
      ...library,
      // A small cache: the usual 64 MiB would be made anew for every example.
      openStore: (name: string, options?: library.OpenOptions) =>
        origin.openStore(name, { cacheBytes: 2 ** 21, ...options }),
      deleteStore: origin.deleteStore.bind(origin),
      listStores: origin.listStores.bind(origin),
      importStore: origin.importStore.bind(origin),
      attachStore: (handle: library.StoreHandle) =>
        attachStoreIn({ locks: browser.locks.owner() }, handle),
    },
    'opfs-blocks/worker': {
      ...workerLibrary,
      openStore: (name: string, options?: workerLibrary.SyncOpenOptions) =>
        origin.openSyncStore(name, { cacheBytes: 2 ** 21, ...options }),
      // There is no worker to become: what it is given is checked, and that is all.
      serveStore: ({ layers }: workerLibrary.ServeOptions = {}) => void checkLayers(layers),
    },
    'opfs-blocks/testing': { ...testing, flipOpfsByte: origin.flipBlockByte.bind(origin) },
  };
}
