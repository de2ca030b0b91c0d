/**
 * The packed package, installed as a stranger does, behind every bundler that we say it works with. Each folder here is
 * one app: a bundler's smallest configuration, and what has to be added for opfs-blocks, if anything. They are copied
 * to a folder outside the repository, so that nothing of ours is found by accident.
 */
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launch, type RunningBrowser, removeProfile } from '../browser.ts';
import { readmeBlocks } from '../docs/examples.ts';
import { pack } from '../package/tarball.ts';
import { startServer } from '../server.ts';

const FIXTURES = fileURLToPath(new URL('.', import.meta.url));
const OUTCOME_MS_MAX = 30_000;

interface Outcome {
  readonly text: string;
  readonly created: readonly boolean[];
  readonly clean: boolean;
  readonly profile: string;
  readonly isolated: boolean;
}

let folder: string;
let tarball: string;
let browser: RunningBrowser;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'opfs-blocks-bundlers-'));
  tarball = pack(folder);
  browser = await launch();
});
afterAll(async () => {
  await browser.close();
  await removeProfile(browser.profile);
  rmSync(folder, { recursive: true });
});

/** A copy of the app with everything installed. */
function install(bundler: string): string {
  const app = join(folder, bundler);
  cpSync(join(FIXTURES, bundler), app, { recursive: true });
  cpSync(join(FIXTURES, 'app.js'), join(app, 'app.js'));
  const page = join(app, 'index.html');
  if (!existsSync(page)) cpSync(join(FIXTURES, 'index.html'), page);
  const [quickStart] = readmeBlocks();
  writeFileSync(join(app, 'quick-start.js'), quickStart?.code ?? '');
  const quickStartPage = readFileSync(page, 'utf8').replace('./main.js', './quick-start.js');
  writeFileSync(join(app, 'quick-start.html'), quickStartPage);
  const options = ['--prefer-offline', '--no-audit', '--no-fund', '--no-package-lock'];
  npm(app, 'install', ...options, tarball);
  return app;
}

/** Returns the folder to serve: the app's own when there is nothing to build. */
function build(app: string): string {
  npm(app, 'run', 'build', '--if-present');
  const built = join(app, 'dist');
  if (!existsSync(built)) return app;
  // For bundlers that know nothing of pages.
  const page = join(built, 'index.html');
  if (!existsSync(page)) cpSync(join(app, 'index.html'), page);
  return built;
}

function npm(app: string, ...args: string[]): void {
  const options = [...args, '--loglevel', 'error'];
  execFileSync('npm', options, { cwd: app, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Vite's development server: it serves modules one by one, so workers are found in another way than in a build. */
async function startVite(app: string): Promise<{ url: string; stop(): Promise<void> }> {
  const script = join(app, 'node_modules/vite/bin/vite.js');
  const vite = spawn(process.execPath, [script, '--port', '0'], {
    cwd: app,
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => vite.once('exit', () => resolve()));
  let said = '';
  const url = await new Promise<string>((resolve, reject) => {
    vite.once('exit', () => reject(new Error(`vite has ended:\n${said}`)));
    vite.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const found = /http:\/\/localhost:\d+\//.exec(said);
      if (found !== null) resolve(found[0]);
    });
  });
  return {
    url,
    async stop() {
      vite.kill();
      await ended;
    },
  };
}

/** What the page tells of itself, or its first error. */
async function outcomeOf(url: string): Promise<Outcome> {
  const page = await browser.context.newPage();
  const failed = new Promise<never>((_, reject) => {
    page.on('pageerror', reject);
    page.on('requestfailed', (request) => reject(new Error(`${request.url()} failed`)));
    page.on('response', (response) => {
      if (!response.ok()) reject(new Error(`${response.url()}: ${response.status()}`));
    });
  });
  const told = async (): Promise<Outcome> => {
    await page.goto(url);
    const outcome = await page.waitForFunction(
      () => (globalThis as unknown as { outcome?: Outcome }).outcome,
      undefined,
      { timeout: OUTCOME_MS_MAX },
    );
    return (await outcome.jsonValue()) as Outcome;
  };
  try {
    return await Promise.race([told(), failed]);
  } finally {
    await page.close();
  }
}

async function expectStoreAt(url: string, how: string): Promise<void> {
  const outcome = await outcomeOf(url);
  expect(outcome).toMatchObject({
    text: 'hello, block',
    created: [true, false],
    clean: true,
    isolated: true,
    // It takes the store's worker and a disk's: every script was found.
    profile: 'threaded',
  });
  console.log(`${how}: profile ${outcome.profile}`);
}

/** The README's first program, as it is printed there. */
async function expectQuickStartAt(url: string): Promise<void> {
  const page = await browser.context.newPage();
  const printed: string[] = [];
  page.on('console', (message) => printed.push(message.text()));
  page.on('pageerror', (error) => printed.push(String(error)));
  await page.goto(`${url}quick-start.html`);
  await expect.poll(() => printed, { timeout: OUTCOME_MS_MAX }).toContain('hello, block');
  await page.close();
}

const BUNDLERS = ['vite-7', 'vite-8', 'webpack', 'rollup', 'esbuild', 'no-bundler'];

describe.each(BUNDLERS)('%s: a store is opened, written, reopened and read', (bundler) => {
  let app: string;
  beforeAll(() => {
    app = install(bundler);
  });

  test('from what is built', async () => {
    const server = await startServer(build(app), { isolated: true });
    try {
      await expectStoreAt(server.url, bundler);
      if (bundler === 'no-bundler') await expectQuickStartAt(server.url);
    } finally {
      await server.close();
    }
  });

  if (!bundler.startsWith('vite')) return;
  test('from the development server', async () => {
    const server = await startVite(app);
    try {
      await expectStoreAt(server.url, `${bundler}, development server`);
      await expectQuickStartAt(server.url);
    } finally {
      await server.stop();
    }
  });
});
