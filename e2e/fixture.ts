/** One server and one browser for a file of tests. */
import type { CDPSession, Page } from 'playwright';
import { afterAll, beforeAll, inject } from 'vitest';
import { launch, type RunningBrowser, removeProfile } from './browser.ts';
import { startServer, type TestServer } from './server.ts';

export interface Fixture {
  readonly server: TestServer;
  readonly browser: RunningBrowser;
  /** The first page. */
  readonly page: Page;
  newPage(): Promise<Page>;
  /** Ends the browser as a crash does, and starts it again on what is left. */
  crash(): Promise<void>;
  /** Chrome's own protocol, for what no page can do. */
  protocol(page: Page): Promise<CDPSession>;
}

/** Call it at the top of a file. Pages report their uncaught errors on the console of the test. */
export function useBrowser(): Fixture {
  const running: { server?: TestServer; browser?: RunningBrowser; page?: Page } = {};
  const newPage = async (): Promise<Page> => {
    const page = await present(running.browser).newPage(present(running.server).url);
    page.on('pageerror', (error) => console.error(error));
    return page;
  };
  beforeAll(async () => {
    running.server = await startServer(inject('pageFolder'), {
      isolated: inject('profile') === 'threaded',
    });
    running.browser = await launch();
    running.page = await newPage();
  });
  afterAll(async () => {
    const browser = present(running.browser);
    await browser.close();
    await removeProfile(browser.profile);
    await running.server?.close();
  });
  return {
    get server() {
      return present(running.server);
    },
    get browser() {
      return present(running.browser);
    },
    get page() {
      return present(running.page);
    },
    newPage,
    async crash() {
      const { profile, kill } = present(running.browser);
      await kill();
      running.browser = await launch(profile);
      running.page = await newPage();
    },
    protocol: (page) => page.context().newCDPSession(page),
  };
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the browser is started before the first test');
  return value;
}
