/** Tests only: a disk's port, in place or in another thread, for suites that every port must pass. */
import type { DiskIndex } from '../base/brand.ts';
import { isFault } from '../device/device.ts';
import { describeSession } from '../shared/session-memory.ts';
import type { DiskPort } from '../sync/disk-port.ts';
import type { DiskServer } from '../sync/disk-server.ts';
import { InlineDisk } from '../sync/inline-disk.ts';
import type { RecordingDevice } from '../sync/recording-device.ts';
import { sumMatches } from '../sync/recording-sink.ts';
import { type Chance, SteppedPort, SteppedThreads } from './stepped-threads.ts';

export interface PortOptions {
  readonly device: RecordingDevice;
  readonly blockBytes: number;
  readonly slotCount: number;
  readonly queueEntries?: number;
  readonly loadsMax?: number;
  readonly drainBytes?: number;
  /** How far a disk in another thread gets. */
  readonly chance?: Chance;
}

export interface BenchPort {
  readonly port: DiskPort;
  /** The memory that requests speak of. */
  readonly bytes: Uint8Array;
  /** Lets a disk in another thread take what was pushed and do what it will. */
  settle(): void;
  /** The disk's thread, when there is one, and one step of it, if it is awake. */
  readonly server?: DiskServer;
  readonly step?: () => boolean;
}

export const PORT_KINDS = ['inline', 'ring'] as const;
export type PortKind = (typeof PORT_KINDS)[number];

const DISK = 0 as DiskIndex;

export function openPort(kind: PortKind, options: PortOptions): BenchPort {
  const { slotCount, chance: _, ...rest } = options;
  if (kind === 'ring') return openRing(options);
  const bytes = new Uint8Array(slotCount * options.blockBytes);
  const port = new InlineDisk({ ...rest, disk: DISK, memory: { bytes }, verify: sumMatches });
  return { port, bytes, settle() {} };
}

function openRing(options: PortOptions): BenchPort {
  const { device, blockBytes, slotCount, chance, ...queues } = options;
  const threads = new SteppedThreads({ cacheBytes: slotCount * blockBytes, chance });
  const { bytes } = threads.memory;
  describeSession(threads.memory, { blockBytes, slotCount, diskCount: 1, mailboxCells: 4 });
  const server = threads.start({ ...queues, disk: DISK, device, verifier: () => sumMatches });
  const port = new SteppedPort(threads.link(DISK, device), threads);
  const fault = port.configure({ blockBytes, hashDomain: new Uint8Array(16) });
  if (fault !== undefined && isFault(fault)) throw new Error(fault.detail);
  return { port, bytes, server, settle: () => threads.settle(), step: () => threads.step() };
}
