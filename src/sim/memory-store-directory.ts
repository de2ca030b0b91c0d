/**
 * A store's directory over memory files, as a session wants it: what sessions are tested on. Probes can be slow, wrong
 * or refused, and are counted; devices can be wrapped. Nothing in here is durable.
 *
 * Not shared with the client's `memory-origin`: there each file belongs to a worker that may be killed, and a folder
 * comes into being with its first file.
 */
import { StoreError } from '../base/errors.ts';
import type { Device } from '../device/device.ts';
import { openDevice } from '../device/handle-device.ts';
import { MemoryDirectory } from '../device/memory-handle.ts';
import { createHasher } from '../format/hasher.ts';
import { LABEL } from '../format/label.ts';
import type { StoreDirectory } from '../store/directory.ts';
import type { OpenDisks } from '../store/store-files.ts';
import { type Profile, profileHere } from './profile.ts';
import { SteppedStore } from './stepped-store.ts';

/** What the sessions of tests ask for, at most. */
const CACHE_BYTES_MAX = 2 ** 20;

type Probe = (files: readonly string[], storeId?: Uint8Array) => Promise<'alive' | 'gone'>;

export class MemoryStoreDirectory implements StoreDirectory {
  /** The files themselves, to look at, to damage, to copy. */
  files: MemoryDirectory;
  /** Wraps each device that is opened, to record or to inject faults. */
  wrap: (device: Device) => Device = (device) => device;
  /** Called in place of the honest probe, which it may ask. */
  probing: (honest: Probe) => Probe = (honest) => honest;
  /** A look without returning to the event loop, for those who want one. */
  watch?: NonNullable<StoreDirectory['watch']>;
  /** How often the files were looked for, and how often with a store id. */
  probes = 0;
  probesWithStoreId = 0;

  constructor(files: MemoryDirectory = new MemoryDirectory()) {
    this.files = files;
  }

  /** Files opened from here on are reached in this way. */
  profile: Profile = profileHere;
  private threads: SteppedStore | undefined;

  /** The first that opening a store asks for, so a session of threads begins here. */
  async list(): Promise<string[]> {
    if (this.profile === 'threads') {
      const cacheBytes = CACHE_BYTES_MAX;
      this.threads = new SteppedStore({ cacheBytes, hasher: await createHasher() });
    }
    return this.files.list();
  }

  async open(file: string, options: { readonly create: boolean }): Promise<Device> {
    try {
      const device = this.wrap(openDevice(file, this.files.open(file, options)));
      return this.threads?.start(Number(file.at(-1)), device) ?? device;
    } catch (cause) {
      const isMissing = cause instanceof DOMException && cause.name === 'NotFoundError';
      throw new StoreError(isMissing ? 'NOT_FOUND' : 'LOCKED', `${file} cannot be opened.`, {
        coordinates: { file },
        cause,
      });
    }
  }

  get disks(): (() => OpenDisks) | undefined {
    const { threads } = this;
    return threads && (() => threads.disks);
  }

  async removeFile(file: string): Promise<void> {
    this.files.remove(file);
  }

  async probe(files: readonly string[], storeId?: Uint8Array): Promise<'alive' | 'gone'> {
    this.probes += 1;
    if (storeId !== undefined) this.probesWithStoreId += 1;
    return this.probing((names, id) => this.honestProbe(names, id))(files, storeId);
  }

  private async honestProbe(
    files: readonly string[],
    storeId: Uint8Array | undefined,
  ): Promise<'alive' | 'gone'> {
    for (const name of files) {
      const file = this.files.file(name);
      if (file === undefined) return 'gone';
      if (storeId === undefined) continue;
      const found = new Uint8Array(storeId.length);
      file.read(found, LABEL.at.storeId);
      if (!found.every((byte, n) => byte === storeId[n])) return 'gone';
    }
    return 'alive';
  }
}
