/**
 * The disks of a store whose files belong to other threads: says in the session page what the store is like, and
 * makes a port of each link.
 */

import { cacheLayout } from '../shared/cache-layout.ts';
import { mailboxCells } from '../shared/contents-layout.ts';
import { PAGE_CLIENT } from '../shared/control-layout.ts';
import { describeSession, type SessionMemory } from '../shared/session-memory.ts';
import type { DiskLink } from '../sync/disk-link.ts';
import { RingPort } from '../sync/ring-port.ts';
import { faultError } from './store-errors.ts';
import type { OpenDisks } from './store-files.ts';

/** @param links One a disk, in order; the file behind each is open. */
export function ringDisks(
  memory: SessionMemory,
  links: readonly DiskLink[],
  openPort: (link: DiskLink) => RingPort = (link) => new RingPort(link),
): OpenDisks {
  return ({ label, slotCount }) => {
    const { words, control, bytes } = memory;
    const { blockBytes, diskCount } = label.geometry;
    const cells = mailboxCells({ blockBytes, diskCount }, PAGE_CLIENT);
    describeSession(memory, { blockBytes, slotCount, diskCount, mailboxCells: cells });
    const ports = links.slice(0, diskCount).map(openPort);
    for (const port of ports) {
      const fault = port.configure({ blockBytes, hashDomain: label.hashDomain });
      if (fault !== undefined) throw faultError(fault);
    }
    const { wordCount } = cacheLayout({ slotCount, blockBytes });
    return {
      ports,
      memory: { bytes },
      control: words.subarray(control.cache, control.cache + wordCount),
    };
  };
}
