/** What the community's own tools say of the package, and what it costs to download. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Message, publint } from 'publint';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageSizes } from '../../scripts/size.mjs';
import { HAS_WORKER_ENTRY, pack, ROOT } from './tarball.ts';

let folder: string;
let tarball: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'opfs-blocks-package-'));
  tarball = pack(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What is said of an entry whose source is not written yet. */
function isOfMissingEntry({ path }: Message): boolean {
  return !HAS_WORKER_ENTRY && path.includes('./worker');
}

test('publint has nothing to say', async () => {
  const bytes = readFileSync(tarball);
  const { messages } = await publint({ pack: { tarball: new Uint8Array(bytes).buffer } });
  expect(messages.filter((message) => !isOfMissingEntry(message))).toEqual([]);
});

test('attw finds the types of every entry', () => {
  const options = ['--profile', 'esm-only', '--format', 'json'];
  if (!HAS_WORKER_ENTRY) options.push('--exclude-entrypoints', './worker');
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
  expect(Object.keys(analysis.entrypoints)).toContain('.');
});

describe('the size budget', () => {
  /**
   * Bytes, minified and compressed, without WebAssembly. A worker is loaded beside the page, not by it; the sum is what
   * a bundler ships that shares chunks.
   */
  const BUDGETS: Readonly<Record<string, number>> = {
    'src/index.js': 25_000,
    'src/testing.js': 90_000,
    'src/worker.js': 75_000,
    'src/index.js and all workers': 85_000,
  };
  const WORKER_BUDGET = 65_000;

  test('is kept by every entry', async () => {
    const sizes = await packageSizes();
    expect(Object.keys(sizes)).toContain('workers/inline.js');
    const tooLarge = Object.entries(sizes).filter(
      ([name, bytes]) => bytes > (BUDGETS[name] ?? WORKER_BUDGET),
    );
    expect(tooLarge).toEqual([]);
    // The WebAssembly and the engine are not in the client.
    expect(sizes['src/index.js']).toBeGreaterThan(5_000);
    expect(sizes['workers/inline.js']).toBeGreaterThan(sizes['src/index.js'] as number);
  });
});
