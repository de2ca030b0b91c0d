/**
 * The steps of crash workloads. They are text, so that a workload can be read, written by hand and printed:
 * `put 0..15 7; end; commit; delete 3; abort; compact`.
 */
import { assert } from '../base/assert.ts';
import { Random } from './random.ts';
import { TREE_KEYS } from './tree.ts';

/**
 * - `put`, `delete`: in the open transaction, which begins with the first of them.
 * - `end`, `abort`: of the open transaction.
 * - `commit`: from freeze to acknowledgement. `begin` goes up to the first fence only and waits for the liveness probe,
 *   while further steps go on; `finish` is the rest of it. `start` is less than `begin`: the fences wait, too.
 * - `compact`: asks for a compaction of every log with the next commit.
 * - `pin`, `unpin`: a reader of the present state.
 * - `reopen`: the process dies and comes back. What the files were given is there, flushed or not. `blocks`, if not 0,
 *   is how far the store may grow from now on.
 * - `die`: a `start`, and the process dies when its writes are with the system and no fence is done; then as `reopen`.
 */
export type Step =
  | { readonly kind: 'put'; readonly key: number; readonly value: number }
  | { readonly kind: 'delete'; readonly key: number }
  | { readonly kind: 'end' | 'abort' | 'commit' | 'start' | 'begin' | 'finish' | 'compact' }
  | { readonly kind: 'pin' | 'unpin' | 'die' }
  | { readonly kind: 'reopen'; readonly blocks: number };

const PLAIN = [
  'end',
  'abort',
  'commit',
  'start',
  'begin',
  'finish',
  'compact',
  'pin',
  'unpin',
  'die',
] as const;

export function stepsText(steps: readonly Step[]): string {
  return steps.map(stepText).join('; ');
}

function stepText(step: Step): string {
  if (step.kind === 'put') return `put ${step.key} ${step.value}`;
  if (step.kind === 'delete') return `delete ${step.key}`;
  return step.kind === 'reopen' ? `reopen ${step.blocks}` : step.kind;
}

/** Keys may be a range: `put 0..7 5` is eight puts. */
export function parseSteps(text: string): Step[] {
  return text
    .split(';')
    .map((step) => step.trim())
    .filter((step) => step !== '')
    .flatMap(parseStep);
}

function parseStep(text: string): Step[] {
  const [kind = '', keys = '', value = ''] = text.split(' ');
  if (kind === 'put') return keysOf(keys).map((key) => ({ kind, key, value: Number(value) }));
  if (kind === 'delete') return keysOf(keys).map((key) => ({ kind, key }));
  if (kind === 'reopen') return [{ kind, blocks: Number(keys) }];
  const plain = PLAIN.find((known) => known === kind);
  assert(plain !== undefined, 'a step is one of those known');
  return [{ kind: plain }];
}

function keysOf(text: string): number[] {
  const [first = 0, last = first] = text.split('..').map(Number);
  return Array.from({ length: last - first + 1 }, (_, n) => first + n);
}

/** About `count` steps that hold everything. The last commit takes all that has ended. */
export function randomSteps(seed: number, count: number): Step[] {
  const random = new Random(seed);
  const keys = 4 + random.below(TREE_KEYS - 4);
  const roots = random.below(12);
  const deleting = random.chance(0.3) ? 0.5 : 0.2;
  const batchMax = random.chance(0.5) ? 1 : 3;
  const steps: Step[] = [];
  const add = (probability: number, kind: (typeof PLAIN)[number]) => {
    if (random.chance(probability)) steps.push({ kind });
  };
  while (steps.length < count) {
    addChanges(steps, random, { keys, roots, deleting, batchMax });
    add(0.04, 'begin');
    if (random.chance(0.1)) steps.push({ kind: 'abort' });
    else steps.push({ kind: 'end' });
    add(0.05, 'pin');
    add(0.08, 'unpin');
    if (random.chance(0.2)) steps.push({ kind: random.chance(0.6) ? 'begin' : 'start' });
    else add(0.65, 'commit');
    add(0.1, 'finish');
    add(0.08, 'compact');
    if (random.chance(0.04)) steps.push({ kind: 'reopen', blocks: 0 });
    add(0.03, 'die');
  }
  steps.push({ kind: 'end' }, { kind: 'commit' });
  return steps;
}

interface RandomLife {
  readonly keys: number;
  readonly roots: number;
  /** The share of deletions among the changes. */
  readonly deleting: number;
  readonly batchMax: number;
}

function addChanges(steps: Step[], random: Random, options: RandomLife): void {
  const { keys, roots, deleting, batchMax } = options;
  const batch = random.chance(0.06) ? 12 : 1 + random.below(batchMax);
  for (let n = 0; n < batch; n += 1) {
    const isRoot = roots > 0 && random.chance(0.2);
    const key = isRoot ? TREE_KEYS + random.below(roots) : random.below(keys);
    if (random.chance(deleting)) steps.push({ kind: 'delete', key });
    else steps.push({ kind: 'put', key, value: random.below(256) });
  }
}
