/** Puts the measurements where the harness can start them. */
import { measureGrowth } from './growth.ts';
import { measureMemory } from './memory.ts';
import { runSuite } from './suite.ts';

export interface BenchPage {
  readonly runSuite: typeof runSuite;
  readonly measureMemory: typeof measureMemory;
  readonly measureGrowth: typeof measureGrowth;
}

declare global {
  var benchPage: BenchPage;
}

globalThis.benchPage = { runSuite, measureMemory, measureGrowth };
