/** The life of a disk's thread: as long as there is work it works, then it sleeps on its bell. */
import type { Doorbell } from '../shared/doorbell.ts';
import type { DiskServer } from './disk-server.ts';

/**
 * The bell is rung for everything, the end included; this is for whoever dies before ringing it, and shows that the
 * thread is alive (I14): whoever watches it looks once a second.
 */
const LOOK_MS = 400;

/** Returns when the store has closed the file, or the session has ended. Then the thread may end. */
export function runDisk(server: DiskServer, bell: Doorbell, ended: () => boolean): void {
  for (;;) {
    // Before looking for work: what is pushed after this look rings the bell on.
    const seen = bell.value;
    if (ended()) {
      server.end();
      return;
    }
    if (server.step()) continue;
    if (server.closed) return;
    bell.wait(seen, LOOK_MS);
    server.showLife();
  }
}
