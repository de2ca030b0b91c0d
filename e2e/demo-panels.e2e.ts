/**
 * Every panel of the demo, on real files, with the headers that make a page isolated and without: what is shown is what
 * the engine says, and what is broken is reported.
 */
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launch, type RunningBrowser, removeProfile } from './browser.ts';
import { DEMO_FOLDER } from './build-page.ts';
import { censusOf, checkDemo, type Finding, seriousFindings, waitForDemo } from './demo-page.ts';
import { startServer, type TestServer } from './server.ts';

const SOON = { timeout: 20_000 };
const KINDS = ['fill', 'replace', 'storm', 'commits'];
/** 128 MiB in 16 arenas: filled within seconds. */
const SMALL = 'max=128';

describe.each([
  { how: 'with the headers', isolated: true, query: `?${SMALL}` },
  { how: 'inline, without them', isolated: false, query: `?${SMALL}&profile=inline` },
])('the demo $how', ({ isolated, query }) => {
  let server: TestServer;
  let browser: RunningBrowser;
  let page: Page;
  const failures: string[] = [];

  beforeAll(async () => {
    server = await startServer(DEMO_FOLDER, { isolated });
    browser = await launch();
    page = await browser.context.newPage();
    page.on('pageerror', (error) => failures.push(error.message));
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await page.goto(server.url + query);
    await waitForDemo(page);
  });

  afterAll(async () => {
    await browser.close();
    await removeProfile(browser.profile);
    await server.close();
  });

  const textOf = (selector: string) => page.locator(selector).textContent();
  const numberOf = async (selector: string) =>
    Number((await textOf(selector))?.replaceAll(/[^\d.]/g, ''));
  const stopAll = () => page.evaluate(() => demo.host.open.workloads.stopAll());

  test('the strip says what the page and the store are', async () => {
    const store = await page.evaluate(() => ({
      profile: demo.host.open.store.profile,
      isolated: crossOriginIsolated,
    }));
    expect(store.isolated).toBe(isolated);
    if (!isolated) expect(store.profile).toBe('inline');
    await expect.poll(() => textOf('[data-fact="profile"]'), SOON).toBe(store.profile);
    expect(await textOf('[data-fact="isolated"]')).toBe(isolated ? 'yes' : 'no');
    expect(await textOf('[data-fact="health"]')).toBe('ok');
    expect(await textOf('[data-fact="handles"]')).toBe('2');
    expect(await textOf('[data-fact="quota"]')).toMatch(/B of .*B/);
    expect(await textOf('[data-fact="persisted"]')).toMatch(/yes|no/);
  });

  test('all workloads at once: the map is the engine’s census, cell by cell and pixel by pixel', async () => {
    await page.click('#mix');
    for (const kind of KINDS) {
      await expect
        .poll(() => textOf(`[data-work="${kind}"] .work-note`), SOON)
        .toMatch(/\d+ blocks, last in/);
    }
    await page.waitForTimeout(1500);
    await page.click('#stop-all');
    await stopAll();
    // What the last commit left pending comes free with the next one: the census has to be at rest to be compared.
    const atRest = async () => {
      const { census } = await censusOf(page);
      // Two looks: the one that is answered with the snapshot before, and the one after it; then a frame to draw.
      await page.waitForTimeout(1500);
      const shown = await page.evaluate(countPixels);
      const after = (await censusOf(page)).census;
      return after.join() === census.join() ? { census, shown } : undefined;
    };
    let seen = await atRest();
    for (let left = 4; seen === undefined && left > 0; left--) seen = await atRest();
    if (seen === undefined) throw new Error('The census never came to rest.');
    const { census, shown } = seen;
    expect(shown.cells).toEqual(census);
    expect(shown.pixels).toEqual(shown.cells);
    expect(shown.wrong).toBe(0);
    expect(await checkDemo(page)).toBe('Clean. ');
  });

  test('a block that the page has no pointer to is known by the cache, and that is the truth', async () => {
    const found = await page.evaluate(findPointerless);
    const canvas = page.locator('.tile canvas').nth(found.arena);
    const { width, height } = (await canvas.boundingBox()) ?? { width: 0, height: 0 };
    const position = { x: found.x * width, y: found.y * height };
    await canvas.hover({ position, force: true });
    const address = found.address.toLocaleString('en');
    await expect.poll(() => textOf('#map-readout'), SOON).toContain(`data — address ${address} `);
    const store = await page.evaluate(() => demo.host.open.store.profile);
    const identity = /generation ([\d,]+) · hash ([0-9a-f]{16}) · in the cache/;
    if (store === 'inline') {
      expect(await textOf('#map-readout')).not.toContain('hash');
      return;
    }
    await expect.poll(() => textOf('#map-readout'), SOON).toMatch(identity);
    const [, generation = '', hash = ''] =
      identity.exec((await textOf('#map-readout')) ?? '') ?? [];
    const length = await page.evaluate(
      async (shown) => {
        const { store } = demo.host.open;
        const hash = BigInt(`0x${shown.hash}`);
        return (await store.read({ ...shown, hash })).length;
      },
      { address: found.address, generation: Number(generation.replaceAll(',', '')), hash },
    );
    expect(length).toBe(16_384);
  });

  test('logs, and free ranges as many as the engine has', async () => {
    expect(await page.getAttribute('#ribbon', 'aria-label')).toMatch(/[1-9]\d*\srecord/);
    await page.click('#compact');
    await expect.poll(() => page.getAttribute('#ribbon', 'aria-label'), SOON).toMatch(/compaction/);
    // Both are asked for each time: what waits for its age comes free, and joins its neighbours, meanwhile.
    const shownTooMany = async () => {
      const ranges = await page.evaluate(async () => {
        const { arenas } = await demo.host.open.store.stats();
        return arenas.reduce((sum, { freeRanges }) => sum + freeRanges, 0);
      });
      const counts = await page
        .locator('#histogram li')
        .evaluateAll((items) => items.map((item) => Number(item.dataset['ranges'])));
      return counts.reduce((sum, count) => sum + count, 0) - ranges;
    };
    await expect.poll(shownTooMany, SOON).toBe(0);
  });

  test('a slow reader holds space back, and gives it back', async () => {
    await page.locator('#slow-reader').check();
    await page.click('[data-work="replace"] .start');
    await expect.poll(() => textOf('#epoch-slots'), SOON).toContain('behind');
    // Which of the three lists they are in is the clock's business: a pinned epoch lets it go one further.
    const limbo = async () => {
      const counts = await page.locator('#limbo div output').allTextContents();
      return counts.slice(0, 3).reduce((sum, text) => sum + Number(text.replaceAll(',', '')), 0);
    };
    await expect.poll(limbo, SOON).toBeGreaterThan(500);
    expect(await textOf('#epoch-readout')).toMatch(/holds .*\sMB of/);
    await page.click('[data-work="replace"] .start');
    await stopAll();
    await page.locator('#slow-reader').uncheck();
    await page.click('[data-work="commits"] .start');
    const held = () =>
      page.evaluate(async () => (await demo.host.open.store.stats()).heldByReadersBytes);
    await expect.poll(held, SOON).toBe(0);
    await page.click('[data-work="commits"] .start');
    await expect.poll(limbo, SOON).toBeLessThan(50);
  });

  test('queues and charts', async () => {
    await expect.poll(() => page.locator('#disk-rows tr').count(), SOON).toBe(2);
    const cells = await page.locator('#disk-rows tr').first().locator('th, td').allTextContents();
    expect(cells[0]).toBe('disk-0');
    expect(Number(cells[4])).toBeGreaterThan(1);
    for (const id of ['throughput', 'latency', 'queue', 'held']) {
      expect(await page.locator(`#chart-${id} canvas`).count()).toBe(1);
    }
    expect(await page.getAttribute('#chart-throughput', 'aria-label')).toContain('written');
  });

  test('the cache, and the price of a read three ways', async () => {
    expect(await textOf('#cache-readout')).toMatch(/of [\d,]+\sslots/);
    await page.click('#measure');
    await expect.poll(() => textOf('#price-note'), SOON).toContain('IndexedDB takes');
    expect(await textOf('[data-price="read"] output')).toMatch(/µs|ms/);
    expect(await textOf('[data-price="indexeddb"] output')).toMatch(/µs|ms/);
    const profile = await page.evaluate(() => demo.host.open.store.profile);
    const cached = await textOf('[data-price="cached"] output');
    expect(cached).toMatch(profile === 'inline' ? /shared memory/ : /µs/);
  });

  test('a worker killed in the middle of a commit: all or nothing, and clean', async () => {
    await page.click('#mix');
    await expect
      .poll(() => page.evaluate(() => demo.host.open.field.blockCount), SOON)
      .toBeGreaterThan(300);
    await page.click('#break-kill');
    await expect.poll(() => textOf('#found [data-found="check"]'), SOON).toBe('clean');
    expect(await textOf('#story')).toMatch(/SESSION_LOST|acknowledged all the same/);
    expect(await textOf('#story')).toMatch(/None of its blocks is there|All of its blocks are/);
    expect(await textOf('[data-fact="health"]')).toBe('ok');
    expect(await page.locator('#blocked').isVisible()).toBe(false);
    // Of the store that was opened anew, not of the one before.
    await expect
      .poll(async () => {
        const { cells, pixels, wrong } = await page.evaluate(countPixels);
        const { census } = await censusOf(page);
        return [wrong, pixels.join() === cells.join(), cells.join() === census.join()];
      }, SOON)
      .toEqual([0, true, true]);
  });

  test('a byte flipped on the disk is named, ringed, worked around, and flipped back', async () => {
    await page.click('#break-flip');
    await expect.poll(() => textOf('#found [data-found="check"]'), SOON).toMatch(/^1.problem$/);
    const story = (await textOf('#story')) ?? '';
    const [, address] = /block at ([\d,]+)\./.exec(story) ?? [];
    expect(story).toContain(`The block at ${address?.replaceAll(',', '')} is not the one`);
    expect(story).toContain('CORRUPT');
    await expect.poll(() => numberOf('[data-state="damaged"] output'), SOON).toBe(1);
    await expect.poll(() => page.locator('.ring').count(), SOON).toBe(1);
    await page.click('[data-work="replace"] .start');
    await expect.poll(() => textOf('[data-work="replace"] .work-note'), SOON).toContain('last in');
    await stopAll();
    await page.click('#flip-back');
    await expect.poll(() => textOf('#found [data-found="check"]'), SOON).toBe('clean');
    await expect.poll(() => page.locator('.ring').count(), SOON).toBe(0);
  });

  test('filled to the brim, it can still free and commit', { timeout: 120_000 }, async () => {
    await page.click('#break-fill');
    await expect
      .poll(() => textOf('#found [data-found="check"]'), { timeout: 90_000 })
      .toBe('clean');
    expect(await textOf('#story')).toMatch(/\((FULL|QUOTA)\)/);
    expect(await textOf('#story')).toContain('a full store can still do that');
  });

  test('a browser that grants no more space: the page says so, goes on, and grows again when it may', async () => {
    const tab = await browser.newPage(`${server.url}${query}&store=quota`);
    await waitForDemo(tab);
    const noteOf = (kind: string) => tab.locator(`[data-work="${kind}"] .work-note`).textContent();
    const press = (kind: string) => tab.click(`[data-work="${kind}"] .start`);
    const grownBytes = () =>
      tab.evaluate(async () => (await demo.host.open.store.stats()).grownBytes);
    await press('fill');
    await expect.poll(() => noteOf('fill'), SOON).toContain('last in');
    const protocol = await browser.context.newCDPSession(tab);
    const { origin } = new URL(server.url);
    const { usage = 0 } = await tab.evaluate(() => navigator.storage.estimate());
    await protocol.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: usage });
    await expect.poll(() => noteOf('fill'), SOON).toContain('no more space (QUOTA)');
    const [used, quota] = await tab.evaluate(async () => {
      const { usage = 0, quota = 0 } = await navigator.storage.estimate();
      return [usage, quota];
    });
    expect(used).toBeLessThan((quota ?? 0) + 2 ** 20);
    const grown = await grownBytes();

    // Small commits go on in the room that there is, and space can be made.
    await press('fill');
    await tab.click('#break-fill');
    const found = () => tab.locator('#found [data-found="check"]').textContent({ timeout: 100 });
    await expect.poll(() => found().catch(() => ''), SOON).toBe('clean');
    const story = await tab.locator('#story').textContent();
    expect(story).toContain('(QUOTA)');
    expect(story).toContain('a full store can still do that');
    await press('commits');
    await expect.poll(() => noteOf('commits'), SOON).toContain('last in');
    expect(await tab.locator('[data-fact="health"]').textContent()).toBe('ok');
    expect(await tab.locator('#blocked').isVisible()).toBe(false);
    expect(await grownBytes()).toBe(grown);

    await protocol.send('Storage.overrideQuotaForOrigin', { origin });
    await press('fill');
    await expect.poll(grownBytes, SOON).toBeGreaterThan(grown);
    await expect.poll(() => noteOf('fill'), SOON).toContain('last in');
    await tab.evaluate(() => demo.host.open.workloads.stopAll());
    expect(await checkDemo(tab)).toBe('Clean. ');
    await tab.close();
  });

  test('a second tab is told LOCKED, and the first one hears of it', async () => {
    const [second] = await Promise.all([
      browser.context.waitForEvent('page'),
      page.click('#break-tab'),
    ]);
    await second.locator('#blocked').waitFor();
    expect(await second.locator('#blocked-text').textContent()).toContain('LOCKED');
    await expect.poll(() => textOf('#story'), SOON).toContain('was told LOCKED');
    await second.close();
  });

  test('a reload in the middle of a commit: what opening found, and clean', async () => {
    await page.click('#break-reload');
    await page.waitForEvent('load');
    await waitForDemo(page);
    await expect.poll(() => textOf('#found [data-found="check"]'), SOON).toBe('clean');
    expect(await textOf('#outcome-title')).toContain('Reloaded in the middle');
    expect(await textOf('#story')).toMatch(/None of its blocks is there|All of its blocks are/);
    expect(await textOf('#recovery')).toContain('Opened generation');
  });

  test('an arena can be looked into, and the map says so', async () => {
    await page.locator('.tile-name').first().click();
    expect(await page.getAttribute('#map-view', 'aria-label')).toContain('arena 0');
    expect(await page.locator('.tile:visible').count()).toBe(1);
    await expect.poll(() => textOf('#histogram-title'), SOON).toContain('in arena 0');
    await page.click('#zoom-next');
    expect(await page.locator('.tile:visible .tile-name').textContent()).toMatch(/^1\b/);
    await page.click('#zoom-all');
    expect(await page.locator('.tile:visible').count()).toBe(16);
  });

  const findingsOf = async (tab: Page) => {
    const found: Finding[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await tab.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      found.push(...(await seriousFindings(tab)));
    }
    return found;
  };

  test('axe-core has nothing serious to say, in light and dark, while all workloads run', async () => {
    await page.click('#mix');
    await page.waitForTimeout(1000);
    expect(await findingsOf(page)).toEqual([]);
    await stopAll();
  });

  test('nor of an empty store, whose arenas have no file and whose logs have no record', async () => {
    const empty = await browser.newPage(`${server.url}${query}&store=empty`);
    await waitForDemo(empty);
    expect(await findingsOf(empty)).toEqual([]);
    await empty.close();
  });

  test('nor of the documents, and their pictures are there', async () => {
    const documents = await browser.newPage(`${server.url}docs.html#architecture/life-of-a-write`);
    await documents.locator('h2.here').waitFor();
    expect(await findingsOf(documents)).toEqual([]);
    await documents.goto(`${server.url}docs.html#readme`);
    const missing = () =>
      documents
        .locator('main img')
        .evaluateAll((images: HTMLImageElement[]) =>
          images.flatMap(({ src, naturalWidth }) => (naturalWidth === 0 ? [src] : [])),
        );
    await documents.locator('main img').first().waitFor();
    await expect.poll(missing, SOON).toEqual([]);
    await documents.close();
  });

  test('and nothing failed without being told', () => {
    expect(failures).toEqual([]);
  });
});

/** A block of the workloads' own index: data like any other, but none that the page keeps a pointer to. */
function findPointerless() {
  const { store, field } = demo.host.open;
  const { shape } = demo.map.field;
  for (let cell = 0; cell < shape.arenaCount * shape.arenaBlocks; cell += 1) {
    const address = cell * store.blockSize;
    const isData = demo.map.field.stateOf(cell) === 1;
    if (!isData || field.pointerAt(address) || store.root('commits')?.address === address) continue;
    const arena = Math.floor(cell / shape.arenaBlocks);
    const { width, height } = document.querySelectorAll<HTMLCanvasElement>('.tile canvas')[
      arena
    ] as HTMLCanvasElement;
    const block = cell % shape.arenaBlocks;
    const [column, row] = [block % width, Math.floor(block / width)];
    return { address, arena, x: (column + 0.5) / width, y: (row + 0.5) / height };
  }
  throw new Error('There is no such block.');
}

/** By state: what the field says, and what is on the canvases, read back; and pixels that are not their cell's. */
function countPixels() {
  const { field } = demo.map;
  const { arenaBlocks } = field.shape;
  const style = getComputedStyle(document.documentElement);
  const names = ['free', 'data', 'metadata', 'log', 'dirty', 'pending', 'damaged', 'ungrown'];
  const colours = names.map((name) => {
    const context = new OffscreenCanvas(1, 1).getContext('2d') as OffscreenCanvasRenderingContext2D;
    context.fillStyle = style.getPropertyValue(`--state-${name}`).trim();
    context.fillRect(0, 0, 1, 1);
    return new Uint32Array(context.getImageData(0, 0, 1, 1).data.buffer)[0];
  });
  const pixels = names.map(() => 0);
  let wrong = 0;
  document.querySelectorAll<HTMLCanvasElement>('.tile canvas').forEach((canvas, arena) => {
    const context = canvas.getContext('2d') as CanvasRenderingContext2D;
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    new Uint32Array(data.buffer).subarray(0, arenaBlocks).forEach((pixel, block) => {
      const state = colours.indexOf(pixel);
      if (state !== field.stateOf(arena * arenaBlocks + block)) wrong += 1;
      else pixels[state] = (pixels[state] ?? 0) + 1;
    });
  });
  return { cells: [...field.census].slice(0, -1), pixels: pixels.slice(0, -1), wrong };
}

describe('on a static host', () => {
  let server: TestServer;
  let browser: RunningBrowser;

  beforeAll(async () => {
    server = await startServer(DEMO_FOLDER, { isolated: false });
    browser = await launch();
  });

  afterAll(async () => {
    await browser.close();
    await removeProfile(browser.profile);
    await server.close();
  });

  test('a host that refuses the service worker gets the inline profile, and no second reload', async () => {
    const page = await browser.context.newPage();
    let loads = 0;
    page.on('load', () => {
      loads += 1;
    });
    await page.addInitScript(() => {
      ServiceWorkerContainer.prototype.register = () => Promise.reject(new Error('refused'));
    });
    await page.goto(server.url);
    await waitForDemo(page);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
    expect(await page.locator('[data-fact="isolated"]').textContent()).toBe('no');
    await page.waitForTimeout(1000);
    expect(loads).toBe(1);
    await page.close();
  });

  test('the service worker makes the page isolated with one reload, and inline when asked', async () => {
    const page = await browser.context.newPage();
    let loads = 0;
    page.on('load', () => {
      loads += 1;
    });
    await page.goto(server.url);
    await expect
      .poll(() => page.evaluate(() => crossOriginIsolated).catch(() => false), SOON)
      .toBe(true);
    await waitForDemo(page);
    await page.waitForTimeout(1000);
    expect(loads).toBe(2);
    await page.goto(`${server.url}?profile=inline`);
    await waitForDemo(page);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
    expect(loads).toBe(3);
    await page.close();
  });
});
