/** The page's side of the two SQLites: a worker each, one message a call, a table of blobs. */
import { type Caller, callerOf } from '../calls.ts';
import type { Peer } from './peer.ts';
import type { SqlVerbs } from './sql-settings.ts';

export async function openSqliteWasm(): Promise<Peer> {
  const worker = new Worker(new URL('./sqlite-wasm.worker.ts', import.meta.url), {
    type: 'module',
  });
  return openSql(
    'sqlite-wasm, opfs-sahpool',
    'WAL, exclusive, synchronous = full',
    callerOf<SqlVerbs>(worker),
  );
}

export async function openWaSqlite(): Promise<Peer> {
  const worker = new Worker(new URL('./wa-sqlite.worker.ts', import.meta.url), { type: 'module' });
  return openSql(
    'wa-sqlite, AccessHandlePoolVFS',
    'WAL, exclusive, synchronous = full',
    callerOf<SqlVerbs>(worker),
  );
}

async function openSql(name: string, durability: string, caller: Caller<SqlVerbs>): Promise<Peer> {
  await caller.call('open');
  return {
    name,
    durability,
    put: async (key, bytes) => caller.call('put', key, bytes),
    putMany: async (firstKey, blocks) => caller.call('putMany', firstKey, blocks),
    get: (key) => caller.call('get', key),
    async close() {
      await caller.call('close');
      caller.end();
    },
  };
}
