/** Composition root of the hashing worker. */
import { expose } from 'comlink';
import { type Sha256, sha256Here } from './sha256.ts';

// Not awaited here: a message that comes before `expose` would be lost.
const ready = sha256Here();
const worker: Sha256 = {
  extend: async (state, blocks) => (await ready).extend(state, blocks),
  finish: async (state) => (await ready).finish(state),
};
expose(worker);
