/** The demo in a real browser, on real files: what a person does with it, and what happens to it. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Locator, Page } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { findBrowser, launch, type RunningBrowser, removeProfile } from './browser.ts';
import { DEMO_FOLDER } from './build-page.ts';
import { checkDemo, waitForDemo } from './demo-page.ts';
import { startServer, type TestServer } from './server.ts';

const MB = 1_000_000;
const PROGRAM_BYTES = 100 * MB;

let server: TestServer;
let folder: string;
let browser: RunningBrowser;

beforeAll(async () => {
  server = await startServer(DEMO_FOLDER, { isolated: inject('profile') === 'threaded' });
  folder = await mkdtemp(join(tmpdir(), 'opfs-blocks-demo-'));
});

afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  browser = await launch();
});

afterEach(async () => {
  await browser.close();
  await removeProfile(browser.profile);
});

/** A file of bytes that no compression shrinks and no zeroed block resembles. */
async function makeFile(
  name: string,
  byteCount: number,
): Promise<{ path: string; sha256: string }> {
  const words = new Uint32Array(Math.ceil(byteCount / 4));
  let state = byteCount;
  for (let n = 0; n < words.length; n += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    words[n] = state;
  }
  const path = join(folder, name);
  await writeFile(path, new Uint8Array(words.buffer, 0, byteCount));
  return { path, sha256: await sha256Of(path) };
}

/** 100 MB of a program that nobody made for this test: of the browser, or of Node where that is larger. */
async function copyProgram(name: string): Promise<{ path: string; sha256: string }> {
  const programs = [findBrowser(), '/usr/lib/chromium/chromium', process.execPath];
  const sizes = await Promise.all(
    programs.map(async (path) => ({
      path,
      size: (await stat(path).catch(() => undefined))?.size ?? 0,
    })),
  );
  const large = sizes.find(({ size }) => size >= PROGRAM_BYTES);
  if (large === undefined) throw new Error('neither the browser nor Node is a file of 100 MB');
  const path = join(folder, name);
  const firstBytes = createReadStream(large.path, { end: PROGRAM_BYTES - 1 });
  await pipeline(firstBytes, createWriteStream(path));
  return { path, sha256: await sha256Of(path) };
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

async function openDemo(query = ''): Promise<Page> {
  const page = await browser.newPage(server.url + query);
  await waitForDemo(page);
  return page;
}

function rowOf(page: Page, name: string): Locator {
  return page.locator(`[data-file="${name}"]`);
}

async function download(page: Page, name: string): Promise<string> {
  const [downloaded] = await Promise.all([
    page.waitForEvent('download'),
    rowOf(page, name).getByText('Download').click(),
  ]);
  const path = join(folder, `downloaded ${name}`);
  await downloaded.saveAs(path);
  await rowOf(page, name).getByText('verified').waitFor();
  return sha256Of(path);
}

/** The verdict, `Clean.` or how many problems, and these. */
async function check(page: Page): Promise<string> {
  const verdict = await checkDemo(page);
  return `${verdict}${await page.locator('#check-report ul').allTextContents()}`;
}

function count(page: Page, state: string): Promise<number> {
  const output = page.locator(`[data-state="${state}"] output`);
  return output.textContent().then((text) => Number(text?.replaceAll(',', '')));
}

describe('the demo', () => {
  test('a program of 100 MB survives a killed browser, byte for byte; the store is clean', {
    timeout: 240_000,
  }, async () => {
    const name = 'program.bin';
    const { path, sha256 } = await copyProgram(name);
    const page = await openDemo();
    await page.setInputFiles('#pick', path);
    await rowOf(page, name).waitFor({ timeout: 120_000 });
    await browser.kill();

    browser = await launch(browser.profile);
    const again = await openDemo();
    expect(await rowOf(again, name).locator('code').textContent()).toBe(sha256);
    expect(await again.locator('#recovery').textContent()).toContain('Opened generation');
    expect(await download(again, name)).toBe(sha256);
    expect(await check(again)).toBe('Clean. ');
  });

  test('a browser killed in the middle of an upload leaves no file and no leak', async () => {
    const { path } = await makeFile('half.bin', 150 * MB);
    const page = await openDemo();
    const before = await count(page, 'data');
    await page.setInputFiles('#pick', path);
    await page
      .locator('#transfers')
      .getByText(/[1-9][\d.]*\sMB durable/)
      .waitFor();
    await browser.kill();

    browser = await launch(browser.profile);
    const again = await openDemo();
    expect(await again.locator('#files li').count()).toBe(0);
    expect(await again.locator('#recovery').textContent()).toContain('upload had not ended');
    expect(await check(again)).toBe('Clean. ');
    expect(await count(again, 'data')).toBe(before);
  });

  test('deleting gives the space back, and what was dropped is there', async () => {
    const page = await openDemo();
    await page.evaluate(() => {
      const files = new DataTransfer();
      files.items.add(new File([new Uint8Array(5_000_000).fill(7)], 'dropped.bin'));
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: files, bubbles: true }));
    });
    await rowOf(page, 'dropped.bin').waitFor();
    await expect.poll(() => count(page, 'data'), { timeout: 10_000 }).toBeGreaterThan(300);
    await rowOf(page, 'dropped.bin').getByText('Delete').click();
    await rowOf(page, 'dropped.bin').waitFor({ state: 'detached' });
    await expect.poll(() => count(page, 'data'), { timeout: 10_000 }).toBeLessThan(10);
    expect(await check(page)).toBe('Clean. ');
  });

  test('an image goes out, and comes in as another store with the same file', async () => {
    const { path, sha256 } = await makeFile('small.bin', 3 * MB);
    const page = await openDemo();
    await page.setInputFiles('#pick', path);
    await rowOf(page, 'small.bin').waitFor();
    const [image] = await Promise.all([
      page.waitForEvent('download'),
      page.locator('#export').click(),
    ]);
    const imagePath = join(folder, 'demo.opfs-blocks');
    await image.saveAs(imagePath);
    await page.setInputFiles('#import', imagePath);
    await page.locator('#image-report a').click();
    await page.waitForURL('**/?store=demo-2');
    await waitForDemo(page);
    expect(await download(page, 'small.bin')).toBe(sha256);
    expect(await check(page)).toBe('Clean. ');
  });

  test('a second tab is told that the store is open elsewhere, and goes on when it is not', async () => {
    const first = await openDemo();
    const second = await browser.newPage(`${server.url}?wait=300`);
    await second.locator('#blocked').waitFor();
    expect(await second.locator('#blocked-text').textContent()).toContain('LOCKED');
    await first.close();
    await second.locator('#retry').click();
    await waitForDemo(second);
  });

  test('the page is quiet: no foreign request, no message, no shift, and it fits a phone', async () => {
    const page = await browser.context.newPage();
    const foreign: string[] = [];
    const messages: string[] = [];
    page.on('request', (request) => {
      const { origin } = new URL(request.url());
      if (!['null', new URL(server.url).origin].includes(origin)) foreign.push(request.url());
    });
    page.on('console', (message) => messages.push(message.text()));
    page.on('pageerror', (error) => messages.push(error.message));
    await page.setViewportSize({ width: 390, height: 2400 });
    await page.goto(server.url);
    await waitForDemo(page);
    await page.setInputFiles('#pick', (await makeFile('quiet.bin', MB)).path);
    await rowOf(page, 'quiet.bin').waitFor();
    // What comes late moves most on a narrow screen, where everything stands below it.
    await page.reload();
    await waitForDemo(page);
    await page.waitForTimeout(500);
    const shift = await page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          new PerformanceObserver((list) => {
            const entries = list.getEntries() as unknown as { value: number }[];
            resolve(entries.reduce((sum, { value }) => sum + value, 0));
          }).observe({ type: 'layout-shift', buffered: true });
          setTimeout(() => resolve(0), 200);
        }),
    );
    expect(shift).toBeLessThan(0.002);
    // A long name in the list of stores is what could widen it.
    await page.goto(`${server.url}?store=a%20name%20that%20is%20not%20short%20at%20all`);
    await waitForDemo(page);
    for (const width of [360, 800, 3840]) {
      await page.setViewportSize({ width, height: 800 });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(overflow).toBeLessThanOrEqual(0);
    }
    expect(foreign).toEqual([]);
    expect(messages).toEqual([]);
  });

  test('the map is used with the keyboard alone, and says what it shows', async () => {
    const page = await openDemo();
    const readout = page.locator('#map-readout');
    expect(await readout.textContent()).toContain('arrow keys');
    const { path } = await makeFile('map.bin', MB);
    await page.setInputFiles('#pick', path);
    await rowOf(page, 'map.bin').waitFor();
    await expect.poll(() => count(page, 'data'), { timeout: 10_000 }).toBeGreaterThan(60);
    await page.locator('#map-view').focus();
    await page.keyboard.press('ArrowRight');
    expect(await readout.textContent()).toContain('(arena 0, block 0)');
    await page.keyboard.press('ArrowRight');
    expect(await readout.textContent()).toContain('data — address 16,384 (arena 0, block 1)');
    await expect.poll(() => readout.textContent()).toMatch(/generation \d+ · hash [0-9a-f]{16}/);
    await page.keyboard.press('Enter');
    expect(await page.locator('#map-view').getAttribute('aria-label')).toContain('arena 0');
    expect(await readout.textContent()).toContain('(arena 0, block 1)');
    await page.keyboard.press('Escape');
    await page.keyboard.press('End');
    expect(await readout.textContent()).toContain('not grown yet — address 67,092,480');
    expect(await page.locator('#map-view').getAttribute('aria-label')).toContain(
      'Map of all arenas',
    );
  });
});
