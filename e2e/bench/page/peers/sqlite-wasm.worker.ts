/** SQLite's own WebAssembly build on its pool of sync access handles. */
import sqlite3InitModule, {
  type OpfsSAHPoolDatabase,
  type PreparedStatement,
  type SAHPoolUtil,
} from '@sqlite.org/sqlite-wasm';
import { answerCalls } from '../calls.ts';
import { SQL_GET, SQL_PUT, SQL_SETTINGS, SQL_TABLE, type SqlVerbs } from './sql-settings.ts';

interface Opened {
  readonly pool: SAHPoolUtil;
  readonly database: OpfsSAHPoolDatabase;
  readonly put: PreparedStatement;
  readonly get: PreparedStatement;
}
let opened: Opened | undefined;

function current(): Opened {
  if (opened === undefined) throw new Error('open comes first');
  return opened;
}

function put(key: number, bytes: Uint8Array): void {
  current().put.bind([key, bytes]).stepReset();
}

const verbs: SqlVerbs = {
  async open() {
    const sqlite3 = await sqlite3InitModule();
    const pool = await sqlite3.installOpfsSAHPoolVfs({
      name: 'bench-sahpool',
      clearOnInit: true,
    });
    const database = new pool.OpfsSAHPoolDb('/bench.db');
    for (const sql of [...SQL_SETTINGS, SQL_TABLE]) database.exec(sql);
    if (database.selectValue('PRAGMA journal_mode') !== 'wal') throw new Error('no WAL');
    opened = { pool, database, put: database.prepare(SQL_PUT), get: database.prepare(SQL_GET) };
  },
  put(key: number, bytes: Uint8Array) {
    put(key, bytes);
    return undefined;
  },
  putMany(firstKey: number, blocks: readonly Uint8Array[]) {
    const { database } = current();
    database.exec('BEGIN IMMEDIATE');
    for (const [n, bytes] of blocks.entries()) put(firstKey + n, bytes);
    database.exec('COMMIT');
    return undefined;
  },
  get(key: number) {
    const { get } = current();
    get.bind(key);
    if (!get.step()) throw new Error(`no record ${key}`);
    const bytes = get.getBlob(0);
    get.reset();
    return bytes as Uint8Array;
  },
  async close() {
    const { pool, database, put: putting, get } = current();
    putting.finalize();
    get.finalize();
    database.close();
    await pool.removeVfs();
  },
};

answerCalls(verbs);
