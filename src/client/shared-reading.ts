/** Reading without messages, put together for one client of a session. */
import { EpochSlot } from '../epoch/epochs.ts';
import { CLIENTS_MAX } from '../shared/control-layout.ts';
import { PublishedStateReader } from '../shared/published-state.ts';
import type { SessionMemory } from '../shared/session-memory.ts';
import { type SharedReading, SharedStates } from '../shared/shared-states.ts';
import type { StoreStats } from '../store/report.ts';
import type { StoreVerbs } from '../store/verbs.ts';
import type { Lifeline } from './lifeline.ts';
import { SharedBlocks } from './shared-blocks.ts';
import { SharedFigures } from './shared-figures.ts';
import { SharedStatesSource } from './state-source.ts';

export interface SharedReader {
  readonly blocks: SharedBlocks;
  readonly states: SharedStatesSource;
  figures(first: StoreStats): SharedFigures;
}

export function sharedReader(parts: {
  readonly memory: SessionMemory;
  readonly reading: SharedReading;
  readonly client: number;
  readonly verbs: Pick<StoreVerbs, 'read'>;
  readonly lifeline: Lifeline;
}): SharedReader {
  const { memory, reading, client, verbs, lifeline } = parts;
  const { words, control } = memory;
  const { geometry, slotCount } = reading;
  const epoch = new EpochSlot(words, { ...control, clientCount: CLIENTS_MAX + 1 }, client);
  const published = new PublishedStateReader(words, control.published);
  const states = new SharedStates(reading.states);
  const blocks = new SharedBlocks({
    ...{ memory, geometry, slotCount, states, client, epoch, verbs, lifeline },
  });
  return {
    blocks,
    states: new SharedStatesSource(published, epoch),
    figures: (first) => new SharedFigures({ memory, reading, blocks, first }),
  };
}
