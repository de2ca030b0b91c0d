/** Records a real browser's system calls while it makes a store and some states of it. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { removeProfile } from '../browser.ts';
import { startServer } from '../server.ts';
import { CHROMIUM, startBareBrowser } from './bare-browser.ts';
import { buildCrashPage, CRASH_PAGE_FOLDER } from './build-crash-page.ts';
import { openLedger } from './ledger.ts';
import { type AskedOperation, addressWith, type Plan } from './plan.ts';
import { type BrowserTrace, parseSystemCalls, STRACE, traceOf } from './system-calls.ts';

const RECORDED_WITHIN_MS = 300_000;

/** Whether strace is there. Installs it where that is ours to do; else says how. */
export function findStrace(): boolean {
  if (hasStrace()) return true;
  if (
    process.platform === 'linux' &&
    existsSync('/etc/debian_version') &&
    process.getuid?.() === 0
  ) {
    console.log('strace was not found. Running: apt-get install -y strace');
    execFileSync('apt-get', ['update'], { stdio: 'inherit' });
    execFileSync('apt-get', ['install', '-y', '--no-install-recommends', 'strace'], {
      stdio: 'inherit',
    });
    return hasStrace();
  }
  console.log(
    'No system calls are recorded: that needs Linux and strace. Install it to run this test.',
  );
  return false;
}

function hasStrace(): boolean {
  try {
    execFileSync('strace', ['-V'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** @param states how many transactions, one commit each. */
export async function recordBrowser(seed: number, states: number): Promise<BrowserTrace> {
  await buildCrashPage();
  const folder = await mkdtemp(join(tmpdir(), 'opfs-blocks-trace-'));
  const server = await startServer(CRASH_PAGE_FOLDER);
  const ledger = await openLedger(join(folder, 'ledger.txt'));
  const asked = new Promise<readonly AskedOperation[]>((resolve, reject) => {
    ledger.onEntry = (entry) => {
      if (entry.kind === 'traced') resolve(entry.asked);
      if (entry.kind === 'failed') reject(new Error(entry.message));
    };
  });
  const plan: Plan = {
    ledgerUrl: ledger.url,
    store: 'traced',
    seed,
    cycle: 0,
    moment: 'trace',
    segments: [],
    states,
  };
  const record = join(folder, 'calls.txt');
  const profile = join(folder, 'profile');
  const watched = [...STRACE, '-o', record];
  const address = addressWith(plan, server.url);
  const browser = await startBareBrowser(CHROMIUM, profile, address, watched);
  const deadline = new AbortController();
  const late = pause(RECORDED_WITHIN_MS, undefined, { signal: deadline.signal }).then(() => {
    throw new Error('the recording did not come to its end');
  });
  try {
    const operations = await Promise.race([asked, late]);
    await browser.kill();
    const calls = parseSystemCalls(await readFile(record, 'latin1'));
    return traceOf(calls, operations, seed);
  } finally {
    deadline.abort();
    await browser.kill();
    await ledger.close();
    await server.close();
    await removeProfile(folder);
  }
}
