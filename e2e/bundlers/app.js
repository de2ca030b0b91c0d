// The same little program for every bundler: what a newcomer's first page does.
import { openStore } from 'opfs-blocks';

/** @param options what a bundler needs to be told; nothing for most. */
export async function run(options = {}) {
  const store = await openStore('first', options);
  const pointer = await store.transaction(async (tx) => {
    const written = await tx.write(new TextEncoder().encode('hello, block'));
    tx.setRoot('main', written);
    return written;
  });
  const { profile } = store;
  await store.close();

  const again = await openStore('first', { ...options, create: false });
  const bytes = await again.read(again.root('main'));
  const { clean } = await again.check({ reachable: [pointer] });
  await again.close();
  globalThis.outcome = {
    text: new TextDecoder().decode(bytes.subarray(0, 12)),
    created: [store.recovery.created, again.recovery.created],
    clean,
    profile,
    isolated: globalThis.crossOriginIsolated,
  };
}
