/**
 * The open store with all that the demo keeps in it, and its opening, closing and opening again: the page breaks its
 * store on purpose, and everything else on the page goes on with the next session.
 */
import { type CheckReport, type OpenOptions, openStore, type Store } from '../src/index.ts';
import { BlockField } from './block-field.ts';
import { FileStore } from './files.ts';
import { RandomSource } from './random.ts';
import type { Sha256 } from './sha256.ts';
import { codeOf, errorText } from './text.ts';
import { Turns } from './turns.ts';
import { Workloads } from './workloads.ts';

export interface Session {
  readonly store: Store;
  readonly files: FileStore;
  readonly field: BlockField;
  readonly workloads: Workloads;
  readonly turns: Turns;
  /** Blocks of an upload that had not ended, freed now. */
  readonly discarded: number;
  /** What could not be read of the demo's own trees, in words; usually nothing. */
  readonly flaw: string | undefined;
}

export interface HostOptions {
  readonly maxBytes: number;
  /** Of a store that is created. */
  readonly blockSize: number | undefined;
  readonly waitMs: number;
}

const ARENAS = 16;
const ARENA_BYTES_MIN = 2 ** 20;
/** Two files, so that there is something to see of queues side by side. */
const DISKS = 2;

export class StoreHost {
  readonly name: string;
  readonly #hasher: Sha256;
  readonly #options: HostOptions;
  readonly #openListeners: ((session: Session) => void)[] = [];
  readonly #closeListeners: ((session: Session) => void)[] = [];
  #session: Session | undefined;

  constructor(name: string, hasher: Sha256, options: HostOptions) {
    this.name = name;
    this.#hasher = hasher;
    this.#options = options;
  }

  /** The session, unless its store is closed or lost. */
  get session(): Session | undefined {
    return this.#session?.store.health === 'closed' ? undefined : this.#session;
  }

  /** @throws Error for controls that are disabled while there is no store. */
  get open(): Session {
    const { session } = this;
    if (session === undefined) throw new Error('The store is not open.');
    return session;
  }

  onOpen(listener: (session: Session) => void): void {
    this.#openListeners.push(listener);
  }

  /** Hears that the page itself is closing the store, before it does. */
  onClose(listener: (session: Session) => void): void {
    this.#closeListeners.push(listener);
  }

  async start(): Promise<Session> {
    const store = await this.#openStore();
    const field = new BlockField(store, new RandomSource(store.generation));
    const files = new FileStore(store, this.#hasher);
    const turns = new Turns();
    const workloads = new Workloads(store, field, turns);
    let discarded = 0;
    let flaw: string | undefined;
    try {
      discarded = await files.discardStaged();
      await field.load();
    } catch (error) {
      if (store.health === 'closed') throw error;
      flaw = errorText(error);
    }
    const session = { store, files, field, workloads, turns, discarded, flaw };
    this.#session = session;
    for (const listener of this.#openListeners) listener(session);
    return session;
  }

  /** Lets go of the store: work is stopped, what has ended is committed. */
  async close(): Promise<void> {
    const { session } = this;
    if (session === undefined) return;
    // From here on nobody asks it anything: a store that is closing does not answer.
    this.#session = undefined;
    for (const listener of this.#closeListeners) listener(session);
    await session.workloads.stopAll();
    await session.store.close();
  }

  async #openStore(): Promise<Store> {
    const { maxBytes, blockSize, waitMs } = this.#options;
    const always: OpenOptions = { maxBytes, waitMs };
    try {
      return await openStore(this.name, { ...always, create: false });
    } catch (error) {
      if (codeOf(error) !== 'NOT_FOUND') throw error;
    }
    const arenaBytes = Math.max(ARENA_BYTES_MIN, 2 ** Math.floor(Math.log2(maxBytes / ARENAS)));
    return openStore(this.name, { ...always, blockSize, arenaBytes, disks: DISKS });
  }
}

/** Every block that the demo knows to be in use. Roots that point to a single block count by themselves. */
async function* reachable({ files, field }: Session) {
  yield* files.reachable();
  yield* field.reachable();
}

/** Checks the store while nothing changes. */
export async function checkSession(
  session: Session,
  onProgress: (share: number) => void = () => {},
): Promise<CheckReport> {
  const report = await session.turns.alone(() =>
    session.store.check({
      reachable: reachable(session),
      onProgress: (done, total) => onProgress(total === 0 ? 1 : done / total),
    }),
  );
  for (const { address } of report.problems) {
    if (address !== undefined) session.field.avoided.add(address);
  }
  return report;
}
