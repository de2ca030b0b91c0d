/** The conformance suite over memory files, and over a handle that transfers a little at a time, as WebKit's may. */
import { describe, test } from 'vitest';
import { type ConformanceEnvironment, deviceConformance } from './device-conformance.ts';
import { openDevice } from './handle-device.ts';
import { FaultyHandle, MemoryDirectory } from './memory-handle.ts';

const memory = new MemoryDirectory();
const environments: readonly { name: string; environment: ConformanceEnvironment }[] = [
  {
    name: 'memory',
    environment: {
      open: async (file) => openDevice(file, memory.open(file)),
      sparse: true,
    },
  },
  {
    name: 'memory, every transfer short',
    environment: {
      open: async (file) => openDevice(file, shortOf(`short-${file}`)),
      sparse: true,
    },
  },
];

/** Transfers a third of what is asked, but at least a byte. */
function shortOf(file: string): FaultyHandle {
  return new FaultyHandle(memory.open(file), (operation, _nth, _offset, length) =>
    operation === 'read' || operation === 'write' ? { short: Math.ceil(length / 3) } : 'ok',
  );
}

describe.each(environments)('device conformance: $name', ({ environment }) => {
  test.each(deviceConformance)('$title', async ({ run }) => {
    await run(environment);
  });
});
