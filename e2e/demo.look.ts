/**
 * Not a test: the demo in the six situations that are worth a picture, on three widths, to be looked at; and what a
 * frame costs under full write load. `npm run look`; the pictures are in test-results/demo.
 */
import { mkdir } from 'node:fs/promises';
import type { Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launch, type RunningBrowser, removeProfile } from './browser.ts';
import { DEMO_FOLDER } from './build-page.ts';
import { waitForDemo } from './demo-page.ts';
import { startServer, type TestServer } from './server.ts';

const PICTURES = 'test-results/demo';
const LONG = { timeout: 400_000 };

let server: TestServer;
let browser: RunningBrowser;

beforeAll(async () => {
  server = await startServer(DEMO_FOLDER);
  browser = await launch();
  await mkdir(PICTURES, { recursive: true });
});

afterAll(async () => {
  await browser.close();
  await removeProfile(browser.profile);
  await server.close();
});

async function open(store: string, query = ''): Promise<Page> {
  const page = await browser.newPage(`${server.url}?store=${store}${query}`);
  await waitForDemo(page);
  return page;
}

/** Moves a slider as a person does. */
async function slide(page: Page, id: string, value: 'min' | 'max'): Promise<void> {
  await page.locator(`#${id}`).press(value === 'max' ? 'End' : 'Home');
}

async function toggle(page: Page, kind: string): Promise<void> {
  await page.click(`[data-work="${kind}"] .start`);
}

async function checked(page: Page): Promise<void> {
  await page.locator('#found [data-tone]').waitFor();
  await page.waitForTimeout(700);
}

const SCENES: Record<string, (page: Page) => Promise<void>> = {
  idle: async () => {},
  busy: async (page) => {
    await slide(page, 'fill-rate', 'max');
    await toggle(page, 'fill');
    await page.waitForFunction(() => demo.host.open.field.blockCount > 36_000);
    await toggle(page, 'fill');
    await page.locator('#fill-rate').press('Home');
    for (let n = 0; n < 6; n += 1) await page.locator('#fill-rate').press('ArrowRight');
    await page.click('#mix');
    await page.waitForTimeout(5000);
  },
  fragmented: async (page) => {
    await slide(page, 'fill-rate', 'max');
    await toggle(page, 'fill');
    await page.waitForTimeout(4000);
    await toggle(page, 'fill');
    await toggle(page, 'storm');
    await page.waitForTimeout(8000);
    await toggle(page, 'storm');
    await page.waitForTimeout(2500);
  },
  'slow reader': async (page) => {
    await page.click('#mix');
    await page.waitForTimeout(3000);
    await page.locator('#slow-reader').check();
    await page.waitForTimeout(8000);
  },
  recovery: async (page) => {
    await page.click('#mix');
    await page.waitForTimeout(4000);
    await page.click('#break-kill');
    await checked(page);
  },
  damaged: async (page) => {
    await page.click('#mix');
    await page.waitForTimeout(4000);
    await page.click('#break-flip');
    await checked(page);
  },
};

const WIDTHS = [
  { width: 390, height: 844, colorScheme: 'light' },
  { width: 1280, height: 800, colorScheme: 'dark' },
  { width: 2560, height: 1440, colorScheme: 'light' },
] as const;

test('pictures', LONG, async () => {
  for (const { width, height, colorScheme } of WIDTHS) {
    for (const [scene, play] of Object.entries(SCENES)) {
      const page = await open(`${scene} ${width}`);
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
      await play(page);
      await page.screenshot({ path: `${PICTURES}/${scene} ${width}.png`, fullPage: true });
      await page.close();
    }
  }
});

/** The three that the README shows; kept in the source. */
test('pictures of the README', LONG, async () => {
  const kept = 'demo/pictures';
  await mkdir(kept, { recursive: true });
  const shoot = async (scene: string, colorScheme: 'light' | 'dark', of: string) => {
    const page = await open(scene);
    await page.setViewportSize({ width: 1280, height: 880 });
    await page.emulateMedia({ colorScheme });
    await SCENES[scene]?.(page);
    await page.mouse.move(0, 0);
    await page.evaluate(() => scrollTo(0, 0));
    const path = `${kept}/${scene.replace(' ', '-')}.png`;
    if (of === '') await page.screenshot({ path });
    else await page.locator(of).screenshot({ path });
    await page.close();
  };
  await shoot('busy', 'dark', '');
  await shoot('slow reader', 'light', '#panel-map');
  await shoot('damaged', 'light', '#panel-break');
});

test('script a frame under full write load, 65,536 cells', LONG, async () => {
  const page = await open('frames');
  await page.setViewportSize({ width: 1280, height: 800 });
  for (const kind of ['fill', 'replace']) await slide(page, `${kind}-rate`, 'max');
  await slide(page, 'replace-batch', 'max');
  await toggle(page, 'fill');
  await expect
    .poll(() => page.locator('[data-work="fill"] .work-note').textContent(), { timeout: 120_000 })
    .toContain('FULL');
  await toggle(page, 'fill');
  // Room to move: a store that is full to the brim waits more than it writes.
  await toggle(page, 'storm');
  await page.waitForTimeout(6000);
  await toggle(page, 'storm');
  await toggle(page, 'replace');
  await toggle(page, 'commits');
  const lines: string[] = [];
  for (let n = 0; n < 5; n += 1) {
    await page.waitForTimeout(3000);
    const figures = await page.evaluate(() => ({ ...document.documentElement.dataset }));
    const load = await page.getAttribute('#chart-throughput', 'aria-label');
    const { frameMedianMs, frameP95Ms, frameSlowestMs } = figures;
    lines.push(`median ${frameMedianMs} ms, p95 ${frameP95Ms}, slowest ${frameSlowestMs}; ${load}`);
  }
  console.log(lines.join('\n'));
  await page.close();
});
