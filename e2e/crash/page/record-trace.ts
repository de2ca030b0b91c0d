/**
 * Makes a store and some states of it, for whoever watches the system calls. Promises are marked in a file of
 * their own.
 */
import { openStore } from '../../../src/index.ts';
import { ASKED_CHANNEL, type AskedOperation, type Plan, STORE_OPTIONS } from '../plan.ts';
import { changesOf, putState } from '../tree.ts';
import { report } from './report.ts';

const COMPACTED_EVERY = 10;

export async function recordTrace(plan: Plan): Promise<void> {
  const marks = new Worker(new URL('./marks.worker.ts', import.meta.url), { type: 'module' });
  const mark = (text: string): Promise<void> =>
    new Promise((resolve) => {
      marks.onmessage = () => resolve();
      marks.postMessage(text);
    });
  await mark('creating');
  const store = await openStore(plan.store, {
    ...STORE_OPTIONS,
    worker: () => new Worker(new URL('./recording.worker.ts', import.meta.url), { type: 'module' }),
  });
  await mark('acked 0');
  for (let state = 1; state <= (plan.states ?? 0); state += 1) {
    await mark(`submitted ${state}`);
    const changes = changesOf(plan.seed, plan.cycle, state);
    await store.transaction((tx) => putState(tx, store.blockSize, state, changes));
    await mark(`acked ${state}`);
    if (state % COMPACTED_EVERY === 0) await store.compactLogs();
  }
  await report(plan, { kind: 'traced', asked: await askedOperations() });
}

function askedOperations(): Promise<AskedOperation[]> {
  const channel = new BroadcastChannel(ASKED_CHANNEL);
  return new Promise((resolve) => {
    channel.onmessage = ({ data }: MessageEvent<AskedOperation[]>) => resolve(data);
    channel.postMessage('what was asked?');
  });
}
