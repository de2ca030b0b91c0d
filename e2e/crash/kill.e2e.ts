/**
 * `kill -9` of a real browser, again and again. OPFS_BLOCKS_KILLS is how often, OPFS_BLOCKS_SEED from which seed
 * on.
 */
import { beforeAll, expect, test } from 'vitest';
import { buildCrashPage } from './build-crash-page.ts';
import { runKillLoop } from './kill-loop.ts';

const KILLS = Number(process.env['OPFS_BLOCKS_KILLS'] ?? 10);
const SEED = Number(process.env['OPFS_BLOCKS_SEED'] ?? 1);
const KILLS_PER_PROFILE = 50;
const REPORT_EVERY = 50;

beforeAll(buildCrashPage);

test(`I6: a browser killed ${KILLS} times loses nothing acknowledged and shows nothing torn`, {
  timeout: 60_000 + KILLS * 10_000,
}, async () => {
  const startedAt = performance.now();
  const options = { seed: SEED, kills: KILLS, killsPerProfile: KILLS_PER_PROFILE };
  const tally = await runKillLoop(options, (sofar) => {
    if (sofar.kills % REPORT_EVERY === 0) console.log(JSON.stringify(sofar));
  });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${JSON.stringify(tally)} in ${seconds} s`);
  expect(tally.kills).toBe(KILLS);
  expect(tally.acked).toBeGreaterThan(KILLS);
});
