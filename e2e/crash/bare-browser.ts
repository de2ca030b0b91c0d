/**
 * A browser with nobody at its other end: started on one page, which talks to the ledger, and killed with all its
 * processes. Starts in half the time of one that is driven.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findBrowser } from '../browser.ts';
import { findFirefox } from '../firefox.ts';

export const BARE_FLAGS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--no-default-browser-check', '--disable-background-networking', '--disable-extensions'],
  ...['--disable-component-update', '--disable-sync', '--password-store=basic'],
];

/** Which browser is started, and how. */
export interface BrowserKind {
  readonly name: 'Chromium' | 'Firefox';
  /** How many times longer than Chromium its work takes, about: kills fall in windows so much wider. */
  readonly slowness: number;
  /** Where in its profile the files of sites are. */
  readonly filesFolder: string;
  /** Before each start: what the profile must hold. */
  prepare(profile: string): Promise<void>;
  command(profile: string, url: string): string[];
}

export const CHROMIUM: BrowserKind = {
  name: 'Chromium',
  slowness: 1,
  filesFolder: join('Default', 'File System'),
  prepare: async () => {},
  command: (profile, url) => [findBrowser(), ...BARE_FLAGS, `--user-data-dir=${profile}`, url],
};

/** No pages but the one asked for, no question about the crashes that we make, and nobody called. */
const FIREFOX_PREFERENCES = {
  'app.normandy.enabled': false,
  'browser.aboutwelcome.enabled': false,
  'browser.safebrowsing.update.enabled': false,
  'browser.sessionstore.resume_from_crash': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,',
  'toolkit.startup.max_resumed_crashes': -1,
};

export const FIREFOX: BrowserKind = {
  name: 'Firefox',
  slowness: 3,
  filesFolder: join('storage', 'default'),
  async prepare(profile) {
    await mkdir(profile, { recursive: true });
    const lines = Object.entries(FIREFOX_PREFERENCES).map(
      ([preference, value]) => `user_pref("${preference}", ${JSON.stringify(value)});\n`,
    );
    await writeFile(join(profile, 'user.js'), lines.join(''));
  },
  command: (profile, url) => [
    findFirefox() ?? 'firefox',
    '--headless',
    '--no-remote',
    '--profile',
    profile,
    url,
  ],
};

export interface BareBrowser {
  /** As `kill -9` of its whole process group. Idempotent. */
  kill(): Promise<void>;
}

/** @param wrapper a command that runs the browser, as `strace` does. */
export async function startBareBrowser(
  kind: BrowserKind,
  profile: string,
  url: string,
  wrapper: readonly string[] = [],
): Promise<BareBrowser> {
  await kind.prepare(profile);
  const command = [...wrapper, ...kind.command(profile, url)];
  const [program = '', ...options] = command;
  // Its own process group, so that the kill reaches renderers too.
  const browser = spawn(program, options, { detached: true, stdio: 'ignore' });
  const exited = new Promise<void>((resolve) => {
    browser.once('exit', () => resolve());
    browser.once('error', () => resolve());
  });
  return {
    async kill() {
      killGroup(browser);
      await exited;
    },
  };
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // Nobody is left: killed before, or crashed by itself, which the missing ledger entries tell.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
