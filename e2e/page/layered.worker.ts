/** A store's worker with a layer of its own: it counts the freezes in a block that its root names. */
import { type Layer, serveStore } from '../../src/worker.ts';

let freezes = 0;

const counter: Layer = {
  name: 'counter',
  beforeFreeze(transaction) {
    freezes += 1;
    const [pointer] = transaction.write([Uint8Array.of(freezes)]);
    const old = transaction.root('counter');
    transaction.setRoot('counter', pointer);
    if (old !== undefined) transaction.free(old);
  },
};

serveStore({ layers: [counter] });
