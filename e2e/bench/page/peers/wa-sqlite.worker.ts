/**
 * wa-sqlite on its pool of sync access handles: of its VFS for OPFS the fastest here, in WAL mode with an exclusive
 * lock as its documentation advises. OPFSWriteAheadVFS took twice as long for a durable block.
 */
import * as SQLite from '@journeyapps/wa-sqlite';
import createModule from '@journeyapps/wa-sqlite/dist/wa-sqlite.mjs';
import { AccessHandlePoolVFS } from '@journeyapps/wa-sqlite/src/examples/AccessHandlePoolVFS.js';
import { answerCalls } from '../calls.ts';
import { SQL_GET, SQL_PUT, SQL_SETTINGS, SQL_TABLE, type SqlVerbs } from './sql-settings.ts';

interface Opened {
  readonly api: SQLiteAPI;
  readonly pool: { close(): Promise<void> };
  readonly database: number;
  readonly put: number;
  readonly get: number;
}
/** The pool's name, and its folder's. */
const FOLDER = 'bench-wa';
let opened: Opened | undefined;

function current(): Opened {
  if (opened === undefined) throw new Error('open comes first');
  return opened;
}

async function prepare(api: SQLiteAPI, database: number, sql: string): Promise<number> {
  for await (const statement of api.statements(database, sql, { unscoped: true })) return statement;
  throw new Error(`no statement: ${sql}`);
}

async function put(key: number, bytes: Uint8Array): Promise<void> {
  const { api, put: statement } = current();
  api.bind_int(statement, 1, key);
  api.bind_blob(statement, 2, bytes);
  await api.step(statement);
  await api.reset(statement);
}

const verbs: SqlVerbs = {
  async open() {
    const module = await createModule();
    const api = SQLite.Factory(module);
    const pool = await AccessHandlePoolVFS.create(FOLDER, module);
    api.vfs_register(pool as unknown as SQLiteVFS, true);
    const database = await api.open_v2('bench.db');
    for (const sql of [...SQL_SETTINGS, SQL_TABLE]) await api.exec(database, sql);
    opened = {
      ...{ api, pool, database },
      put: await prepare(api, database, SQL_PUT),
      get: await prepare(api, database, SQL_GET),
    };
  },
  put,
  async putMany(firstKey: number, blocks: readonly Uint8Array[]) {
    const { api, database } = current();
    await api.exec(database, 'BEGIN IMMEDIATE');
    for (const [n, bytes] of blocks.entries()) await put(firstKey + n, bytes);
    await api.exec(database, 'COMMIT');
  },
  async get(key: number) {
    const { api, get } = current();
    api.bind_int(get, 1, key);
    if ((await api.step(get)) !== SQLite.SQLITE_ROW) throw new Error(`no record ${key}`);
    // A copy: the blob lies in SQLite's memory.
    const bytes = api.column_blob(get, 0).slice();
    await api.reset(get);
    return bytes;
  },
  async close() {
    const { api, pool, database, put: putting, get } = current();
    await api.finalize(putting);
    await api.finalize(get);
    await api.close(database);
    await pool.close();
    const root = await navigator.storage.getDirectory();
    await root.removeEntry(FOLDER, { recursive: true });
  },
};

answerCalls(verbs);
