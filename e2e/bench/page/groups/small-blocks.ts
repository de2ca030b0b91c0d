/** 1,000 payloads of 4 KiB in one strict transaction. */
import type { Store } from '../../../../src/index.ts';
import type { Bar } from '../bars.ts';
import type { Group, RunContext } from '../group.ts';
import type { Side } from '../measure.ts';
import { asPeer, openFresh } from '../own-store.ts';
import { payloads } from '../payload.ts';
import { kindOf } from '../peers/peer.ts';

const BLOCK_BYTES = 4096;
const BATCH = 1000;
const FIRST_KEY = 2_000_000;

export const SMALL_TITLE = '4 KiB payloads, 1,000 in a transaction';

const BARS: readonly Bar[] = [
  {
    row: '4 KiB in batches of 1,000, strict',
    text: '≥ 8 × IndexedDB strict',
    ours: 'opfs-blocks, strict',
    reference: 'IndexedDB, strict',
    atLeast: 8,
  },
];

export async function smallBlocks(context: RunContext): Promise<[Group[], Store]> {
  const store = await openFresh('bench-small', { blockSize: BLOCK_BYTES });
  const blocks = payloads(BATCH, BLOCK_BYTES);
  const peers = [asPeer(store, 'strict'), ...context.peersByName.values()];
  const sides: Side[] = [];
  for (const peer of peers) {
    const { name, durability, putMany } = peer;
    if (putMany === undefined) continue;
    sides.push({
      name,
      kind: kindOf(peer),
      note: durability,
      operations: BATCH,
      samplesPerTurn: 1,
      sample: () => putMany(FIRST_KEY, blocks),
    });
  }
  return [[{ title: SMALL_TITLE, sides, bars: BARS }], store];
}
