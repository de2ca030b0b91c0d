/**
 * A synchronous session's disks, each in a thread of its own: how its files are opened there, and how its engine gets
 * at them. Readers of other threads are no concern here, so it is all that such a session needs of shared memory.
 */
import type { DiskIndex } from '../base/brand.ts';
import type { Device } from '../device/device.ts';
import type { DiskPageReader } from '../shared/disk-page.ts';
import type { SessionMemory } from '../shared/session-memory.ts';
import { DiskLink, type Waiting } from '../sync/disk-link.ts';
import { RemoteDevice } from '../sync/remote-device.ts';
import type { StoreDirectory } from './directory.ts';
import { ringDisks } from './ring-disks.ts';
import type { StartDisk } from './session-threads.ts';
import type { OpenDisks } from './store-files.ts';

export class DiskThreads {
  private readonly parts: { memory: SessionMemory; waiting: Waiting; startDisk: StartDisk };
  private readonly links = new Map<string, DiskLink>();

  constructor(parts: {
    readonly memory: SessionMemory;
    readonly waiting: Waiting;
    readonly startDisk: StartDisk;
  }) {
    this.parts = parts;
  }

  /** Has the file opened in a thread of its own. */
  readonly openDevice: StoreDirectory['open'] = async (file, { create }): Promise<Device> => {
    const { memory, waiting, startDisk } = this.parts;
    const disk = Number(file.slice('disk-'.length));
    await startDisk({ disk, file, create });
    const link = new DiskLink({ disk: disk as DiskIndex, file, memory, waiting });
    this.links.set(file, link);
    return new RemoteDevice(link);
  };

  /** What the disks that are open show of themselves. */
  get pages(): readonly DiskPageReader[] {
    const open = [...this.links.values()].filter(({ gone }) => gone === undefined);
    return open.map(({ page }) => page);
  }

  /** How an engine gets at files that were opened here. */
  readonly disks = (devices: readonly Device[]): OpenDisks => {
    const links = devices.map((device) => this.links.get(device.file) as DiskLink);
    return ringDisks(this.parts.memory, links);
  };
}
