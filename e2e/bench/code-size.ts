/** What a visitor downloads, held against the bars. How it is counted: see `scripts/size.mjs`. */
import { pathToFileURL } from 'node:url';
import { judgeFigure, type Verdict } from './page/bars.ts';

const CLIENT = 'client: openStore, and the store it gives';
const ALL = 'a visit, threaded: client, store and disk';
const CLIENT_BYTES_MAX = 25_000;
const ALL_BYTES_MAX = 40_000;
const ROW = 'code shipped, min+gzip, without wasm';

export interface CodeSize {
  readonly sizes: Readonly<Record<string, number>>;
  readonly verdicts: Verdict[];
}

/** The script is not bundled with the harness, because it finds the sources by its own place. */
export async function measureCode(root: string): Promise<CodeSize> {
  const { href } = pathToFileURL(`${root}/scripts/size.mjs`);
  const script = import(/* @vite-ignore */ href) as Promise<
    typeof import('../../scripts/size.mjs')
  >;
  const { packageSizes } = await script;
  const sizes = await packageSizes();
  const verdict = (bar: string, name: string, atMost: number) => {
    const value = sizes[name] ?? Number.NaN;
    return judgeFigure({ row: ROW, bar, value, text: `${(value / 1000).toFixed(1)} kB`, atMost });
  };
  return {
    sizes,
    verdicts: [
      verdict('≤ 25 kB client', CLIENT, CLIENT_BYTES_MAX),
      verdict('≤ 40 kB with all workers', ALL, ALL_BYTES_MAX),
    ],
  };
}
