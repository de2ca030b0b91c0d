/**
 * Sessions that end at random moments: workers terminated (that of the engine, and with shared memory one of those
 * that have a file), tabs closed. What was acknowledged is there, what was pending is told so. OPFS_BLOCKS_ENDS is how
 * often each, OPFS_BLOCKS_SEED from which seed on.
 */
import type { Page } from 'playwright';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { Random } from '../../src/sim/random.ts';
import { useBrowser } from '../fixture.ts';

const fixture = useBrowser();
const ENDS = Number(process.env['OPFS_BLOCKS_ENDS'] ?? 10);
const SEED = Number(process.env['OPFS_BLOCKS_SEED'] ?? 1);
const timeout = 60_000 + ENDS * 8000;

/** What a page can do once `prepare` has run in it. Counts are transactions of one store, over all its sessions. */
interface Counting {
  /** Opens, proves the last count, and tells it. */
  recover(name: string, waitMs: number): Promise<{ count: number; sound: boolean; ms: number }>;
  /** One transaction after the other; resolves with how that came to its end. */
  count(onStep: (acked: number, submitted: number) => unknown): Promise<string>;
  /** Terminates a worker, and tells how long it took until the session and every pending call had ended, and how. */
  kill(which: 'engine' | 'file'): Promise<{ ms: number; codes: string[]; late: string }>;
  close(): Promise<void>;
}

declare global {
  var counting: Counting;
}

/** Runs in the page. A count is a block of its own; one before it is written and freed in the same transaction. */
function prepare(): void {
  let session: Awaited<ReturnType<typeof lib.openStore>> | undefined;
  let last = 0;
  const blockOf = (count: number): Uint8Array => {
    const bytes = pattern(count, 4096);
    new DataView(bytes.buffer).setUint32(0, count, true);
    return bytes;
  };
  globalThis.counting = {
    async recover(name, waitMs) {
      const startedMs = performance.now();
      session = await lib.openStore(name, { blockSize: 4096, waitMs, worker: startWorker });
      const ms = performance.now() - startedMs;
      const root = session.root('count');
      const bytes = root === undefined ? undefined : await session.read(root);
      const count = bytes === undefined ? 0 : new DataView(bytes.buffer).getUint32(0, true);
      const intact = bytes === undefined || bytes.join() === blockOf(count).join();
      const { clean } = await session.check({ reachable: root === undefined ? [] : [root] });
      last = count;
      return { count, sound: intact && clean, ms };
    },
    async count(onStep) {
      const store = session;
      if (store === undefined) throw new Error('recover first');
      for (let acked = last; ; acked += 1) {
        await onStep(acked, acked + 1);
        try {
          await store.transaction(async (tx) => {
            const old = tx.root('count');
            const spare = await tx.write(blockOf(0));
            tx.setRoot('count', await tx.write(blockOf(acked + 1)));
            tx.free(spare);
            if (old !== undefined) tx.free(old);
          });
        } catch (error) {
          return (error as { code: string }).code;
        }
      }
    },
    async kill(which) {
      const store = session;
      if (store === undefined) throw new Error('recover first');
      const startedMs = performance.now();
      const ended = new Promise<void>((resolve) => {
        store.on('health', ({ health }) => health === 'closed' && resolve());
      });
      const pending = [store.stats(), store.check(), store.transaction(() => 1)];
      endWorker(which);
      pending.push(store.stats());
      const codes = await Promise.all(
        pending.map((call) =>
          call.then(
            () => 'answered',
            ({ code }) => String(code),
          ),
        ),
      );
      await ended;
      const ms = performance.now() - startedMs;
      return { ms, codes, late: (await caught(() => store.stats())).code };
    },
    close: async () => session?.close(),
  };
}

async function newPage(): Promise<Page> {
  const page = await fixture.newPage();
  await page.evaluate(prepare);
  return page;
}

beforeAll(async () => {
  await fixture.page.evaluate(prepare);
});

/** Without shared memory there is one worker, which has the engine and all files. */
const WORKERS =
  inject('profile') === 'inline' ? (['engine'] as const) : (['engine', 'file'] as const);

describe.each(WORKERS)('I14: the worker with the %s is terminated at a random moment', (which) => {
  test(`${ENDS} times: pending calls are SESSION_LOST, nothing acknowledged is missing`, {
    timeout,
  }, async () => {
    const random = new Random(SEED);
    const waits: number[] = [];
    const ends: number[] = [];
    for (let round = 0; round < ENDS; round += 1) {
      const idle = random.chance(0.3);
      const pauseMs = random.below(120);
      const result = await fixture.page.evaluate(
        async ([idle, pauseMs, which]) => {
          const { count, sound, ms } = await counting.recover(`terminated ${which}`, 5000);
          const steps = { acked: count, submitted: count };
          let ended = Promise.resolve('SESSION_LOST');
          if (!idle) {
            ended = counting.count((acked, submitted) =>
              Object.assign(steps, { acked, submitted }),
            );
          }
          await new Promise((resolve) => setTimeout(resolve, pauseMs));
          const killed = await counting.kill(which);
          const code = await ended;
          const again = await counting.recover(`terminated ${which}`, 5000);
          await counting.close();
          return { code, again, steps, sound, ms, killed };
        },
        [idle, pauseMs, which] as const,
      );
      const { again, steps, killed } = result;
      const where = `seed=${SEED} round=${round} idle=${idle} pause=${pauseMs}`;
      expect(result, where).toMatchObject({ code: 'SESSION_LOST', sound: true });
      expect(again, where).toMatchObject({ sound: true });
      expect(again.count, where).toBeGreaterThanOrEqual(steps.acked);
      expect(again.count, where).toBeLessThanOrEqual(steps.submitted);
      // An answer may have been on its way already, or need no dead disk.
      for (const code of killed.codes) expect(code, where).toMatch(/^(SESSION_LOST|answered)$/);
      expect(killed.late, where).toBe('SESSION_LOST');
      waits.push(Math.round(again.ms));
      ends.push(Math.round(killed.ms));
    }
    expect(Math.max(...waits)).toBeLessThan(5000);
    expect(Math.max(...ends)).toBeLessThan(5000);
    console.log(
      `${ENDS} workers terminated; their sessions had ended after ${ends.join(', ')} ms; ` +
        `reopening took ${waits.join(', ')} ms`,
    );
  });
});

describe('I11: two tabs', () => {
  test(`${ENDS} takeovers, after random closes: the other tab gets all that was acknowledged`, {
    timeout,
  }, async () => {
    const random = new Random(SEED);
    const steps = { acked: 0, submitted: 0 };
    let holder = await newPage();
    let heir = await newPage();
    await fixture.browser.context.exposeFunction('noteStep', (acked: number, submitted: number) => {
      Object.assign(steps, { acked, submitted });
    });
    for (let round = 0; round < ENDS; round += 1) {
      const how = (['close', 'reload', 'store'] as const)[random.below(3)] ?? 'close';
      const pauseMs = random.below(200);
      const where = `seed=${SEED} round=${round} how=${how} pause=${pauseMs}`;
      const before = { ...steps };
      const found = await holder.evaluate(() => counting.recover('handed over', 5000));
      expect(found.sound, where).toBe(true);
      expect(found.count, where).toBeGreaterThanOrEqual(before.acked);
      expect(found.count, where).toBeLessThanOrEqual(before.submitted);
      // A tab that is closed tells nobody; what it told last is what counts.
      void holder.evaluate(startCounting).catch(() => undefined);
      const takeover = heir.evaluate(() => counting.recover('handed over', 20_000));
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      await leave(holder, how);
      const taken = await takeover;
      expect(taken.sound, where).toBe(true);
      expect(taken.count, where).toBeGreaterThanOrEqual(steps.acked);
      expect(taken.count, where).toBeLessThanOrEqual(Math.max(steps.submitted, found.count));
      Object.assign(steps, { acked: taken.count, submitted: taken.count });
      await heir.evaluate(() => counting.close());
      if (!holder.isClosed()) await holder.close();
      [holder, heir] = [heir, await newPage()];
    }
    await Promise.all([holder.close(), heir.close()]);
    expect(steps.acked).toBeGreaterThan(ENDS);
  });
});

/** Runs in the page. Every step is known outside before it begins. */
async function startCounting(): Promise<void> {
  const { noteStep } = globalThis as unknown as { noteStep(acked: number, next: number): unknown };
  await counting.count(noteStep);
}

async function leave(page: Page, how: 'close' | 'reload' | 'store'): Promise<void> {
  if (how === 'close') await page.close();
  else if (how === 'reload') await page.reload();
  else await page.evaluate(() => counting.close());
}
