/**
 * Not a test: the demo in the six situations that are worth a picture, on three widths, light, dark and in forced
 * colours, to be looked at; and what a frame costs under full write load. `npm run look`; the pictures are in
 * test-results/demo.
 */
import { mkdir } from 'node:fs/promises';
import type { Page } from 'playwright';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { launch, type RunningBrowser, removeProfile } from './browser.ts';
import { DEMO_FOLDER } from './build-page.ts';
import { waitForDemo } from './demo-page.ts';
import { startServer, type TestServer } from './server.ts';

const PICTURES = 'test-results/demo';
const LONG = { timeout: 900_000 };
/** Drawing 4K without a graphics card leaves little of the cores for filling. */
const FILLED = { timeout: 120_000 };
/** What a frame's script may take. */
const FRAME_MS_BAR = 4;
/** Pictures are the same in both profiles, but for a word. */
const onceTest = test.runIf(inject('profile') === 'threaded');

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
    await page.waitForFunction(() => demo.host.open.field.blockCount > 36_000, null, FILLED);
    await toggle(page, 'fill');
    await page.locator('#fill-rate').press('Home');
    for (let n = 0; n < 6; n += 1) await page.locator('#fill-rate').press('ArrowRight');
    await page.click('#mix');
    await page.waitForTimeout(5000);
  },
  fragmented: async (page) => {
    await slide(page, 'fill-rate', 'max');
    await toggle(page, 'fill');
    await page.waitForFunction(() => demo.host.open.field.blockCount > 28_000, null, FILLED);
    await toggle(page, 'fill');
    await slide(page, 'storm-rate', 'max');
    await toggle(page, 'storm');
    await page.waitForFunction(() => demo.host.open.field.blockCount < 15_000, null, FILLED);
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
  { width: 390, height: 844 },
  { width: 1280, height: 800 },
  { width: 2560, height: 1440 },
] as const;
const LOOKS = [
  { look: 'light', media: { colorScheme: 'light', forcedColors: 'none' } },
  { look: 'dark', media: { colorScheme: 'dark', forcedColors: 'none' } },
  { look: 'forced', media: { colorScheme: 'dark', forcedColors: 'active' } },
] as const;
/** Charts follow a change of colours with their next samples. */
const RECOLOURED_MS = 600;

onceTest('pictures', LONG, async () => {
  for (const { width, height } of WIDTHS) {
    for (const [scene, play] of Object.entries(SCENES)) {
      const page = await open(`${scene} ${width}`);
      await page.setViewportSize({ width, height });
      await play(page);
      await shootLooks(page, `${scene} ${width}`);
      await page.close();
    }
  }
});

/** The whole page, or a part of it, in each of the looks. */
async function shootLooks(page: Page, name: string, part = ''): Promise<void> {
  for (const { look, media } of LOOKS) {
    await page.emulateMedia(media);
    await page.waitForTimeout(RECOLOURED_MS);
    const path = `${PICTURES}/${name} ${look}.png`;
    if (part === '') await page.screenshot({ path, fullPage: true });
    else await page.locator(part).screenshot({ path });
  }
}

/** As narrow and as wide as the page promises to work. */
const EDGES = [
  { width: 360, height: 740 },
  { width: 3840, height: 2160 },
] as const;

onceTest('pictures at the edges', LONG, async () => {
  for (const { width, height } of EDGES) {
    for (const scene of ['idle', 'busy', 'damaged']) {
      const page = await open(`${scene} ${width}`);
      await page.setViewportSize({ width, height });
      await SCENES[scene]?.(page);
      await shootLooks(page, `${scene} ${width}`);
      await page.close();
    }
  }
});

const DOCUMENTS = ['readme', 'architecture', 'format', 'testing'];

onceTest('pictures of the documents', LONG, async () => {
  for (const { width, height } of WIDTHS) {
    for (const name of DOCUMENTS) {
      const page = await browser.newPage(`${server.url}docs.html#${name}`);
      await page.locator('h1').waitFor();
      await page.setViewportSize({ width, height });
      await shootLooks(page, `document ${name} ${width}`);
      await page.close();
    }
  }
});

onceTest('pictures of the benchmark', LONG, async () => {
  const page = await open('benchmark');
  await page.locator('#bench button').click();
  await page.locator('#bench button:enabled').waitFor({ timeout: 300_000 });
  for (const { width, height } of WIDTHS) {
    await page.setViewportSize({ width, height });
    await shootLooks(page, `benchmark ${width}`, '#panel-bench');
  }
  await page.close();
});

test.runIf(inject('profile') === 'inline')('pictures of the inline profile', LONG, async () => {
  const page = await open('busy inline', '&profile=inline');
  await page.setViewportSize({ width: 1280, height: 800 });
  await SCENES['busy']?.(page);
  await page.click('#measure');
  await shootLooks(page, 'busy inline 1280');
  await page.close();
});

/** The three that the README shows; kept in the source. */
onceTest('pictures of the README', LONG, async () => {
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
  const page = await open('frames', inject('profile') === 'inline' ? '&profile=inline' : '');
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
  const frames = await framesOf(page, async () => {
    for (let n = 0; n < 5; n += 1) {
      await page.waitForTimeout(3000);
      const figures = await page.evaluate(() => ({ ...document.documentElement.dataset }));
      const load = await page.getAttribute('#chart-throughput', 'aria-label');
      const { frameMedianMs, frameP95Ms, frameSlowestMs } = figures;
      lines.push(
        `median ${frameMedianMs} ms, p95 ${frameP95Ms}, slowest ${frameSlowestMs}; ${load}`,
      );
    }
  });
  lines.push(`script, by the clock: ${inWords(frames.map(({ wallMs }) => wallMs))}`);
  lines.push(`script, while it had a core: ${inWords(frames.map(({ cpuMs }) => cpuMs))}`);
  console.log(`${inject('profile')}, ${frames.length} frames\n${lines.join('\n')}`);
  await page.close();
});

interface FrameTimes {
  /** From the start of a frame's script to its end. */
  readonly wallMs: number;
  /** Without the time in which the system gave the core to others: there are more threads at work than cores. */
  readonly cpuMs: number;
}

/** What the browser's own trace says of the frames' scripts meanwhile, the microtasks behind them included. */
async function framesOf(page: Page, work: () => Promise<void>): Promise<FrameTimes[]> {
  const protocol = await page.context().newCDPSession(page);
  const frames: FrameTimes[] = [];
  protocol.on('Tracing.dataCollected', ({ value }) => {
    for (const { name, dur, tdur } of value as unknown as TraceEvent[]) {
      if (name !== 'FireAnimationFrame') continue;
      frames.push({ wallMs: (dur ?? 0) / 1000, cpuMs: (tdur ?? 0) / 1000 });
    }
  });
  const ended = new Promise((resolve) => protocol.once('Tracing.tracingComplete', resolve));
  await protocol.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: ['devtools.timeline'] },
  });
  await work();
  await protocol.send('Tracing.end');
  await ended;
  await protocol.detach();
  return frames;
}

/** In microseconds. */
interface TraceEvent {
  readonly name: string;
  readonly dur?: number;
  readonly tdur?: number;
}

function inWords(times: readonly number[]): string {
  const sorted = [...times].sort((one, other) => one - other);
  const at = (share: number) =>
    (sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0).toFixed(1);
  const over = times.filter((ms) => ms > FRAME_MS_BAR).length;
  return `median ${at(0.5)} ms, p95 ${at(0.95)}, p99 ${at(0.99)}, slowest ${at(1)}; ${over} over ${FRAME_MS_BAR}`;
}
