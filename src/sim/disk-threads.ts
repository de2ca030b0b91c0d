/** Starts real threads in Node, one a disk, from a bundle: Node cannot load our sources by itself. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { build } from 'vite';
import type { DiskIndex } from '../base/brand.ts';
import { atomicStore } from '../shared/atomics.ts';
import { SESSION } from '../shared/control-layout.ts';
import { Doorbell } from '../shared/doorbell.ts';
import { allocateSession, SessionMemory } from '../shared/session-memory.ts';
import { DiskLink, type Waiting } from '../sync/disk-link.ts';
import type { DiskThreadData } from './disk-thread.ts';

export interface ThreadBundle {
  readonly path: string;
  remove(): void;
}

export async function bundleDiskThread(): Promise<ThreadBundle> {
  const folder = mkdtempSync(join(tmpdir(), 'disk-thread-'));
  await build({
    configFile: false,
    logLevel: 'warn',
    ssr: { noExternal: true },
    build: {
      ssr: 'src/sim/disk-thread.ts',
      outDir: folder,
      emptyOutDir: false,
      target: 'node20',
      rollupOptions: { output: { entryFileNames: 'disk-thread.mjs' } },
    },
  });
  return {
    path: join(folder, 'disk-thread.mjs'),
    remove: () => rmSync(folder, { recursive: true }),
  };
}

/** A thread that has died of a bug answers nothing, and nothing else would end the test that waits for it. */
const WAITING: Waiting = {
  wait(bell, seen) {
    const started = performance.now();
    bell.wait(seen, 20_000);
    if (performance.now() - started > 19_000) throw new Error('no disk has rung for 20 s');
  },
};

/** What a thread says when it ends by itself. */
export interface ThreadEnd {
  readonly bytes: Uint8Array;
  readonly isOpen: boolean;
}

export class DiskThreads {
  readonly memory: SessionMemory;
  readonly links: readonly DiskLink[];
  readonly workers: readonly Worker[];
  /** Resolves as each thread ends; rejects when one breaks, or is killed. */
  readonly ends: readonly Promise<ThreadEnd>[];

  constructor(bundle: ThreadBundle, options: { files: readonly Uint8Array[]; cacheBytes: number }) {
    const { files, cacheBytes } = options;
    const blockBytesMin = 512;
    const slotCountMax = cacheBytes / blockBytesMin;
    const buffers = allocateSession({ cacheBytes, slotCountMax, blockBytesMin });
    this.memory = new SessionMemory(buffers);
    this.workers = files.map((bytes, disk) => {
      const workerData: DiskThreadData = { disk, buffers, bytes };
      return new Worker(bundle.path, { workerData });
    });
    this.links = files.map((_, disk) => {
      const file = `disk-${disk}`;
      return new DiskLink({
        disk: disk as DiskIndex,
        file,
        memory: this.memory,
        waiting: WAITING,
      });
    });
    this.ends = this.workers.map((worker) => endOf(worker));
  }

  /** The session is over: says so, and wakes everybody. */
  end(): void {
    const { words, control } = this.memory;
    atomicStore(words, control.session + SESSION.ended, 1);
    for (const { disk } of this.links) new Doorbell(words, control.diskBell(disk)).ring();
    new Doorbell(words, control.storeBell).ring();
  }
}

function endOf(worker: Worker): Promise<ThreadEnd> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the thread has ended without a word')));
  });
}
