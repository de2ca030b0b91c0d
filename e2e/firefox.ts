/**
 * Firefox for tests, where it is installed: nothing here installs it. Driven through WebDriver BiDi, with a profile of
 * its own.
 */
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launch, type Page } from 'puppeteer-core';

const SYSTEM_FIREFOXES = [
  '/usr/bin/firefox-esr',
  '/usr/bin/firefox',
  '/snap/bin/firefox',
  '/Applications/Firefox.app/Contents/MacOS/firefox',
  'C:\\Program Files\\Mozilla Firefox\\firefox.exe',
];

/** OPFS_BLOCKS_FIREFOX names another one; naming none that is there is how to leave these tests out. */
export function findFirefox(): string | undefined {
  const named = process.env['OPFS_BLOCKS_FIREFOX'];
  const candidates = named === undefined ? SYSTEM_FIREFOXES : [named];
  return candidates.find((path) => existsSync(path));
}

/** Whether Firefox is there; says so in one line when its tests are left out. */
export function announceFirefox(): boolean {
  const found = findFirefox() !== undefined;
  if (!found) console.log('Firefox is not installed: its tests are skipped.');
  return found;
}

export type FirefoxPreferences = Readonly<Record<string, string | number | boolean>>;

export interface RunningFirefox {
  /** Its profile's folder: start another one on it to see what is left. */
  readonly profile: string;
  /** `Firefox/153.7.0`. */
  readonly version: string;
  newPage(url: string): Promise<Page>;
  /** As `kill -9` of all its processes. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

export interface FirefoxOptions {
  /** A folder used before; a fresh one when left out. */
  readonly profile?: string;
  readonly preferences?: FirefoxPreferences;
}

export async function launchFirefox(options: FirefoxOptions = {}): Promise<RunningFirefox> {
  const executablePath = findFirefox();
  if (executablePath === undefined) throw new Error('Firefox is not installed here');
  const profile = options.profile ?? (await mkdtemp(join(tmpdir(), 'opfs-blocks-firefox-')));
  const browser = await launch({
    browser: 'firefox',
    executablePath,
    headless: true,
    userDataDir: profile,
    extraPrefsFirefox: { ...options.preferences },
  });
  return {
    profile,
    version: await browser.version(),
    async newPage(url) {
      const page = await browser.newPage();
      page.on('pageerror', (error) => console.error(error));
      await page.goto(url);
      return page;
    },
    async kill() {
      const child = browser.process();
      if (child?.pid === undefined) throw new Error('a started browser has a process');
      const exited = new Promise((resolve) => child.once('exit', resolve));
      // Its own process group, so that content processes go as well.
      process.kill(-child.pid, 'SIGKILL');
      await exited;
    },
    close: () => browser.close(),
  };
}
