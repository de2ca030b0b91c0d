/**
 * Both sides of the rings, interrupted: at an atomic write of one, the other may get on with its work, as another
 * thread would. What is handed over before it is complete shows as a request or a completion that is none.
 */
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { command, harnessOptions, PortHarness } from '../sim/port-harness.ts';
import { Random } from '../sim/random.ts';
import { scaled } from '../sim/scale.ts';

const interruption = vi.hoisted(() => ({ now: () => {}, count: 0 }));

vi.mock('../shared/atomics.ts', async (original) => {
  const real = await original<typeof import('../shared/atomics.ts')>();
  const interrupted =
    <Rest extends unknown[], Result>(write: (...rest: Rest) => Result) =>
    (...rest: Rest): Result => {
      const result = write(...rest);
      interruption.now();
      return result;
    };
  return {
    ...real,
    atomicStore: interrupted(real.atomicStore),
    atomicAdd: interrupted(real.atomicAdd),
    atomicExchange: interrupted(real.atomicExchange),
  };
});

/** Who is at work: the store's thread, the disk's, or the store's in the middle of the disk's, and so on. */
class Interrupted {
  readonly harness: PortHarness;
  private readonly random: Random;
  private inStore = false;
  private inDisk = false;
  private readonly diskStep: () => boolean;

  constructor(options: ConstructorParameters<typeof PortHarness>[1]) {
    this.random = new Random(options.seed ^ 0x5bd1e995);
    this.harness = new PortHarness('ring', options);
    const { server, step } = this.harness.bench;
    if (server === undefined || step === undefined) throw new Error('a ring has two sides');
    const diskStep = server.step.bind(server);
    server.step = () => {
      // It is at work, in the middle of what was interrupted.
      if (this.inDisk) return true;
      this.inDisk = true;
      const worked = diskStep();
      this.inDisk = false;
      return worked;
    };
    this.diskStep = step;
    interruption.now = () => this.interrupt();
  }

  run(verb: string, number: number): void {
    this.inStore = true;
    this.harness.run(verb, number);
    this.inStore = false;
    if (this.random.below(2) === 0) this.diskStep();
  }

  finish(): void {
    this.inStore = true;
    this.harness.finish();
    interruption.now = () => {};
  }

  private interrupt(): void {
    if (this.random.below(4) !== 0) return;
    if (this.inDisk && !this.inStore) {
      interruption.count += 1;
      this.inStore = true;
      this.harness.run('poll', 0);
      this.inStore = false;
    } else if (this.inStore && !this.inDisk) {
      interruption.count += 1;
      this.diskStep();
    }
  }
}

test('I6, I8: whoever is interrupted wherever, the other sees whole requests and completions in order', () => {
  fc.assert(
    fc.property(
      fc.array(command, { maxLength: 120, size: 'max' }),
      harnessOptions,
      (commands, options) => {
        const interrupted = new Interrupted(options);
        try {
          for (const [verb, number] of commands) interrupted.run(verb, number);
          interrupted.finish();
        } finally {
          interruption.now = () => {};
        }
      },
    ),
    { numRuns: scaled(500) },
  );
  expect(interruption.count).toBeGreaterThan(scaled(500) * 20);
});
