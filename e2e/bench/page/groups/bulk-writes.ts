/**
 * 256 MiB in transactions of 16 MiB. Both sides write where bytes have been written before; what was written 256 MiB
 * ago is freed outside the time.
 */
import type { BlockPointer, Store } from '../../../../src/index.ts';
import type { Bar } from '../bars.ts';
import { type Group, ofKind, type RunContext } from '../group.ts';
import type { Limit } from '../limit.ts';
import type { Side } from '../measure.ts';
import { BLOCK_BYTES, fill, freeAll, MIB, openFresh, writeRun } from '../own-store.ts';
import { payloads } from '../payload.ts';

const TOTAL_BYTES = 256 * MIB;
const TRANSACTION_BYTES = 16 * MIB;
const BLOCKS = TRANSACTION_BYTES / BLOCK_BYTES;
const BLOCKS_PER_MESSAGE = 64;
const FIRST_KEY = 3_000_000;
/** Peers take ten times as long, and a hundred samples of that would be the whole run. */
const PEERS_EVERY = 4;

export const BULK_TITLE = '16 MiB in a transaction, per block of 16 KiB';

const BARS: readonly Bar[] = [
  {
    row: '256 MiB in transactions of 16 MiB, strict',
    text: '≥ 0.7 × a bare handle that hashes and writes',
    ours: 'opfs-blocks, strict',
    reference: 'bare handle, 1 MiB calls, 2 flushes',
    atLeast: 0.7,
  },
];

export async function bulkWrites(context: RunContext, limit: Limit): Promise<[Group[], Store]> {
  const store = await openFresh('bench-bulk');
  await freeAll(store, await fill(store, TOTAL_BYTES + 2 * TRANSACTION_BYTES));
  const sides = [
    ...ofKind('own', [ownSide(store)]),
    ...ofKind('limit', [limitSide(limit), floorSide(limit)]),
    ...peerSides(context),
  ];
  return [[{ title: BULK_TITLE, sides, bars: BARS }], store];
}

function ownSide(store: Store): Side {
  const blocks = payloads(BLOCKS_PER_MESSAGE, BLOCK_BYTES);
  let written: BlockPointer[] = [];
  return {
    name: 'opfs-blocks, strict',
    note: "durability: 'strict', 64 blocks a message",
    operations: BLOCKS,
    samplesPerTurn: 2,
    timesItself: true,
    async sample() {
      const startedMs = performance.now();
      const pointers = await store.transaction((tx) => writeRun(tx, blocks, BLOCKS));
      const ms = performance.now() - startedMs;
      written = written.concat(pointers);
      return ms;
    },
    async settle() {
      if (written.length * BLOCK_BYTES < TOTAL_BYTES) return;
      await freeAll(store, written);
      written = [];
    },
  };
}

function limitSide(limit: Limit): Side {
  let from = 0;
  return {
    name: 'bare handle, 1 MiB calls, 2 flushes',
    note: 'hashes and writes the same bytes in a worker, no message',
    operations: BLOCKS,
    samplesPerTurn: 2,
    timesItself: true,
    sample() {
      from += TRANSACTION_BYTES;
      return limit.call('writeRun', from, TRANSACTION_BYTES, BLOCK_BYTES);
    },
  };
}

/** Bytes of the page's have to be copied on their way to a worker, because the page keeps them. */
function floorSide(limit: Limit): Side {
  const blocks = payloads(BLOCKS_PER_MESSAGE, BLOCK_BYTES);
  let at = 0;
  return {
    name: 'floor: the same bytes from the page',
    note: 'bare, but copied and sent in pieces of 1 MiB',
    operations: BLOCKS,
    samplesPerTurn: 2,
    async sample() {
      const answers: Promise<void>[] = [];
      for (let sent = 0; sent < TRANSACTION_BYTES; sent += MIB) {
        const piece = new Uint8Array(MIB);
        for (const [n, block] of blocks.entries()) piece.set(block, n * BLOCK_BYTES);
        at += MIB;
        answers.push(limit.call('writePiece', piece, at, BLOCK_BYTES));
      }
      answers.push(limit.call('flushTwice'));
      await Promise.all(answers);
    },
  };
}

function peerSides(context: RunContext): Side[] {
  const blocks = payloads(BLOCKS_PER_MESSAGE, BLOCK_BYTES);
  const all = Array.from(
    { length: BLOCKS },
    (_, n) => blocks[n % blocks.length] as (typeof blocks)[0],
  );
  return ['IndexedDB, strict', 'sqlite-wasm, opfs-sahpool'].flatMap((name): Side[] => {
    const peer = context.peersByName.get(name);
    if (peer?.putMany === undefined) return [];
    const { putMany, durability } = peer;
    return [
      {
        name,
        note: durability,
        operations: BLOCKS,
        samplesPerTurn: 1,
        every: PEERS_EVERY,
        sample: () => putMany(FIRST_KEY, all),
      },
    ];
  });
}
