/** What the two SQLites have in common. Not beside the page's side: their workers would start themselves. */

/** What both workers answer to. */
export interface SqlVerbs {
  readonly [verb: string]: (...parameters: never[]) => unknown;
  open(): Promise<void>;
  put(key: number, bytes: Uint8Array): Promise<void> | undefined;
  putMany(firstKey: number, blocks: readonly Uint8Array[]): Promise<void> | undefined;
  get(key: number): Promise<Uint8Array> | Uint8Array;
  close(): Promise<void>;
}

/**
 * Full durability, the fastest way that it allows. Pages of 16 KiB: SQLite's own advice for large blobs is 8 or 16 KiB,
 * and beside the limit 16 was the faster here, both for 16 KiB alone and for 4 KiB in batches.
 */
export const SQL_SETTINGS = [
  'PRAGMA page_size = 16384',
  'PRAGMA locking_mode = exclusive',
  'PRAGMA synchronous = full',
  // Last: WAL without shared memory wants the exclusive lock first.
  'PRAGMA journal_mode = wal',
];
export const SQL_TABLE = 'CREATE TABLE blocks (key INTEGER PRIMARY KEY, bytes BLOB NOT NULL)';
export const SQL_PUT = 'INSERT OR REPLACE INTO blocks VALUES (?, ?)';
export const SQL_GET = 'SELECT bytes FROM blocks WHERE key = ?';
