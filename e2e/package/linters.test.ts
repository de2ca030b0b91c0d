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
   * Bytes, minified and compressed; `scripts/size.mjs` says what counts. What is not met: 40 kB for a visit, workers
   * and all; the engine alone is larger. The client was 24.4 kB when measured (27.5 with all that the entry exports)
   * and may grow to its bar; everything else may be what it was when measured, and 2 % more.
   */
  const BUDGETS: Readonly<Record<string, number>> = {
    'client: openStore, and the store it gives': 25_000,
    'all that opfs-blocks exports': 27_800,
    'workers/store': 62_700,
    'workers/disk': 14_500,
    'workers/inline': 55_600,
    'workers/any': 66_400,
    'opfs-blocks/worker': 76_600,
    'opfs-blocks/testing': 90_600,
    'a visit, threaded: client, store and disk': 101_500,
    'a visit, inline: client and inline': 80_300,
    'a visit, threaded, by a bundler that shares chunks': 88_900,
  };

  test('is kept', async () => {
    const sizes = await packageSizes();
    expect(Object.keys(sizes).sort()).toEqual(Object.keys(BUDGETS).sort());
    const tooLarge = Object.entries(sizes).filter(
      ([name, bytes]) => bytes > (BUDGETS[name] as number),
    );
    expect(tooLarge).toEqual([]);
    // Something was bundled, and no engine is in the client.
    const client = sizes['client: openStore, and the store it gives'] as number;
    expect(client).toBeGreaterThan(10_000);
    expect(sizes['workers/inline']).toBeGreaterThan(2 * client);
  });
});
