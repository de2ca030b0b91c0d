import { expect, test } from 'vitest';
import { workloadNamed } from './catalogue.ts';
import { crashInARow, giveUpInARow, newChainTally } from './crash-chain.ts';
import { stride } from './scale.ts';

const STORES = 20 / stride(4);

test(`I1: ${STORES} stores recover from eight crashes in a row each`, () => {
  const tally = newChainTally();
  for (let seed = 1; seed <= STORES; seed += 1)
    crashInARow(workloadNamed(`random-${seed}`), 8, tally);
  expect(tally.crashes).toBe(8 * STORES);
  // Superblocks of generations that were given up were there, and their numbers burnt.
  expect(tally.rolledBackMax).toBeGreaterThan(0);
});

// Every such crash burns a generation number: with a slot chosen by the number, the fourth would have overwritten the
// only good superblock.
test('I1: six commits in a row of which only the superblock lands leave the good one where it is', () => {
  giveUpInARow(workloadNamed('ring-wrap'), 6);
});
