/** Every device's duties, on real files. */
import { openDevice } from '../../src/device/handle-device.ts';
import { openDirectory, openFile, removeStore } from '../../src/device/opfs.ts';
import { runConformance } from '../../src/testing.ts';

const STORE = 'device conformance';

async function run(): Promise<void> {
  const directory = await openDirectory(STORE, { create: true });
  const results = await runConformance({
    open: async (file) =>
      openDevice(file, await openFile(directory, file, { create: true, deadlineMs: 0 })),
    sparse: true,
  });
  await removeStore(STORE);
  postMessage(results);
}

void run();
