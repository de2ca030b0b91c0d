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
  /** Its profile's folder. */
  readonly profile: string;
  newPage(url: string): Promise<Page>;
  close(): Promise<void>;
}

export async function launchFirefox(preferences: FirefoxPreferences): Promise<RunningFirefox> {
  const executablePath = findFirefox();
  if (executablePath === undefined) throw new Error('Firefox is not installed here');
  const profile = await mkdtemp(join(tmpdir(), 'opfs-blocks-firefox-'));
  const browser = await launch({
    browser: 'firefox',
    executablePath,
    headless: true,
    userDataDir: profile,
    // Whoever uses it has deadlines of his own.
    protocolTimeout: 0,
    extraPrefsFirefox: { ...preferences },
  });
  return {
    profile,
    async newPage(url) {
      const page = await browser.newPage();
      page.on('pageerror', (error) => console.error(error));
      await page.goto(url);
      return page;
    },
    close: () => browser.close(),
  };
}
