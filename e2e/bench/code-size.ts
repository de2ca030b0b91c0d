/** What a visitor downloads, held against the bars. How it is counted: see `scripts/size.mjs`. */
import { packageSizes } from '../../scripts/size.mjs';
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

export async function measureCode(): Promise<CodeSize> {
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
