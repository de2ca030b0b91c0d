/** `kill -9` of real browsers, again and again. OPFS_BLOCKS_KILLS is how often, OPFS_BLOCKS_SEED from which seed on. */
import { beforeAll, expect, test } from 'vitest';
import { announceFirefox } from '../firefox.ts';
import { CHROMIUM, FIREFOX } from './bare-browser.ts';
import { buildCrashPage } from './build-crash-page.ts';
import { runKillLoop } from './kill-loop.ts';

/** Firefox takes twice as long to start. */
const KILLS_BY_DEFAULT = { Chromium: 10, Firefox: 5 };
const SEED = Number(process.env['OPFS_BLOCKS_SEED'] ?? 1);
const KILLS_PER_PROFILE = 50;
const REPORT_EVERY = 50;

const hasFirefox = announceFirefox();

beforeAll(buildCrashPage);

for (const browser of [CHROMIUM, FIREFOX]) {
  const kills = Number(process.env['OPFS_BLOCKS_KILLS'] ?? KILLS_BY_DEFAULT[browser.name]);
  test.skipIf(browser === FIREFOX && !hasFirefox)(
    `I6: ${browser.name} killed ${kills} times loses nothing acknowledged and shows nothing torn`,
    { timeout: 60_000 + kills * 15_000 },
    async () => {
      const startedMs = performance.now();
      const options = { browser, seed: SEED, kills, killsPerProfile: KILLS_PER_PROFILE };
      const tally = await runKillLoop(options, (sofar) => {
        if (sofar.kills % REPORT_EVERY === 0) console.log(JSON.stringify(sofar));
      });
      const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
      console.log(`${browser.name}: ${JSON.stringify(tally)} in ${seconds} s`);
      expect(tally.kills).toBe(kills);
      expect(tally.acked).toBeGreaterThan(kills);
    },
  );
}
