/** What the community's own tools say of the package, and what it costs to download. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageSizes } from '../../scripts/size.mjs';
import { pack, ROOT } from './tarball.ts';

let folder: string;
let tarball: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'opfs-blocks-package-'));
  tarball = pack(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

test('publint has nothing to say', async () => {
  const bytes = readFileSync(tarball);
  const { messages } = await publint({ pack: { tarball: new Uint8Array(bytes).buffer } });
  expect(messages).toEqual([]);
});

test('attw finds the types of every entry', () => {
  const options = ['--profile', 'esm-only', '--format', 'json'];
  const script = join(ROOT, 'node_modules/@arethetypeswrong/cli/dist/index.js');
  // It answers with a failure when it has found something.
  const output = execFileSync(process.execPath, [script, tarball, ...options], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  const { analysis } = JSON.parse(output) as {
    analysis: {
      problems: readonly { readonly resolutionKind?: string }[];
      entrypoints: Record<string, unknown>;
    };
  };
  // The profile decides about the exit code only; what it leaves out is listed all the same.
  const ignored = ['node10', 'node16-cjs'];
  const problems = analysis.problems.filter(
    ({ resolutionKind }) => !ignored.includes(resolutionKind ?? ''),
  );
  expect(problems).toEqual([]);
  const entries = Object.keys(analysis.entrypoints);
  expect(entries).toEqual(expect.arrayContaining(['.', './worker', './testing']));
});

describe('the size budget', () => {
  /**
   * Bytes, minified and compressed, without WebAssembly. A worker is loaded beside the page, not by it; the sum is what
   * a bundler ships that shares chunks.
   *
   * Neither aim is met. 25 kB for the client: it is 29.1, since it hashes the blocks of small transactions itself (4 kB
   * for a fraction of their time; hash-wasm's own code is half of that). 40 kB for the client and all workers: the
   * engine alone is larger. The client may grow by 1 %, everything else may be what it was when measured, and 5 % more:
   * worker.js 77.0 kB, workers/inline.js 57.5, workers/store.js 64.6, workers/disk.js 15.8, workers/any.js (all roles
   * in one script) 68.2, the client and all workers 93.5, testing.js 90.6.
   */
  const BUDGETS: Readonly<Record<string, number>> = {
    'src/index.js': 29_400,
    'src/testing.js': 91_600,
    'src/worker.js': 78_900,
    'workers/any.js': 69_700,
    'workers/disk.js': 16_500,
    'workers/inline.js': 58_600,
    'workers/store.js': 65_900,
    'src/index.js and all workers': 94_900,
  };

  test('is kept by every entry', async () => {
    const sizes = await packageSizes();
    expect(Object.keys(sizes).sort()).toEqual(Object.keys(BUDGETS).sort());
    const tooLarge = Object.entries(sizes).filter(
      ([name, bytes]) => bytes > (BUDGETS[name] as number),
    );
    expect(tooLarge).toEqual([]);
    // The WebAssembly and the engine are not in the client.
    expect(sizes['src/index.js']).toBeGreaterThan(5_000);
    expect(sizes['workers/inline.js']).toBeGreaterThan(sizes['src/index.js'] as number);
  });
});
