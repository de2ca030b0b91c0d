/**
 * The page that is killed. It recovers, proves what it found, and works on until the end that it does not see
 * coming.
 */
import { deleteStore, openStore, type Store } from '../../../src/index.ts';
import { Random } from '../../../src/sim/random.ts';
import { type Plan, planIn, STORE_OPTIONS } from '../plan.ts';
import {
  changesOf,
  contentAfter,
  contentText,
  putState,
  TREE_ROOT,
  type WalkedState,
  walkState,
} from '../tree.ts';
import { recordTrace } from './record-trace.ts';
import { report } from './report.ts';

const RELAXED = 0.15;
const ROLLED_BACK = 0.1;
const COMPACTED = 0.02;

async function run(plan: Plan): Promise<void> {
  if (plan.halfCreated !== undefined) await openHalfCreated(plan, plan.halfCreated);
  await report(plan, { kind: 'opening' });
  const store = await openStore(plan.store, STORE_OPTIONS);
  const state = await verify(plan, store);
  if (plan.moment === 'creation') {
    await report(plan, { kind: 'creating' });
    await openStore(`created-${plan.cycle}`, STORE_OPTIONS);
    await report(plan, { kind: 'created' });
  }
  await work(plan, store, state);
}

async function openHalfCreated(plan: Plan, name: string): Promise<void> {
  const store = await openStore(name, STORE_OPTIONS);
  const problems = await problemsOf(store, []);
  await store.transaction(async (tx) => tx.setRoot('first', await tx.write(Uint8Array.of(1))));
  if (store.generation < 2) problems.push('it does not go on');
  const { created } = store.recovery;
  await store.close();
  await deleteStore(name);
  await report(plan, { kind: 'half-created', created, problems });
}

async function problemsOf(store: Store, reachable: WalkedState['reachable']): Promise<string[]> {
  const { problems } = await store.check({ reachable });
  return problems.map(({ message }) => message);
}

/** Tells the ledger what was recovered, with all that is wrong in it. */
async function verify(plan: Plan, store: Store): Promise<number> {
  const root = store.root(TREE_ROOT);
  const { state, content, reachable } = await walkState(root, (all) => store.readMany(all));
  const problems = await problemsOf(store, reachable);
  const { generation, rolledBack, damagedBlocks, expectedGeneration } = store.recovery;
  const actual = contentText(content);
  const expected = contentText(contentAfter(plan.seed, plan.segments, state));
  if (actual !== expected) problems.push(`state ${state} is [${actual}], not [${expected}]`);
  if (damagedBlocks.length > 0) problems.push(`damaged blocks: ${damagedBlocks.join()}`);
  if (expectedGeneration !== undefined) {
    problems.push(`the catalogue knows generation ${expectedGeneration}`);
  }
  await report(plan, { kind: 'recovered', state, generation, rolledBack, problems });
  return state;
}

/** One transaction after the other, until the end. */
async function work(plan: Plan, store: Store, recovered: number): Promise<never> {
  const random = new Random(plan.seed * 7919 + plan.cycle);
  const compacted = plan.moment === 'compaction' ? 0.3 : COMPACTED;
  let acked = recovered;
  for (let state = recovered + 1; ; state += 1) {
    await report(plan, { kind: 'step', acked, submitted: state });
    if (random.chance(ROLLED_BACK)) await rollBack(plan, store, state);
    const changes = changesOf(plan.seed, plan.cycle, state);
    const durability = random.chance(RELAXED) ? 'relaxed' : 'strict';
    await store.transaction((tx) => putState(tx, store.blockSize, state, changes), { durability });
    if (durability === 'strict') acked = state;
    if (random.chance(compacted)) {
      await report(plan, { kind: 'compacting' });
      await store.compactLogs();
    }
  }
}

async function rollBack(plan: Plan, store: Store, state: number): Promise<void> {
  const regret = new Error('rolled back on purpose');
  const changes = changesOf(plan.seed, -1, state);
  await store
    .transaction(async (tx) => {
      await putState(tx, store.blockSize, state, changes);
      throw regret;
    })
    .catch((error: unknown) => {
      if (error !== regret) throw error;
    });
}

const plan = planIn(location);
const task = plan.moment === 'trace' ? recordTrace(plan) : run(plan);
task.catch((error: unknown) => report(plan, { kind: 'failed', message: String(error) }));
