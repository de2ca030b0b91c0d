/** One block of 16 KiB, one transaction, asked for by the page: one after another, and 64 at once. */
import type { BlockPointer, Store } from '../../../../src/index.ts';
import type { Bar } from '../bars.ts';
import { type Group, ofKind, operationsFor, type RunContext, repeated } from '../group.ts';
import type { Bare, Floor, Limit } from '../limit.ts';
import type { Side } from '../measure.ts';
import { asPeer, BLOCK_BYTES, openFresh, quiesce } from '../own-store.ts';
import { cycling, payloads } from '../payload.ts';
import { kindOf, type Peer } from '../peers/peer.ts';

const IN_FLIGHT = 64;
const COMMIT_US = 400;
const SLOW_US = 4000;
/** Keys that no other group uses, overwritten again and again: stores of others would grow without end. */
const FIRST_KEY = 1_000_000;
const KEYS = 1024;
const STRICT = 'opfs-blocks, strict';
const RELAXED = 'opfs-blocks, relaxed';
const LIMIT = 'message + write + write + flush';
const INDEXED_DB_RELAXED = 'IndexedDB, relaxed';

export const ONE_TITLE = 'One block of 16 KiB, one transaction, main thread';

export const MANY_TITLE = 'One block of 16 KiB, one transaction, 64 in flight';

const ONE_BARS: readonly Bar[] = [
  {
    row: 'one block, one strict transaction',
    text: '≤ 1.4 × message + write + write + flush',
    ours: STRICT,
    reference: LIMIT,
    atMost: 1.4,
  },
  {
    row: 'one block, one strict transaction',
    text: 'not slower than sqlite-wasm',
    ours: STRICT,
    reference: 'sqlite-wasm, opfs-sahpool',
    atMost: 1,
  },
  {
    row: 'relaxed, one block, one at a time',
    text: '≥ 3 × IndexedDB relaxed',
    ours: RELAXED,
    reference: INDEXED_DB_RELAXED,
    atLeast: 3,
  },
];

const MANY_BARS: readonly Bar[] = [
  {
    row: '64 strict transactions at once',
    text: '≥ 5 × the rate of one after another',
    ours: STRICT,
    reference: `${STRICT}, one after another`,
    atLeast: 5,
  },
  {
    row: 'relaxed, one block, 64 in flight',
    text: '≥ 5 × IndexedDB relaxed, 64 in flight',
    ours: RELAXED,
    reference: INDEXED_DB_RELAXED,
    atLeast: 5,
  },
];

interface CommitSides {
  readonly store: Store;
  readonly peers: readonly Peer[];
  readonly blocks: readonly Uint8Array<ArrayBuffer>[];
}

export async function commits(
  context: RunContext,
  { limit, floor }: Bare,
): Promise<[Group[], Store]> {
  const store = await openFresh('bench-commits');
  const peers = [
    asPeer(store, 'strict'),
    asPeer(store, 'relaxed'),
    ...context.peersByName.values(),
  ];
  const given: CommitSides = { store, peers, blocks: payloads(IN_FLIGHT, BLOCK_BYTES) };
  const one = {
    title: ONE_TITLE,
    sides: [
      ...oneSides(given),
      ...ofKind('own', [replaceSide(given)]),
      ...ofKind('limit', [limitSide(limit, given), ...floorSides(floor, given)]),
    ],
    bars: ONE_BARS,
  };
  const many = { title: MANY_TITLE, sides: manySides(given), bars: MANY_BARS };
  return [[one, many], store];
}

function oneSides({ store, peers, blocks }: CommitSides): Side[] {
  const next = cycling(blocks);
  return peers.map((peer) => {
    const key = cycling(Array.from({ length: KEYS }, (_, n) => FIRST_KEY + n));
    const typicalUs = peer.isSlow === true ? SLOW_US : COMMIT_US;
    return repeated(peer.name, operationsFor(typicalUs), () => peer.put(key(), next()), {
      kind: kindOf(peer),
      note: peer.durability,
      settle: () => settle(peer, store),
    });
  });
}

/** What an application that overwrites does: the old block's space comes back. */
function replaceSide({ store, blocks }: CommitSides): Side {
  const next = cycling(blocks);
  let old: BlockPointer | undefined;
  return repeated('opfs-blocks, strict, replace', operationsFor(COMMIT_US), async () => {
    const bytes = next();
    old = await store.transaction((tx) =>
      old === undefined ? tx.write(bytes) : tx.replace(old, bytes),
    );
  });
}

function manySides({ store, peers, blocks }: CommitSides): Side[] {
  const strict = peers[0] as Peer;
  const oneByOne: Side = {
    name: `${STRICT}, one after another`,
    kind: 'own',
    operations: IN_FLIGHT,
    samplesPerTurn: 1,
    async sample() {
      for (const bytes of blocks) await strict.put(FIRST_KEY, bytes);
    },
  };
  // A file per block neither queues nor batches: 64 at once say nothing new about it.
  const sides = peers
    .filter(({ isSlow }) => isSlow !== true)
    .map(
      (peer): Side => ({
        name: peer.name,
        kind: kindOf(peer),
        note: peer.durability,
        operations: IN_FLIGHT,
        samplesPerTurn: 1,
        sample: () =>
          Promise.all(blocks.map((bytes, n) => peer.put(FIRST_KEY + n, bytes))).then(
            () => undefined,
          ),
        settle: () => settle(peer, store),
      }),
    );
  return [oneByOne, ...sides];
}

async function settle(peer: Peer, store: Store): Promise<void> {
  if (peer.name === RELAXED) await quiesce(store);
}

function limitSide(limit: Limit, { blocks }: CommitSides): Side {
  const next = cycling(blocks);
  // Behind the header, and through the file as new blocks would go.
  let at = 2 ** 20;
  return repeated(
    LIMIT,
    operationsFor(COMMIT_US),
    () => {
      at += BLOCK_BYTES;
      return limit.call('commit', next(), at);
    },
    { note: 'bare handle in a worker, block copied' },
  );
}

/** What the same costs through two threads, with a look whether the file is still there, but without our code. */
function floorSides(floor: Floor | undefined, { blocks }: CommitSides): Side[] {
  if (floor === undefined) return [];
  const next = cycling(blocks);
  let at = 2 ** 20;
  const commit = () => {
    at += BLOCK_BYTES;
    return floor.call('commit', next(), at);
  };
  const note = 'bare, but through two threads, hashed, and the file looked for';
  return [repeated('floor: two threads, look, flush', operationsFor(COMMIT_US), commit, { note })];
}
