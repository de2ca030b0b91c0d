/** The rows of the page: a fresh profile for each, so that no run inherits another's files. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { build } from 'vite';
import { launch, removeProfile } from '../browser.ts';
import { findFirefox, launchFirefox } from '../firefox.ts';
import { startServer } from '../server.ts';
import { judgeFigure, type Verdict } from './page/bars.ts';
import type { RunOptions } from './page/group.ts';
import type { GrowthRequest, GrowthResult } from './page/growth.ts';
import { MEMORY_ALLOWANCE_BYTES, type MemoryRequest, type MemoryResult } from './page/memory.ts';
import type { SuiteResult } from './page/suite.ts';
import { sizeText } from './report.ts';

/** Else a page waits for the next collection of garbage, which may be 20 s away, before it measures its memory. */
const FLAGS = ['--enable-blink-features=ForceEagerMeasureMemory'];
const MIB = 2 ** 20;

export interface BenchBrowser {
  readonly version: string;
  suite(options: RunOptions, isolated: boolean): Promise<SuiteResult>;
  /** The isolated page in Firefox; `undefined` where that is not installed. */
  firefox(options: RunOptions): Promise<FirefoxSuite | undefined>;
  memory(request: MemoryRequest): Promise<MemoryResult | undefined>;
  growth(request: GrowthRequest): Promise<GrowthResult>;
  close(): Promise<void>;
}

export interface FirefoxSuite {
  readonly version: string;
  readonly suite: SuiteResult;
}

export async function startBenchBrowser(
  root: string,
  log: (line: string) => void,
): Promise<BenchBrowser> {
  const folder = await mkdtemp(join(tmpdir(), 'opfs-blocks-bench-'));
  await buildPage(root, folder);
  const server = await startServer(folder);
  const first = await launch(undefined, FLAGS);
  const version = first.context.browser()?.version() ?? 'unknown';
  await first.close();
  await removeProfile(first.profile);
  const onPage = async <T>(isolated: boolean, work: (page: Page) => Promise<T>): Promise<T> => {
    server.isolated = isolated;
    const browser = await launch(undefined, FLAGS);
    try {
      const page = await browser.newPage(server.url);
      page.on('pageerror', (error) => log(`page: ${error}`));
      page.on('console', (message) => log(`page: ${message.text()}`));
      return await work(page);
    } finally {
      await browser.close();
      await removeProfile(browser.profile);
    }
  };
  return {
    version,
    suite: (options, isolated) =>
      onPage(isolated, (page) =>
        page.evaluate((given) => benchPage.runSuite(given, (text) => console.log(text)), options),
      ),
    async firefox(options) {
      if (findFirefox() === undefined) return undefined;
      server.isolated = true;
      // A clock as fine as Chromium's on such a page.
      const browser = await launchFirefox({ 'privacy.reduceTimerPrecision': false });
      try {
        const page = await browser.newPage(server.url);
        page.on('console', (message) => log(`page: ${message.text()}`));
        const agent = await page.evaluate(() => navigator.userAgent);
        log(agent);
        const suite = await page.evaluate(
          (given) => benchPage.runSuite(given, (text) => console.log(text)),
          options,
        );
        return { version: /Firefox\/[\d.]+/.exec(agent)?.[0].replace('/', ' ') ?? agent, suite };
      } finally {
        await browser.close();
        await removeProfile(browser.profile);
      }
    },
    memory: (request) =>
      onPage(true, (page) => page.evaluate((given) => benchPage.measureMemory(given), request)),
    growth: (request) =>
      onPage(true, (page) => page.evaluate((given) => benchPage.measureGrowth(given), request)),
    async close() {
      await server.close();
      await rm(folder, { recursive: true });
    },
  };
}

async function buildPage(root: string, folder: string): Promise<void> {
  await build({
    configFile: false,
    root: `${root}/e2e/bench/page`,
    base: './',
    logLevel: 'error',
    build: { outDir: folder, emptyOutDir: true, target: 'es2022' },
    worker: { format: 'es' },
  });
}

export function judgeMemory(request: MemoryRequest, result: MemoryResult): Verdict[] {
  const row = `memory, store of ${sizeText(request.dataBytes)}`;
  const text = (bytes: number) => `${(bytes / MIB).toFixed(1)} MiB`;
  const largest = Math.max(result.filledBytes, result.halfBytes, result.endBytes);
  const drift = result.endBytes - result.halfBytes;
  return [
    judgeFigure({
      row,
      bar: `≤ cacheBytes (${text(request.cacheBytes)}) + ${text(MEMORY_ALLOWANCE_BYTES)}`,
      value: largest,
      text: text(largest),
      atMost: request.cacheBytes + MEMORY_ALLOWANCE_BYTES,
    }),
    judgeFigure({
      row,
      bar: `flat over ${request.operations.toLocaleString('en')} operations: second half adds ≤ 1 MiB`,
      value: drift,
      text: text(drift),
      atMost: MIB,
    }),
  ];
}
