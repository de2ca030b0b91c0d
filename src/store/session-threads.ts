/**
 * The store worker's side of shared memory: makes ports to the disks' threads, publishes the state that readers see,
 * owns the epochs, and wakes the session when a disk has something to say.
 */
import type { StatesRoom } from '../arena/block-state.ts';
import { unsharedStates } from '../arena/block-state.ts';
import type { DiskIndex } from '../base/brand.ts';
import { nextTask } from '../base/next-task.ts';
import { type Device, isFault } from '../device/device.ts';
import { EpochHorizon } from '../epoch/epoch-horizon.ts';
import { EpochClock, EpochSlot } from '../epoch/epochs.ts';
import type { ReaderHorizon } from '../epoch/reader-horizon.ts';
import { arenaBlocks, type Geometry } from '../format/geometry.ts';
import { CLIENTS_MAX, PAGE_CLIENT, STORE_CLIENT } from '../shared/control-layout.ts';
import { PublishedStateWriter } from '../shared/published-state.ts';
import type { SessionMemory } from '../shared/session-memory.ts';
import { allocateSharedStates, type SharedReading, SharedStates } from '../shared/shared-states.ts';
import { DiskLink, type Waiting } from '../sync/disk-link.ts';
import { RemoteDevice } from '../sync/remote-device.ts';
import type { StoreDirectory } from './directory.ts';
import { arenasWithin } from './growth.ts';
import type { StoreStats } from './report.ts';
import { ringDisks } from './ring-disks.ts';
import { allocateSharedStats, SharedStatsWriter } from './shared-stats.ts';
import type { OpenDisks } from './store-files.ts';
import type { PublishedState } from './verbs.ts';

/** The page opens the store; others are attached to it. */
const CLIENT_NAMES: readonly string[] = Array.from({ length: CLIENTS_MAX + 1 }, (_, client) => {
  if (client === STORE_CLIENT) return 'store worker';
  return client === PAGE_CLIENT ? 'page' : `client ${client}`;
});
/** The figures that others look at are renewed once a frame at most. */
const STATS_EVERY_MS = 15;
/** Block states beyond that are not shared: maps do not show them. */
const SHARED_STATES_BYTES_MAX = 2 ** 26;

/** Asks for a thread that has the file open. Rejects with `StoreError`. */
export type StartDisk = (request: {
  readonly disk: number;
  readonly file: string;
  readonly create: boolean;
}) => Promise<void>;

/** What others look at while the engine works. */
interface SharedFigures {
  readonly stats: StoreStats;
  readonly damaged: Iterable<number>;
}

export class SessionThreads {
  readonly memory: SessionMemory;
  readonly horizon: EpochHorizon;
  private readonly clock: EpochClock;
  private readonly ownSlot: EpochSlot;
  private readonly published: PublishedStateWriter;
  private readonly waiting: Waiting;
  private readonly startDisk: StartDisk;
  private readonly links = new Map<string, DiskLink>();
  private states: SharedStates | undefined;
  /** What clients need to know, once the engine has its disks. */
  reading: SharedReading | undefined;
  private readonly stats = allocateSharedStats();
  private readonly statsWriter = new SharedStatsWriter(this.stats);
  private statsTimer: ReturnType<typeof setTimeout> | undefined;
  private stopped = false;

  constructor(parts: {
    readonly memory: SessionMemory;
    readonly waiting: Waiting;
    readonly startDisk: StartDisk;
  }) {
    const { memory, waiting, startDisk } = parts;
    this.memory = memory;
    this.waiting = waiting;
    this.startDisk = startDisk;
    const { words, control } = memory;
    const layout = { ...control, clientCount: CLIENTS_MAX + 1 };
    this.clock = new EpochClock(words, layout);
    this.ownSlot = new EpochSlot(words, layout, STORE_CLIENT);
    this.horizon = new EpochHorizon(this.clock, CLIENT_NAMES);
    this.published = new PublishedStateWriter(words, control.published);
  }

  /** Has the file opened in a thread of its own. */
  readonly openDevice: StoreDirectory['open'] = async (file, { create }): Promise<Device> => {
    const disk = Number(file.slice('disk-'.length));
    await this.startDisk({ disk, file, create });
    const { memory, waiting } = this;
    const link = new DiskLink({ disk: disk as DiskIndex, file, memory, waiting });
    this.links.set(file, link);
    return new RemoteDevice(link);
  };

  /** What the engine is given of shared memory. */
  get engineParts(): { readonly horizon: ReaderHorizon; readonly statesRoom: StatesRoom } {
    return { horizon: this.horizon, statesRoom: this.statesRoom };
  }

  /** How the engine gets at files that were opened here. */
  readonly disks = (devices: readonly Device[]): OpenDisks => {
    const links = devices.map((device) => this.links.get(device.file) as DiskLink);
    return (store) => {
      const { geometry, hashDomain } = store.label;
      const filesBytes = devices.map((device) => lengthOf(device));
      const arenaCount = arenasWithin(geometry, { maxBytes: store.maxBytes, filesBytes });
      const states = allocateSharedStates(statesSize(geometry, arenaCount));
      this.states = new SharedStates(states);
      const { slotCount } = store;
      this.reading = {
        ...{ geometry, slotCount, hashDomain, states },
        ...{ stats: this.stats, clients: CLIENT_NAMES },
      };
      return ringDisks(this.memory, links)(store);
    };
  };

  readonly statesRoom: StatesRoom = (arena, count, before) => {
    const room = this.states?.room(arena);
    if (room === undefined) return unsharedStates(arena, count, before);
    const states = room.subarray(0, count);
    if (before.buffer !== room.buffer) states.set(before);
    this.states?.setGrown(arena, count);
    return states;
  };

  publish(state: PublishedState): void {
    this.published.write({ ...state, health: 0 });
  }

  publishStats({ stats, damaged }: SharedFigures): void {
    this.statsWriter.write(stats);
    this.states?.setDamaged(damaged);
  }

  /** Something has changed: the figures are renewed soon. */
  touchStats(read: () => SharedFigures): void {
    if (this.stopped) return;
    this.statsTimer ??= setTimeout(() => {
      this.statsTimer = undefined;
      this.publishStats(read());
    }, STATS_EVERY_MS);
  }

  /** Pins what is published now, for an export. Returns how to let it go. */
  pin(): () => void {
    const entered = this.ownSlot.enter();
    return () => this.ownSlot.leave(entered);
  }

  /** The client is dead: nothing that it could see is kept for it any more. */
  forgetClient(client: number): void {
    this.clock.clear(client);
  }

  /** Calls `pump` whenever a disk has rung, until `stop`. */
  async drive(pump: () => void): Promise<void> {
    const bell = this.memory.storeBell;
    while (!this.stopped && !this.memory.ended) {
      const seen = bell.value;
      pump();
      // A bell that is rung all the time must not keep messages from being taken.
      await (bell.waitAsync(seen) ?? new Promise<void>(nextTask));
    }
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.statsTimer);
    this.memory.storeBell.ring();
  }
}

/** Who opens the store reports what is wrong with a file; here it counts as one that has not grown. */
function lengthOf(device: Device): number {
  const size = device.size();
  return isFault(size) ? 0 : size;
}

function statesSize(
  geometry: Geometry,
  arenasWanted: number,
): { arenaCount: number; arenaBlocks: number } {
  const blocks = arenaBlocks(geometry);
  const fitting = Math.max(1, Math.floor(SHARED_STATES_BYTES_MAX / blocks));
  return { arenaCount: Math.min(arenasWanted, fitting), arenaBlocks: blocks };
}
