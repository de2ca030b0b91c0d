/** How cost grows with what is stored: the same few operations beside 64 MiB, 1 GiB, 8 GiB of data. */
import { type BlockPointer, openStore, type Store } from '../../../src/index.ts';
import { operationsFor, repeated } from './group.ts';
import { interleave, type Measurement, type Side } from './measure.ts';
import {
  asPeer,
  BLOCK_BYTES,
  fill,
  openFresh,
  quiesce,
  removeStore,
  writeRun,
} from './own-store.ts';
import { cycling, payloads, randomFrom } from './payload.ts';
import { openIndexedDb } from './peers/indexeddb.ts';
import { fillPeer, kindOf, type Peer } from './peers/peer.ts';
import { openSqliteWasm } from './peers/sql.ts';

export interface GrowthRequest {
  readonly dataBytes: number;
  readonly msMax: number;
  /** Without them the largest sizes take minutes less. */
  readonly peers: boolean;
}

export interface GrowthResult {
  readonly dataBytes: number;
  /** Opening the store with that much in it. */
  readonly openMs: number;
  readonly measurements: readonly Measurement[];
}

const NAME = 'bench-growth';
const BATCH = 64;
const HIT_US = 4;
const MESSAGE_US = 150;
const COMMIT_US = 400;
const LARGE_BLOCKS = 1024;

export async function measureGrowth(request: GrowthRequest): Promise<GrowthResult> {
  const options = { maxBytes: 2 * request.dataBytes + 2 ** 30 };
  const filled = await openFresh(NAME, options);
  const pointers = await fill(filled, request.dataBytes);
  await filled.close();
  const startedMs = performance.now();
  const store = await openStore(NAME, options);
  const openMs = performance.now() - startedMs;
  const count = request.dataBytes / BLOCK_BYTES;
  const peers = request.peers ? [await openIndexedDb('strict'), await openSqliteWasm()] : [];
  for (const peer of peers) await fillPeer(peer, payloads(256, BLOCK_BYTES), count);
  const sides: Side[] = [
    ...readSides(store, pointers),
    ...writeSides(store, count),
    ...peers.flatMap((peer) => [putSide(peer, count), getSide(peer, count)]),
  ];
  const plan = { roundsMax: 40, warmUpRounds: 1, samplesPerTurn: 4, msMax: request.msMax };
  const measurements = await interleave(sides, plan);
  for (const peer of peers) await peer.close();
  await removeStore(store);
  return { dataBytes: request.dataBytes, openMs, measurements };
}

function readSides(store: Store, pointers: readonly BlockPointer[]): Side[] {
  const intos = Array.from({ length: BATCH }, () => new Uint8Array(BLOCK_BYTES).fill(1));
  const pick = pickerOf(pointers);
  const nextHot = cycling(pointers.slice(0, BATCH));
  const lastRun = pointers.length - BATCH;
  const random = randomFrom(14);
  return [
    repeated('opfs-blocks, read', operationsFor(MESSAGE_US), () => store.read(pick(), intos[0])),
    repeated('opfs-blocks, read, cached', operationsFor(HIT_US), () =>
      store.read(nextHot(), intos[0]),
    ),
    {
      name: 'opfs-blocks, readMany of 64',
      operations: BATCH,
      sample: () => store.readMany(Array.from(intos, pick), intos),
    },
    {
      name: 'opfs-blocks, readMany of 64 neighbours',
      operations: BATCH,
      sample() {
        const first = random(lastRun);
        return store.readMany(pointers.slice(first, first + BATCH), intos);
      },
    },
  ];
}

function writeSides(store: Store, count: number): Side[] {
  const strict = asPeer(store, 'strict');
  const blocks = payloads(BATCH, BLOCK_BYTES);
  return [
    putSide(strict, count),
    { ...putSide(asPeer(store, 'relaxed'), count), settle: () => quiesce(store) },
    {
      name: 'opfs-blocks, strict, 64 puts at once',
      operations: BATCH,
      samplesPerTurn: 1,
      async sample() {
        await Promise.all(blocks.map((bytes, n) => strict.put(n, bytes)));
      },
    },
    {
      name: 'opfs-blocks, 16 MiB in a transaction',
      operations: LARGE_BLOCKS,
      samplesPerTurn: 1,
      every: 4,
      sample: () => store.transaction((tx) => writeRun(tx, blocks, LARGE_BLOCKS)),
    },
  ];
}

function pickerOf(pointers: readonly BlockPointer[]): () => BlockPointer {
  const random = randomFrom(11);
  return () => pointers[random(pointers.length)] as BlockPointer;
}

/** Over what is there, anywhere. */
function putSide(peer: Peer, count: number): Side {
  const random = randomFrom(12);
  const next = cycling(payloads(BATCH, BLOCK_BYTES));
  const put = () => peer.put(random(count), next());
  return repeated(`${peer.name}, put`, operationsFor(COMMIT_US), put, { kind: kindOf(peer) });
}

function getSide(peer: Peer, count: number): Side {
  const random = randomFrom(13);
  return repeated(`${peer.name}, get`, operationsFor(MESSAGE_US), () => peer.get(random(count)));
}
