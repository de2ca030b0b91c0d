/** What the registry of sabotages is made of, and the tests that several of them share. */

/** A protection that is removed on purpose, and the test that must notice. */
export interface Sabotage {
  readonly name: string;
  /** The invariant that is given up, or what else. */
  readonly protects: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  readonly test: GuardingTest;
}

export interface GuardingTest {
  readonly file: string;
  /** The names of its groups, then its own. */
  readonly title: readonly string[];
}

const EXPLORER = 'src/sim/explorer.test.ts';
const STATES = 'crash states recover as promised (I1–I6, I8)';

export const explored = (workload: string): GuardingTest => ({
  file: EXPLORER,
  title: [STATES, `of the workload ${workload}`],
});

export const EXPLORED_TWICE: GuardingTest = {
  file: EXPLORER,
  title: [STATES, 'when what follows a recovery is crashed, too'],
};

export const lied = (workload: string): GuardingTest => ({
  file: EXPLORER,
  title: [
    'flushes that lied (I1)',
    `in ${workload}, about 3 generations: an older one is opened, and it says so`,
  ],
});

export const LIED_TWICE: GuardingTest = {
  file: 'src/sim/lies-twice.test.ts',
  title: ['I1: in single-puts, flushes lie about three generations, and again after the roll-back'],
};

export const FAILING: GuardingTest = {
  file: 'src/sim/fail-nth.test.ts',
  title: ['I12: every call of single-roots fails, once and for ever'],
};

const IMAGE = 'src/sim/image-judge.test.ts';
const IMAGES = 'damaged images: a legal content or a typed error';

export const BYTES: GuardingTest = {
  file: IMAGE,
  title: [IMAGES, 'every 700th byte of the metadata is changed in one of eleven ways'],
};

export const WHOLESALE: GuardingTest = {
  file: IMAGE,
  title: [
    IMAGES,
    'files are cut, swapped, old, foreign or missing, and sectors in the wrong place',
  ],
};
