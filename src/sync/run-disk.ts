/** The life of a disk's thread: as long as there is work it works, then it sleeps on its bell. */
import { nextTask } from '../base/next-task.ts';
import type { Doorbell } from '../shared/doorbell.ts';
import type { DiskServer } from './disk-server.ts';

/**
 * The bell is rung for everything, the end included; this is for whoever dies before ringing it, and shows that the
 * thread is alive (I14): whoever watches it looks once a second.
 */
const LOOK_MS = 400;

/**
 * Resolves when the store has closed the file, or the session has ended. Then the thread may end.
 *
 * When nobody has rung for a whole look, the thread's event loop has a turn, for what the browser has to do there: a
 * page that measures its memory waits a minute for each thread that never comes back to it.
 */
export async function runDisk(
  server: DiskServer,
  bell: Doorbell,
  ended: () => boolean,
): Promise<void> {
  for (;;) {
    // Before looking for work: what is pushed after this look rings the bell on.
    const seen = bell.value;
    if (ended()) {
      server.end();
      return;
    }
    if (server.step()) continue;
    if (server.closed) return;
    bell.waitAwake(seen, LOOK_MS);
    if (bell.value === seen) await new Promise<void>(nextTask);
    server.showLife();
  }
}
