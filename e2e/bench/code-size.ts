/**
 * What an application ships: each entry bundled and minified with its packages as Vite does, gzipped. hash-wasm carries
 * its WebAssembly as base64 text; that is left out, as the bar says, by counting the package apart.
 */
import { existsSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';
import { judgeFigure, type Verdict } from './page/bars.ts';

const WASM_PACKAGES = ['hash-wasm'];
const CLIENT = 'src/index.ts';
/** Whichever there are. */
const WORKERS = ['workers/inline.ts', 'workers/store.ts', 'workers/disk.ts'];
const CLIENT_BYTES_MAX = 25_000;
const ALL_BYTES_MAX = 40_000;
const ROW = 'code shipped, min+gzip, without wasm';

export interface EntrySize {
  readonly entry: string;
  readonly gzipBytes: number;
}

export async function measureCode(
  root: string,
): Promise<{ readonly sizes: EntrySize[]; readonly verdicts: Verdict[] }> {
  const entries = [CLIENT, ...WORKERS].filter((entry) => existsSync(`${root}/${entry}`));
  const sizes: EntrySize[] = [];
  for (const entry of entries) sizes.push({ entry, gzipBytes: await gzippedSize(root, entry) });
  const client = sizes[0]?.gzipBytes ?? Number.NaN;
  const all = sizes.reduce((sum, { gzipBytes }) => sum + gzipBytes, 0);
  const verdict = (bar: string, value: number, atMost: number) =>
    judgeFigure({ row: ROW, bar, value, text: `${(value / 1000).toFixed(1)} kB`, atMost });
  return {
    sizes,
    verdicts: [
      verdict('≤ 25 kB client', client, CLIENT_BYTES_MAX),
      verdict('≤ 40 kB with all workers', all, ALL_BYTES_MAX),
    ],
  };
}

/** The workers that an entry names are other entries. Vite itself leaves a library's white space as it is. */
async function gzippedSize(root: string, entry: string): Promise<number> {
  const output = (await build({
    root,
    configFile: false,
    logLevel: 'silent',
    define: { 'import.meta.url': '"about:blank"' },
    build: {
      write: false,
      target: 'es2022',
      lib: { entry, formats: ['es'] },
      rolldownOptions: { external: WASM_PACKAGES, output: { codeSplitting: false, minify: true } },
    },
  })) as Rolldown.RolldownOutput[];
  const code = output.flatMap((bundle) =>
    bundle.output.map((chunk) => (chunk.type === 'chunk' ? chunk.code : '')),
  );
  return gzipSync(code.join('\n'), { level: 9 }).length;
}
