/**
 * A real browser for tests: found or installed, started with a profile of its own. Never Playwright's default context,
 * which is off the record: there OPFS lives in memory and its flush does nothing.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright';

const SYSTEM_BROWSERS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
];

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Playwright's own browser, else one of the system, else one that is installed now. */
export function findBrowser(): string {
  const found = installedBrowser();
  if (found !== undefined) return found;
  installBrowser();
  const installed = installedBrowser();
  if (installed !== undefined) return installed;
  throw new Error(
    'no Chromium was found or could be installed: install one, or run test:node only',
  );
}

function installedBrowser(): string | undefined {
  return [chromium.executablePath(), ...SYSTEM_BROWSERS].find((path) => existsSync(path));
}

function installBrowser(): void {
  const isDebianRoot = existsSync('/etc/debian_version') && process.getuid?.() === 0;
  const commands: [string, string[]][] = isDebianRoot
    ? [
        ['apt-get', ['update']],
        ['apt-get', ['install', '-y', '--no-install-recommends', 'chromium']],
      ]
    : [['npx', ['playwright', 'install', 'chromium']]];
  for (const [command, options] of commands) {
    console.log(`No browser was found. Running: ${command} ${options.join(' ')}`);
    execFileSync(command, options, { stdio: 'inherit' });
  }
}

export interface RunningBrowser {
  readonly context: BrowserContext;
  /** Its profile's folder: start another browser on it to see what is left. */
  readonly profile: string;
  newPage(url: string): Promise<Page>;
  /** As `kill -9` of the browser process. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

/**
 * @param profile a folder used before; a fresh one when left out.
 * @param flags besides those that every start has.
 */
export async function launch(
  profile?: string,
  flags: readonly string[] = [],
): Promise<RunningBrowser> {
  const folder = profile ?? (await mkdtemp(join(tmpdir(), 'opfs-blocks-profile-')));
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: findBrowser(),
    headless: true,
    args: [...FLAGS, ...flags],
  });
  return {
    context,
    profile: folder,
    async newPage(url) {
      const page = await context.newPage();
      await page.goto(url);
      return page;
    },
    async kill() {
      const pid = await browserPid(context);
      const closed = new Promise((resolve) => context.once('close', resolve));
      process.kill(pid, 'SIGKILL');
      await closed;
    },
    close: () => context.close(),
  };
}

async function browserPid(context: BrowserContext): Promise<number> {
  const browser = context.browser();
  if (browser === null) throw new Error('a persistent context without its browser');
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  const main = processInfo.find(({ type }) => type === 'browser');
  if (main === undefined) throw new Error('no browser process among its processes');
  return main.id;
}

/** The folder of a browser that is not used any more. */
export async function removeProfile(profile: string): Promise<void> {
  await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}
