/** The files of one opening, each in a disk's thread of its own: devices to create with, and disks for an engine. */
import type { DiskIndex } from '../base/brand.ts';
import type { Device } from '../device/device.ts';
import { BlockHasher, type Hasher } from '../format/hasher.ts';
import { ringDisks } from '../store/ring-disks.ts';
import type { OpenDisks } from '../store/store-files.ts';
import type { DiskLink } from '../sync/disk-link.ts';
import { RemoteDevice } from '../sync/remote-device.ts';
import { type Chance, SteppedPort, SteppedThreads } from './stepped-threads.ts';

export class SteppedStore {
  readonly threads: SteppedThreads;
  private readonly hasher: Hasher;
  private readonly links: DiskLink[] = [];

  constructor(options: { cacheBytes: number; hasher: Hasher; chance?: Chance | undefined }) {
    this.threads = new SteppedThreads(options);
    this.hasher = options.hasher;
  }

  /** Hands the file to a thread. */
  start(disk: number, device: Device): RemoteDevice {
    const { hasher, threads } = this;
    const verifier = (hashDomain: Uint8Array) => new BlockHasher(hasher, hashDomain).verify;
    threads.start({ disk: disk as DiskIndex, device, verifier });
    const link = threads.link(disk as DiskIndex, device);
    this.links[disk] = link;
    return new RemoteDevice(link);
  }

  get disks(): OpenDisks {
    const { threads } = this;
    return ringDisks(threads.memory, this.links, (link) => new SteppedPort(link, threads));
  }
}
