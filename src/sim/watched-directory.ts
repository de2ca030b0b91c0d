/**
 * Memory files whose every call is seen, and may be made to fail: the n-th write of a store, whichever of its files it
 * goes to. What was seen can be played again, up to any point: the files that a crash there leaves behind.
 */
import {
  FaultyHandle,
  type HandleFault,
  type HandleOperation,
  MemoryDirectory,
} from '../device/memory-handle.ts';
import type { SyncHandle } from '../device/sync-handle.ts';

export type SeenOperation =
  | {
      readonly kind: 'write';
      readonly file: string;
      readonly offset: number;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'truncate'; readonly file: string; readonly byteCount: number }
  | { readonly kind: 'flush'; readonly file: string };

/** `nth` counts the calls of this operation on all files together, from 0. */
export type DirectoryFaultPlan = (call: {
  readonly operation: HandleOperation;
  readonly nth: number;
  readonly file: string;
  readonly offset: number;
}) => 'ok' | HandleFault;

export class WatchedDirectory extends MemoryDirectory {
  /** Writes, truncations and flushes asked for, whether or not they failed. */
  readonly seen: SeenOperation[] = [];
  readonly calls = { read: 0, write: 0, flush: 0, truncate: 0, getSize: 0, close: 0 };
  plan: DirectoryFaultPlan = () => 'ok';

  override open(
    name: string,
    options: { readonly create: boolean } = { create: true },
  ): SyncHandle {
    const handle = new FaultyHandle(super.open(name, options), (operation, _, offset) => {
      const nth = this.calls[operation];
      this.calls[operation] = nth + 1;
      return this.plan({ operation, nth, file: name, offset });
    });
    return {
      read: (buffer, place) => handle.read(buffer, place),
      write: (buffer, place) => {
        this.seen.push({ kind: 'write', file: name, offset: place.at, bytes: buffer.slice() });
        return handle.write(buffer, place);
      },
      flush: () => {
        this.seen.push({ kind: 'flush', file: name });
        handle.flush();
      },
      truncate: (byteCount) => {
        this.seen.push({ kind: 'truncate', file: name, byteCount });
        handle.truncate(byteCount);
      },
      getSize: () => handle.getSize(),
      close: () => handle.close(),
    };
  }
}

/** Does to a directory what was seen. */
export function replay(directory: MemoryDirectory, operations: readonly SeenOperation[]): void {
  for (const operation of operations) {
    if (directory.file(operation.file) === undefined) directory.open(operation.file).close();
    const file = directory.file(operation.file);
    if (operation.kind === 'write') file?.write(operation.bytes, operation.offset);
    else if (operation.kind === 'truncate') file?.truncate(operation.byteCount);
  }
}

/**
 * The files after a crash that nothing survived but what each file in `losing` had at its last flush, and all that the
 * others were given.
 */
export function crashedDirectory(
  operations: readonly SeenOperation[],
  losing: ReadonlySet<string>,
): MemoryDirectory {
  const directory = new MemoryDirectory();
  const lastFlush = new Map<string, number>();
  for (const [n, { kind, file }] of operations.entries()) {
    if (kind === 'flush') lastFlush.set(file, n);
  }
  const kept = operations.filter(
    ({ file }, n) => !losing.has(file) || n < (lastFlush.get(file) ?? -1),
  );
  replay(directory, kept);
  return directory;
}
