/**
 * The part of `FileSystemSyncAccessHandle` that we use, and the seam at which tests lie to us: memory files and
 * fault-injecting ones implement it in Node, the browser's own handle does so in a worker.
 */
export interface SyncHandle {
  read(buffer: Uint8Array, options: { at: number }): number;
  write(buffer: Uint8Array, options: { at: number }): number;
  flush(): void;
  truncate(size: number): void;
  getSize(): number;
  close(): void;
}
