/**
 * Any requests in any order, to both kinds of ports, under small queues; `PortHarness` knows what must come of them.
 * Replay a failure by giving `fc.assert` the seed and path it prints: `{ seed, path }` as its second argument.
 */
import fc from 'fast-check';
import { test } from 'vitest';
import { PORT_KINDS } from '../sim/port-fixture.ts';
import { command, harnessOptions, PortHarness } from '../sim/port-harness.ts';
import { scaled } from '../sim/scale.ts';

test.each(PORT_KINDS)(
  'random requests to a port (%s): none lost or doubled, file as promised',
  (kind) => {
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 150, size: 'max' }),
        harnessOptions,
        (commands, chosen) => {
          const harness = new PortHarness(kind, chosen);
          for (const [verb, number] of commands) harness.run(verb, number);
          harness.finish();
        },
      ),
      { numRuns: scaled(kind === 'inline' ? 1500 : 800) },
    );
  },
);
