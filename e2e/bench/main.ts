/**
 * `npm run bench`: opfs-blocks beside the limit and beside what people would use instead. Prints Markdown, writes JSON.
 *
 * --quick            two minutes at most: fewer samples, fewer peers, and less data where a row says so
 * --only TEXT        groups whose title contains it, and nothing else: `--only "memory of"`, `--only replay`
 * --profile NAME     threaded, inline (as the page's headers allow), or firefox, where it is installed; all of them in
 *                    a full run, the first two in a quick one
 * --growth, --huge   the growth table up to 1 GiB, up to 8 GiB; part of a full run up to 1 GiB
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type BenchBrowser, judgeMemory, startBenchBrowser } from './browser-rows.ts';
import { measureCode } from './code-size.ts';
import { describeMachine } from './machine.ts';
import { measureNodeRows } from './node-rows.ts';
import type { Verdict } from './page/bars.ts';
import type { GroupResult } from './page/group.ts';
import type { GrowthResult } from './page/growth.ts';
import type { MemoryRequest } from './page/memory.ts';
import type { SuiteResult } from './page/suite.ts';
import { barTable } from './page/table.ts';
import { groupReport, growthReport, machineReport, partsText } from './report.ts';

const MIB = 2 ** 20;
const RESULTS = 'bench-results';
const QUICK = { msPerGroup: 1500, roundsMax: 60, nodeMs: 1000, growthMs: 3000 };
const FULL = { msPerGroup: 20_000, roundsMax: 400, nodeMs: 10_000, growthMs: 15_000 };
const MEMORY_TITLE = 'Memory of an open store';
const MEMORY: MemoryRequest = { dataBytes: 1024 * MIB, cacheBytes: 64 * MIB, operations: 1e6 };
const QUICK_MEMORY: MemoryRequest = { ...MEMORY, dataBytes: 256 * MIB, operations: 50_000 };
const CODE_TITLE = 'Code shipped';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    profile: { type: 'string', default: 'all' },
    growth: { type: 'boolean', default: false },
    huge: { type: 'boolean', default: false },
  },
});
const scale = flags.quick ? QUICK : FULL;
const root = process.cwd();
const log = (line: string) => console.error(`${(performance.now() / 1000).toFixed(1)} s: ${line}`);

function isWanted(title: string): boolean {
  return flags.only === undefined || title.toLowerCase().includes(flags.only.toLowerCase());
}

/** A column. */
interface SuiteRun extends SuiteResult {
  readonly title: string;
}

async function runSuites(browser: BenchBrowser): Promise<SuiteRun[]> {
  const { msPerGroup, roundsMax } = scale;
  const options = {
    ...{ msPerGroup, roundsMax, peers: true, barredPeersOnly: flags.quick },
    ...(flags.only === undefined ? {} : { only: flags.only }),
  };
  const runs: SuiteRun[] = [];
  const wants = (profile: string) => ['all', profile].includes(flags.profile);
  const run = async (isolated: boolean) => {
    const suite = await browser.suite(options, isolated);
    runs.push({ ...suite, title: isolated ? suite.profile : `${suite.profile}, no headers` });
  };
  if (wants('threaded')) await run(true);
  // Where isolation brings no threads, the page without it would be the same again with a coarser clock.
  const haveInline = runs.some(({ profile }) => profile === 'inline');
  if (wants('inline') && !haveInline) await run(false);
  if (flags.profile === 'firefox' || (wants('firefox') && !flags.quick)) {
    const firefox = await browser.firefox(options);
    if (firefox === undefined) log('Firefox is not installed: its column is left out.');
    else runs.push(unjudged(`${firefox.version}, ${firefox.suite.profile}`, firefox.suite));
  }
  return runs;
}

/** Bars are promises for Chromium. */
function unjudged(title: string, suite: SuiteResult): SuiteRun {
  const groups = suite.groups.map((group) => ({
    ...group,
    verdicts: group.verdicts.map((verdict) => ({ ...verdict, met: undefined })),
  }));
  return { ...suite, groups, title };
}

function runCode(): ReturnType<typeof measureCode> {
  log(CODE_TITLE);
  return measureCode(root);
}

async function runMemory(browser: BenchBrowser): Promise<Verdict[]> {
  const request = flags.quick ? QUICK_MEMORY : MEMORY;
  log(MEMORY_TITLE);
  const result = await browser.memory(request);
  if (result === undefined) return [];
  for (const moment of result.parts) log(partsText(moment));
  return judgeMemory(request, result);
}

async function runGrowth(browser: BenchBrowser): Promise<GrowthResult[]> {
  const sizes = [64 * MIB, 1024 * MIB, ...(flags.huge ? [8192 * MIB] : [])];
  const results: GrowthResult[] = [];
  for (const dataBytes of sizes) {
    log(`growth, ${dataBytes / MIB} MiB`);
    const peers = dataBytes <= 1024 * MIB;
    results.push(await browser.growth({ dataBytes, msMax: scale.growthMs, peers }));
  }
  return results;
}

async function main(): Promise<void> {
  const everything = flags.only === undefined;
  const nodeGroups: GroupResult[] = await measureNodeRows(scale.nodeMs, isWanted, log);
  const code = isWanted(CODE_TITLE) ? await runCode() : { sizes: {}, verdicts: [] };
  log('building the page');
  const browser = await startBenchBrowser(root, log);
  const suites = await runSuites(browser);
  const memory = isWanted(MEMORY_TITLE) ? await runMemory(browser) : [];
  const wantsGrowth = flags.growth || flags.huge || (everything && !flags.quick);
  const growth = wantsGrowth ? await runGrowth(browser) : [];
  await browser.close();
  const machine = describeMachine(root, `Chromium ${browser.version}`);
  const seconds = performance.now() / 1000;
  const everywhere = [
    ...nodeGroups.flatMap(({ verdicts }) => verdicts),
    ...memory,
    ...code.verdicts,
  ];
  const columns = suites.map(({ title, groups }, index) => ({
    title,
    verdicts: [...groups.flatMap(({ verdicts }) => verdicts), ...(index === 0 ? everywhere : [])],
  }));
  console.log(
    [
      machineReport(machine, seconds),
      barTable(columns),
      ...suites.map(groupReport),
      ...(nodeGroups.length === 0 ? [] : [groupReport({ groups: nodeGroups, missing: [] })]),
      ...(growth.length === 0 ? [] : [growthReport(growth)]),
    ].join('\n\n'),
  );
  mkdirSync(RESULTS, { recursive: true });
  const path = `${RESULTS}/${machine.date.replaceAll(':', '-')}.json`;
  writeFileSync(
    path,
    JSON.stringify({ machine, seconds, columns, suites, nodeGroups, code, growth }),
  );
  log(`${path}, ${seconds.toFixed(0)} s`);
}

await main();
