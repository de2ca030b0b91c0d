/**
 * A browser with nobody at its other end: started on one page, which talks to the ledger, and killed with all its
 * processes. Starts in half the time of one that is driven.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { findBrowser } from '../browser.ts';

export const BARE_FLAGS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--no-default-browser-check', '--disable-background-networking', '--disable-extensions'],
  ...['--disable-component-update', '--disable-sync', '--password-store=basic'],
];

export interface BareBrowser {
  /** As `kill -9` of its whole process group. Idempotent. */
  kill(): Promise<void>;
}

/** @param wrapper a command that runs the browser, as `strace` does. */
export function startBareBrowser(
  profile: string,
  url: string,
  wrapper: readonly string[] = [],
): BareBrowser {
  const command = [...wrapper, findBrowser(), ...BARE_FLAGS, `--user-data-dir=${profile}`, url];
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
