/** All groups of one page, one after the other: what the harness and the demo run. Leaves nothing in the origin. */
import {
  deleteStore,
  listStores,
  openStore,
  type Profile,
  type Store,
} from '../../../src/index.ts';
import {
  type Group,
  type GroupResult,
  measureGroup,
  type RunContext,
  type RunOptions,
} from './group.ts';
import { BULK_TITLE, bulkWrites } from './groups/bulk-writes.ts';
import { CACHED_TITLE, cachedReads } from './groups/cached-reads.ts';
import { commits, MANY_TITLE, ONE_TITLE } from './groups/commits.ts';
import { SMALL_TITLE, smallBlocks } from './groups/small-blocks.ts';
import { SYNC_TITLE, syncReads } from './groups/sync-reads.ts';
import { DATA_BYTES, UNCACHED_TITLE, uncachedReads } from './groups/uncached-reads.ts';
import { type Bare, closeFloor, closeLimit, openFloor, openLimit } from './limit.ts';
import { removeStore } from './own-store.ts';
import { openIdbKeyval } from './peers/idb-keyval.ts';
import { openIndexedDb } from './peers/indexeddb.ts';
import { openOpfsFiles } from './peers/opfs-files.ts';
import type { Peer } from './peers/peer.ts';
import { openSqliteWasm, openWaSqlite } from './peers/sql.ts';

export interface SuiteResult {
  readonly profile: Profile;
  readonly isolated: boolean;
  readonly groups: readonly GroupResult[];
  /** Peers that did not run, and why. */
  readonly missing: readonly string[];
  readonly seconds: number;
}

const PEERS: readonly {
  readonly name: string;
  readonly hasBar: boolean;
  open(): Promise<Peer>;
}[] = [
  { name: 'IndexedDB, strict', hasBar: true, open: () => openIndexedDb('strict') },
  { name: 'IndexedDB, relaxed', hasBar: true, open: () => openIndexedDb('relaxed') },
  { name: 'idb-keyval', hasBar: false, open: openIdbKeyval },
  { name: 'sqlite-wasm, opfs-sahpool', hasBar: true, open: openSqliteWasm },
  { name: 'wa-sqlite, AccessHandlePoolVFS', hasBar: false, open: openWaSqlite },
  { name: 'OPFS createWritable', hasBar: false, open: openOpfsFiles },
];

/** Groups that share a store, and so stand or fall together. */
const PARTS: readonly {
  readonly titles: readonly string[];
  run(context: RunContext, bare: Bare): Promise<GroupResult[]>;
}[] = [
  {
    titles: [CACHED_TITLE],
    run: async (context) => measureOn(await cachedReads(context), context),
  },
  { titles: [UNCACHED_TITLE, SYNC_TITLE], run: runUncachedReads },
  {
    titles: [ONE_TITLE, MANY_TITLE],
    run: async (context, bare) => measureOn(await commits(context, bare), context),
  },
  {
    titles: [SMALL_TITLE],
    run: async (context) => measureOn(await smallBlocks(context), context),
  },
  {
    titles: [BULK_TITLE],
    run: async (context, { limit }) => measureOn(await bulkWrites(context, limit), context),
  },
];

export async function runSuite(
  options: RunOptions,
  report: (progress: string) => void = () => undefined,
): Promise<SuiteResult> {
  const startedMs = performance.now();
  await removeLeftovers();
  const profile = await profileHere();
  const isolated = globalThis.crossOriginIsolated;
  const parts = PARTS.filter(({ titles }) => titles.some((title) => isWanted(options, title)));
  if (parts.length === 0) return { profile, isolated, groups: [], missing: [], seconds: 0 };
  const missing: string[] = [];
  const peersByName = await openPeers(options, missing);
  const groups: GroupResult[] = [];
  const limit = await openLimit(DATA_BYTES);
  const floor = await openFloor(DATA_BYTES);
  try {
    const context: RunContext = { ...options, profile, peersByName, report };
    for (const { run } of parts) groups.push(...(await run(context, { limit, floor })));
  } finally {
    await closeLimit(limit);
    await closeFloor(floor);
    for (const peer of peersByName.values()) await peer.close();
  }
  const seconds = (performance.now() - startedMs) / 1000;
  return { profile, isolated, groups, missing, seconds };
}

/** Of a run whose page was closed in the middle. */
async function removeLeftovers(): Promise<void> {
  for (const { name } of await listStores()) {
    if (name.startsWith('bench-')) await deleteStore(name);
  }
}

async function openPeers(
  { peers: wanted, barredPeersOnly }: RunOptions,
  missing: string[],
): Promise<Map<string, Peer>> {
  const peers = new Map<string, Peer>();
  if (!wanted) return peers;
  for (const { name, hasBar, open } of PEERS) {
    if (barredPeersOnly === true && !hasBar) {
      missing.push(`${name}: only in a full run`);
      continue;
    }
    try {
      const peer = await open();
      peers.set(peer.name, peer);
    } catch (error) {
      missing.push(`${name}: ${error}`);
    }
  }
  return peers;
}

async function profileHere(): Promise<Profile> {
  await deleteStore('bench-profile');
  const store = await openStore('bench-profile');
  const { profile } = store;
  await removeStore(store);
  return profile;
}

function isWanted({ only }: RunOptions, title: string): boolean {
  return only === undefined || title.toLowerCase().includes(only.toLowerCase());
}

async function measureWanted(
  groups: readonly Group[],
  context: RunContext,
): Promise<GroupResult[]> {
  const results: GroupResult[] = [];
  for (const group of groups) {
    if (isWanted(context, group.title)) results.push(await measureGroup(group, context));
  }
  return results;
}

/** Of groups on a store that nobody needs afterwards. */
async function measureOn(
  [groups, store]: readonly [readonly Group[], Store],
  context: RunContext,
): Promise<GroupResult[]> {
  const results = await measureWanted(groups, context);
  await removeStore(store);
  return results;
}

async function runUncachedReads(context: RunContext, bare: Bare): Promise<GroupResult[]> {
  const [uncached, uncachedStore] = await uncachedReads(bare.limit);
  const results = await measureWanted([uncached], context);
  const sync = await syncReads(bare, uncachedStore);
  const syncContext = { ...context, profile: sync.profile };
  results.push(...(await measureWanted([sync.group], syncContext)));
  await sync.close();
  return results;
}
